"""The Python interpreter that a project's own programs run in, which need not be zk0's."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import Distribution
from pathlib import Path

from packaging.utils import canonicalize_name

from zk0.core.errors import DependencyMissingError
from zk0.core.project import Project

BIN = "Scripts" if os.name == "nt" else "bin"
ASK = "import json, sys; print(json.dumps(['.'.join(map(str, sys.version_info[:3])), sys.path]))"
SECONDS = 30  # to answer, on a busy machine


@dataclass(frozen=True)
class Interpreter:
    """A Python as it answered: its version, and where it looks for modules."""

    path: Path
    version: str
    search: tuple[str, ...]

    @property
    def is_own(self) -> bool:
        """Whether zk0 itself runs in it."""
        return self.path == Path(sys.executable)

    @cached_property
    def packages(self) -> dict[str, Distribution]:
        """What is installed there, by canonical name; read from its folders, nothing is imported."""
        found: dict[str, Distribution] = {}
        for one in Distribution.discover(path=list(self.search)):
            if name := one.metadata["Name"]:
                found.setdefault(canonicalize_name(name), one)  # the first on the path is the one that is imported
        return found

    @cached_property
    def modules(self) -> dict[str, frozenset[str]]:
        """The names by which each package is imported, such as `sklearn` of `scikit-learn`; by canonical name."""
        return {name: frozenset(_modules_of(package)) for name, package in self.packages.items()}


def _modules_of(package: Distribution) -> Iterator[str]:
    """Yield a package's modules: those that it lists, else the first parts of its files."""
    if listed := (package.read_text("top_level.txt") or "").split():
        yield from listed
        return
    # Not `package.files`, which looks for each of them on the disk.
    for line in (package.read_text("RECORD") or "").splitlines():
        first, within, _ = line.partition(",")[0].partition("/")
        if within and first.isidentifier() and first != "__pycache__":
            yield first
        elif first.endswith((".py", ".so", ".pyd")):
            yield first.partition(".")[0]


@cache
def interpreter_at(python: Path) -> Interpreter:
    """Return what an interpreter says of itself.

    Raises:
        DependencyMissingError: it does not run.
    """
    if python == Path(sys.executable):
        return Interpreter(python, platform.python_version(), tuple(sys.path))
    try:
        done = subprocess.run(  # noqa: S603  the interpreter that the project names
            [python, "-c", ASK], capture_output=True, text=True, timeout=SECONDS, check=True, cwd=python.parent
        )
        version, search = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise DependencyMissingError(
            f"{python} does not answer", remedy="uv venv, and install the project's dependencies into it"
        ) from error
    return Interpreter(python, version, tuple(search))


def interpreter_of(project: Project) -> Interpreter:
    """Return the interpreter that a project's own code runs in.

    Raises:
        DependencyMissingError: there is none, or it does not run.
    """
    return interpreter_at(project_python(project))


def project_python(project: Project) -> Path:
    """Return a project's interpreter: `[tool.zk0] python`, its `.venv`, the active environment, or zk0's own.

    Raises:
        DependencyMissingError: there is no interpreter where the project says.
    """
    if given := project.settings.python:
        path = project.path(given)
        if not path.is_file():
            raise DependencyMissingError(
                f"[tool.zk0] python of {project.name} names {given}, and there is no such file",
                remedy="uv venv, and install the project's dependencies into it; or correct the path",
            )
        return path
    environments = [project.root / ".venv", *map(Path, filter(None, [os.environ.get("VIRTUAL_ENV")]))]
    found = (environment / BIN / "python" for environment in environments)
    return next((path for path in found if path.is_file()), Path(sys.executable))
