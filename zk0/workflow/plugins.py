"""A project's own actions and checks: the modules that `[tool.zk0] actions` names.

They are looked for in the project's root and in its `src/`, before all that is installed, and imported when a name is
asked for that no distribution has, or when all names are listed.
"""

import importlib
import sys
import traceback
from pathlib import Path

from zk0.core.errors import ConfigurationError, DependencyMissingError, Zk0Error
from zk0.core.project import Project


class ProjectPlugins:
    """Imports a project's modules of actions and checks, once.

    Args:
        project: whose they are.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self._imported: set[str] = set()
        self._failure: Zk0Error | None = None

    def __call__(self) -> None:
        """Import what has not been imported yet, which registers it.

        Raises:
            ConfigurationError: there is no such module, or it is wrong.
            DependencyMissingError: what it imports is not installed.
        """
        if self._failure:
            raise self._failure  # a second try would fail on the names that are already registered
        for name in self.project.settings.actions:
            if name not in self._imported:
                self._imported.add(name)
                try:
                    self._import(name)
                except Zk0Error as error:
                    self._failure = error
                    raise

    def _import(self, name: str) -> None:
        for directory in (self.project.root / "src", self.project.root):
            if directory.is_dir() and str(directory) not in sys.path:
                sys.path.insert(0, str(directory))
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name and f"{name}.".startswith(f"{error.name}."):
                raise ConfigurationError(
                    f"no module {name} in {self.project.root}, its src, or the installed packages",
                    remedy=f"write {name.replace('.', '/')}.py, or correct [tool.zk0] actions in pyproject.toml",
                ) from error
            raise DependencyMissingError(
                f"the project's actions ({name}) need {error.name}, which is not installed",
                remedy=f"pip install {error.name}",
            ) from error
        except Exception as error:  # a module may raise anything on import; the message names the place
            raise ConfigurationError(
                f"the project's actions ({name}) can't be imported: {self._place(error)}{error}",
                remedy=f"correct {name}, which [tool.zk0] in pyproject.toml names",
            ) from error

    def _place(self, error: Exception) -> str:
        """Return where in the project an error was raised."""
        if isinstance(error, SyntaxError) and error.filename:
            return f"{self.project.shown(error.filename)}:{error.lineno}: "
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if self._is_own(frame.filename)]
        return f"{self.project.shown(own[-1].filename)}:{own[-1].lineno}: {type(error).__name__}: " if own else ""

    def _is_own(self, file: str) -> bool:
        return Path(file).is_relative_to(self.project.root)
