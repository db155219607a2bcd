"""The project that zk0 works in: its root, settings, paths and git state.

`[tool.zk0]` in pyproject.toml holds the fields of `Settings`. Workflows and checklists are looked up in the project
first and in the installed package second, so a project can start with ours and replace any of them.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from platformdirs import user_cache_path
from pydantic import BaseModel, BeforeValidator, ByteSize, ConfigDict, Field, ValidationError

from zk0.core.errors import ConfigurationError, UnknownNameError
from zk0.core.file_snapshots import FileSnapshot, project_files, take_file_snapshot
from zk0.core.fingerprints import Tree
from zk0.core.git import GitState, read_state
from zk0.core.tree_reader import TreeReader

MARKERS = ("pyproject.toml", ".git", ".zk0")
FLOWER_CONFIG = ("tool", "flwr", "app", "config")  # where pyproject.toml has the run configuration
TRACKED_PACKAGES = ("zk0", "torch", "lerobot", "flwr", "transformers", "numpy", "mujoco", "so101-nexus", "ray")


DEFAULT_LOG_LIMIT = 100_000_000  # bytes, about a million lines: a log that people and `zk0 logs --json` can read


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


type ModuleName = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")]
type Modules = Annotated[tuple[ModuleName, ...], BeforeValidator(_listed)]


def table_of(pyproject: Mapping[str, object], *keys: str) -> dict[str, Any]:
    """Return a table of a pyproject.toml, such as `"tool", "flwr", "app"`; empty where there is none."""
    table: object = pyproject
    for key in keys:
        table = table.get(key) if isinstance(table, Mapping) else None
    return table if isinstance(table, dict) else {}


class Settings(BaseModel):
    """The `[tool.zk0]` table.

    `actions` is a module of the project's own actions and checks, or several; `log_limit` is the size of the longest
    log of a step, such as "100 MB"; `agent` is the program, with arguments, that does the steps for agents; `python` is
    the interpreter of the project's own Flower app.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    workflows: str = "workflows"
    checklists: str = "checklists"
    memory: str = "memory-bank"
    state: str = ".zk0"
    actions: Modules = ()
    log_limit: Annotated[ByteSize, Field(ge=10_000)] = ByteSize(DEFAULT_LOG_LIMIT)
    agent: tuple[str, ...] = ()
    python: str = ""


def _is_ours(key: str, value: object) -> bool:
    """Whether a key is one of `Settings`, or so near to one that it was meant to be; none of them is a table."""
    return not isinstance(value, dict) and bool(get_close_matches(key, Settings.model_fields, 1, cutoff=0.75))


class Project:
    """A directory with its settings and paths; reads, never writes.

    Args:
        root: the project's directory.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._readers: dict[tuple[str, ...], TreeReader] = {}

    @classmethod
    def find(cls, start: Path | None = None) -> "Project":
        """Return the project of the nearest parent directory that looks like one, or of `start` itself."""
        start = (start or Path.cwd()).resolve()
        for directory in (start, *start.parents):
            if any((directory / marker).exists() for marker in MARKERS):
                return cls(directory)
        return cls(start)

    @cached_property
    def pyproject(self) -> dict[str, object]:
        """The parsed pyproject.toml; empty where there is none."""
        path = self.root / "pyproject.toml"
        if not path.is_file():
            return {}
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise ConfigurationError(f"{path}: {error}", remedy="correct the file's TOML syntax") from error

    @property
    def name(self) -> str:
        """The project's name in pyproject.toml, or that of its folder."""
        return str(table_of(self.pyproject, "project").get("name") or self.root.name)

    @property
    def foreign_settings(self) -> list[str]:
        """Keys and tables in `[tool.zk0]` that are another program's: neither known nor near to a known key."""
        return [key for key, value in table_of(self.pyproject, "tool", "zk0").items() if not _is_ours(key, value)]

    @property
    def settings_are_written(self) -> bool:
        """Whether pyproject.toml has settings of zk0."""
        return any(key in Settings.model_fields for key in table_of(self.pyproject, "tool", "zk0"))

    @cached_property
    def settings(self) -> Settings:
        """The `[tool.zk0]` table, validated; what another program of the name keeps there is left alone."""
        table = table_of(self.pyproject, "tool").get("zk0", {})
        own = {key: value for key, value in table.items() if _is_ours(key, value)} if isinstance(table, dict) else table
        try:
            return Settings.model_validate(own)
        except ValidationError as error:
            keys = ", ".join(Settings.model_fields)
            raise ConfigurationError(
                f"{self.root / 'pyproject.toml'}: [tool.zk0]: {error.errors()[0]['msg']} "
                f"({'.'.join(str(part) for part in error.errors()[0]['loc'])})",
                remedy=f"the keys are {keys}",
            ) from error

    def path(self, given: str | Path) -> Path:
        """Return a path that a user gave; `~` is their home, relative paths are relative to the root."""
        return self.root / Path(given).expanduser()

    def shown(self, path: str | Path) -> str:
        """Return a path for a message: relative to the root if it is inside, else unchanged."""
        given = Path(path)
        return given.relative_to(self.root).as_posix() if given.is_relative_to(self.root) else str(path)

    @property
    def state_dir(self) -> Path:
        """The directory of runs and caches; ignored by git."""
        return self.root / self.settings.state

    @property
    def runs_dir(self) -> Path:
        """The directory of runs, one subdirectory each."""
        return self.state_dir / "runs"

    @property
    def workflows_dir(self) -> Path:
        """The project's own workflows."""
        return self.root / self.settings.workflows

    @property
    def memory_dir(self) -> Path:
        """The memory bank."""
        return self.root / self.settings.memory

    @property
    def evidence_dirs(self) -> tuple[Path, Path]:
        """Where the memory bank keeps copies of receipts: those that are cited, and those in its archive."""
        return self.memory_dir / "evidence", self.memory_dir / "archive"

    @property
    def signatures_dir(self) -> Path:
        """What people signed or waived of the checklists."""
        return self.root / self.settings.checklists / "signatures"

    def tree(self, *, without: tuple[str, ...] = ()) -> Tree:
        """Return the project's files with their digests, without zk0's own state, memory bank and signatures.

        Args:
            without: more folders to leave out, relative to the root.
        """
        settings = self.settings
        own = (settings.memory, settings.state, f"{settings.checklists}/signatures", *without)
        if own not in self._readers:
            self._readers[own] = TreeReader(self.root, own)
        return self._readers[own].read()

    def files(self) -> list[str]:
        """Return the files of the project, without zk0's own state and memory bank; none is opened.

        Raises:
            DependencyMissingError: it is a repository, and there is no git that can be trusted.
            ConfigurationError: git can't list its files.
        """
        found = project_files(self.root, without=(self.settings.memory, self.settings.state))
        return sorted(name for name in found if (self.root / name).is_file())

    def file_snapshot(self) -> FileSnapshot:
        """Return the files of the project as they are on the disk now, without zk0's own state and memory bank.

        Raises:
            DependencyMissingError: it is a repository, and there is no git that can be trusted.
            ConfigurationError: git can't list its files.
        """
        return take_file_snapshot(self.root, without=(self.settings.memory, self.settings.state))

    def resources(self, kind: str) -> Iterator[Path]:
        """Yield the directories that hold `workflows` or `checklists`: the project's, then the package's."""
        own = self.root / {"workflows": self.settings.workflows, "checklists": self.settings.checklists}[kind]
        for directory in (own, Path(str(files("zk0"))) / "_bundled" / kind, Path(__file__).parents[2] / kind):
            if directory.is_dir():
                yield directory

    def resource(self, kind: str, name: str) -> Path:
        """Return the file of this relative name from the first directory that has it."""
        for directory in self.resources(kind):
            if (directory / name).is_file():
                return directory / name
        raise UnknownNameError(f"no {name} in {kind}", remedy=f"see {kind}/")

    def git_state(self) -> GitState:
        """Return commit, branch and uncommitted changes; see `zk0.core.git.read_state`.

        Raises:
            ConfigurationError: there is a repository, and git refuses to read it.
        """
        return read_state(self.root, self.memory_dir, lambda: self.tree().code[:16])


def cache_dir() -> Path:
    """Return the directory of recordings and backbones, shared by all projects of a user; `ZK0_CACHE` overrides it.

    It is not in the project, because a ServerApp or ClientApp that Flower starts doesn't know the project's folder.
    """
    given = os.environ.get("ZK0_CACHE")
    return Path(given).expanduser() if given else user_cache_path("zk0")


def package_versions() -> dict[str, str]:
    """Return the versions of the installed packages that affect a result."""
    found: dict[str, str] = {}
    for name in TRACKED_PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
