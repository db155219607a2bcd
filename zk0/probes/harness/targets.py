"""Find the code that a target names.

A target is `file.py:name`, `package.module:name` or `package.module.name`; a name may have dots (`Client.fit`). Of
a file in a package the whole package is made importable, so that its relative imports work.
"""

import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from zk0.core.errors import DependencyMissingError, ProbeError


@dataclass(frozen=True)
class Target:
    """Named code: `owner` is the class where the name is `Class.method`, `module` is where it was found."""

    text: str
    value: Any
    module: ModuleType
    root: Path
    owner: type | None = None

    @property
    def name(self) -> str:
        """The name without the module or file."""
        return self.text.rpartition(":")[2]

    @property
    def at(self) -> str:
        """`file:line`, with the file relative to the project where it is inside."""
        return location(self.value, self.root) or self.text


def location(value: Any, root: Path) -> str | None:
    """Return `file:line` of a function, a class or an instance of one; None for what has no source."""
    code = value if inspect.isroutine(value) or inspect.isclass(value) or inspect.ismodule(value) else type(value)
    try:
        file = Path(inspect.getsourcefile(code) or "")
        line = inspect.getsourcelines(code)[1]
    except (OSError, TypeError):
        return None
    return f"{shown(file, root)}:{max(line, 1)}"


def shown(file: Path, root: Path) -> str:
    """Return a file's name as a reader of the project knows it."""
    return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)


def find_target(text: str, root: Path) -> Target:
    """Import the module and look the name up.

    Raises:
        ProbeError: there is no such file, module or name, or it can't be imported.
        DependencyMissingError: it imports a package that is not installed.
    """
    for folder in (root / "src", root):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    place, colon, name = text.partition(":")
    if place.endswith(".py"):
        module = _import(text, root, lambda: _module_of_file(text, root / place))
    elif colon:
        module = _import(text, root, lambda: importlib.import_module(place))
    else:
        module, name = _longest_module(text, root)
    value, owner = _look_up(text, module, name)
    return Target(text, value, module, root, owner)


def _module_of_file(text: str, file: Path) -> ModuleType:
    if not file.is_file():
        raise ProbeError(f"{text}: no file {file}", remedy="zk0 probe KIND path/to/file.py:name")
    folder, parts = file.parent, [file.stem]
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    sys.path.insert(0, str(folder))
    if len(parts) > 1:
        return importlib.import_module(".".join(parts).removesuffix(".__init__"))
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ProbeError(f"{text}: {file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


def _longest_module(text: str, root: Path) -> tuple[ModuleType, str]:
    parts = text.split(".")
    for count in range(len(parts), 0, -1):
        name = ".".join(parts[:count])
        if _exists(name):
            return _import(text, root, lambda name=name: importlib.import_module(name)), ".".join(parts[count:])  # type: ignore[misc]
    raise _no_module(text, parts[0], root)


def _no_module(text: str, name: str | None, root: Path) -> ProbeError:
    return ProbeError(
        f"{text}: no module {name!r} in {root} or among the installed packages",
        remedy="name it as package.module:name or path/to/file.py:name",
    )


def _exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):  # a parent is not a package, or fails when it is imported
        return False


def _import(text: str, root: Path, load: Callable[[], ModuleType]) -> ModuleType:
    try:
        return load()
    except ProbeError:
        raise
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == text.partition(":")[0].partition(".")[0]:
            raise _no_module(text, error.name, root) from error
        raise DependencyMissingError(
            f"{text} imports {error.name}, which is not installed ({where_raised(error, root)})",
            remedy=f"pip install {missing}",
        ) from error
    except (Exception, SystemExit) as error:
        raise ProbeError(
            f"{text} can't be imported: {describe(error, root)}", remedy="mend the import first"
        ) from error


def _look_up(text: str, module: ModuleType, name: str) -> tuple[Any, type | None]:
    value, owner = module, None
    for part in filter(None, name.split(".")):
        owner = value if inspect.isclass(value) else None
        if not hasattr(value, part):
            known = [known for known in dir(value) if not known.startswith("_")]
            near = get_close_matches(part, known, n=3)
            raise ProbeError(
                f"{text}: {getattr(value, '__name__', value)} has no {part!r}",
                remedy=f"did you mean {', '.join(near)}?" if near else f"it has {', '.join(known[:12]) or 'nothing'}",
            )
        value = getattr(value, part)
    return value, owner


def describe(error: BaseException, root: Path) -> str:
    """Return an exception in one line, with the place in the foreign code that raised it."""
    place = where_raised(error, root)
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" + (f" ({place})" if place else "")


def where_raised(error: BaseException, root: Path) -> str:
    """Return `file:line` of the innermost frame inside the project, else of the innermost."""
    ours = (str(Path(__file__).parent), "<frozen")
    frames = [each for each in traceback.extract_tb(error.__traceback__) if not each.filename.startswith(ours)]
    inside = [frame for frame in frames if Path(frame.filename).is_relative_to(root)] or frames
    return f"{shown(Path(inside[-1].filename), root)}:{inside[-1].lineno}" if inside else ""
