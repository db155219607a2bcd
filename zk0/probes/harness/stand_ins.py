"""Stand-ins for packages that are not installed, so that code beside them can be probed all the same.

A file that loads data with one package and averages arrays with NumPy needs only NumPy for its average. While a target
is imported, a stand-in answers to any name, call, decorator and base class. Once the code runs, calling one is an error
that names the package.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from .errors import PackageMissingError

# Packages that only watch: without them the code computes the same, so their calls do nothing.
OBSERVERS = (
    "loguru",
    "wandb",
    "tqdm",
    "tensorboard",
    "tensorboardX",
    "mlflow",
    "comet_ml",
    "rich",
    "structlog",
    "icecream",
)

# Packages whose name for pip is another than for import.
PACKAGES = {
    "sklearn": "scikit-learn",
    "cv2": "opencv-python",
    "PIL": "pillow",
    "yaml": "pyyaml",
    "skimage": "scikit-image",
    "flwr_datasets": "flwr-datasets",
    "hydra": "hydra-core",
}

_names: set[str] = set()  # modules that are stood in for, with all below them
_importing = 0  # how many imports of a target are going on


@contextmanager
def importing() -> Iterator[None]:
    """Let stand-ins be called inside the block: modules call what decorates, configures and subclasses."""
    global _importing  # noqa: PLW0603  calls of stand-ins come from foreign code and can't be given an object
    _importing += 1
    try:
        yield
    finally:
        _importing -= 1


class StandIn:
    """Something of a package that is not installed."""

    def __init__(self, name: str) -> None:
        self.__dict__["stands_for"] = name

    def __repr__(self) -> str:
        return f"<{self.stands_for}, which is not installed>"

    def __getattr__(self, part: str) -> Any:
        if part.startswith("__"):
            raise AttributeError(part)
        return StandIn(f"{self.stands_for}.{part}")

    def __call__(self, *given: Any, **named: Any) -> Any:
        """Answer while a module is imported, and do nothing for what only watches."""
        watches = self.stands_for.partition(".")[0] in OBSERVERS
        if not _importing and not watches:
            raise missing_package(self.stands_for)
        if watches and given and hasattr(given[0], "__iter__") and not isinstance(given[0], (str, dict)):
            return given[0]  # a progress bar around a loop
        alone = len(given) == 1 and not named
        decorates = alone and (inspect.isfunction(given[0]) or inspect.isclass(given[0]))
        return given[0] if decorates else StandIn(f"{self.stands_for}()")

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return ()

    def __getitem__(self, _: Any) -> StandIn:
        return self

    def __iter__(self) -> Iterator[Any]:
        raise missing_package(self.stands_for)

    def __enter__(self) -> Any:
        return self()

    def __exit__(self, *_: object) -> None: ...

    def __or__(self, _: Any) -> StandIn:
        return self

    __ror__ = __or__

    def __instancecheck__(self, _: Any) -> bool:
        return False


class _StandInModule(ModuleType):
    """A module that has any name."""

    def __getattr__(self, part: str) -> Any:
        if part.startswith("__"):
            raise AttributeError(part)
        return StandIn(f"{self.__name__}.{part}")


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Find the modules that are stood in for; asked last, so what is installed comes first."""

    def find_spec(self, fullname: str, *_: object) -> Any:
        """Return a specification for a module of a missing package."""
        known = any(fullname == name or fullname.startswith(f"{name}.") for name in _names)
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True) if known else None

    def create_module(self, spec: Any) -> ModuleType:
        """Return the module."""
        return _StandInModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: it has no code."""


_FINDER = _Finder()


def stand_in_for(name: str) -> None:
    """From now on, stand in for a package or module that can't be found."""
    _names.add(name)
    if _FINDER not in sys.meta_path:
        sys.meta_path.append(_FINDER)


def is_stood_in(name: str) -> bool:
    """Return whether a package is one that a stand-in stands for."""
    return any(each.partition(".")[0] == name for each in _names)


def missing_package(name: str) -> PackageMissingError:
    """Return the error of code that needs what is not installed."""
    package = name.partition(".")[0]
    called = name.replace("()", "")
    if any(each.startswith(f"{package}.") for each in _names) or package not in {
        each.partition(".")[0] for each in _names
    }:
        return PackageMissingError(
            f"the code calls {called}, which the installed {package} does not have",
            remedy="give zk0 the interpreter of the code's own environment: --python path/to/python",
        )
    return PackageMissingError(
        f"the code needs {called}, and {package} is not installed",
        remedy=f"pip install {PACKAGES.get(package, package)}, or --python with the interpreter that has it",
    )
