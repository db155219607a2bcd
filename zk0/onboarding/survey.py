"""What a project is: its Flower app, strategies, clients, data sets, logs, tests and agents. Read, never run.

What can't be read is listed, so that nobody takes silence for an answer.
"""

import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from zk0.core.project import FLOWER_CONFIG, Project, table_of
from zk0.federation.own_app.declaration import flat
from zk0.onboarding.code_reading import CodeParts, CodePlace, imported_libraries, read_parts

MOST_BYTES = 1_000_000  # of a Python file; longer ones are generated
TEST = re.compile(r"(?:.*/)?(?:test_\w+|\w+_test)\.py")
REPORTS = re.compile(r"metric|eval|test|valid|log", re.IGNORECASE)
LOG = re.compile(
    r"(?:.*\.log(?:\.\w+)?|events\.out\.tfevents.*|run-\w+\.wandb|.*metrics.*\.(?:csv|jsonl)|trainer_state\.json)"
)
AGENT_FILES = (
    "AGENTS.md", "CLAUDE.md", "GEMINI.md", ".claude", ".cursor", ".cursorrules", ".kilo", ".kilocode", ".opencode",
    ".gemini", ".clinerules", ".github/copilot-instructions.md", ".agents", ".windsurfrules", ".roo",
)  # fmt: skip
BANKS = ("memory-bank", ".kilocode/rules/memory-bank", ".clinerules/memory-bank", "cline_docs", ".memory-bank")


@dataclass(frozen=True)
class FlowerApp:
    """A Flower app that a pyproject.toml declares: its components and run configuration."""

    serverapp: str
    clientapp: str
    config: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.serverapp}, {self.clientapp}"


@dataclass
class Survey(CodeParts):
    """What was found, and `unread`: what could not be read and why.

    A folder with a pyproject.toml of its own is a project of its own: it is in `projects`, and its files count there.
    """

    name: str = ""
    app: FlowerApp | None = None
    projects: dict[str, FlowerApp | None] = field(default_factory=dict)  # in sub-folders, with their apps
    logs: list[str] = field(default_factory=list)
    tests: str = ""
    tested_by: str = ""
    test_source: str = ""  # the file that says so
    libraries: set[str] = field(default_factory=set)  # that the code imports
    agents: list[str] = field(default_factory=list)
    banks: list[str] = field(default_factory=list)
    python_files: int = 0
    unread: list[str] = field(default_factory=list)

    @property
    def lacks(self) -> list[str]:
        """What was looked for and not found."""
        kinds = {
            "a Flower app in [tool.flwr.app]": self.app,
            "a strategy": self.strategies,
            "a client": self.clients,
            "a data set": self.datasets,
            "logs": self.logs,
            "tests": self.tests,
        }
        return [kind for kind, found in kinds.items() if not found]


def survey(project: Project) -> Survey:
    """Return what a project is."""
    found = Survey(name=project.name)
    files = project.files()
    for file in (file for file in files if PurePosixPath(file).name == "pyproject.toml"):
        _read_pyproject(project.root, file, found)
    inner = tuple(f"{folder}/" for folder in found.projects)
    files = [file for file in files if not file.startswith(inner)] if inner else files
    for file in files:
        path = PurePosixPath(file)
        if path.suffix == ".py":
            found.python_files += 1
            _read_code(project.root, file, found)
        elif path.parts[-2:] == ("meta", "info.json"):
            _read_dataset(project.root, file, found)
    found.strategies = _strategies(found)
    found.proximal.sort(key=lambda place: bool(REPORTS.search(place.name)))  # what only reports a term comes last
    found.logs = [file for file in files if LOG.fullmatch(PurePosixPath(file).name)] + _ignored_logs(project.root)
    found.tests, found.tested_by, found.test_source = _tests(project, files)
    found.agents = [name for name in AGENT_FILES if (project.root / name).exists()]
    found.banks = [name for name in BANKS if any((project.root / name).glob("*.md"))]
    return found


def _strategies(found: Survey) -> list[CodePlace]:
    """Return the strategies, each once: where it is defined, else where it is first used; no models."""
    named: dict[str, CodePlace] = {}
    for place in found.strategies:
        if place.name not in found.models and (place.name not in named or place.defined):
            named[place.name] = place
    return list(named.values())


def _read_pyproject(root: Path, file: str, found: Survey) -> None:
    try:
        content = tomllib.loads((root / file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        found.unread.append(f"{file}: {error}")
        return
    app = None
    if components := table_of(content, "tool", "flwr", "app", "components"):
        config = tuple(key for key, _ in flat(table_of(content, *FLOWER_CONFIG)))
        app = FlowerApp(str(components.get("serverapp", "")), str(components.get("clientapp", "")), config)
    folder = PurePosixPath(file).parent.as_posix()
    if folder == ".":
        found.app = app
    elif app or "project" in content or table_of(content, "tool", "poetry"):
        found.projects[folder] = app


def _read_code(root: Path, file: str, found: Survey) -> None:
    try:
        path = root / file
        source = path.read_bytes() if path.stat().st_size <= MOST_BYTES else b""
        found.libraries |= imported_libraries(source)
        if not TEST.fullmatch(file):  # what a test defines is no part of the project's app
            read_parts(source, file, found)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        found.unread.append(f"{file}: {error}")


def _read_dataset(root: Path, file: str, found: Survey) -> None:
    try:
        version = json.loads((root / file).read_text(encoding="utf-8"))["codebase_version"]
    except (OSError, ValueError, KeyError, TypeError):
        return  # a meta/info.json of something else
    found.datasets.append(CodePlace(f"{PurePosixPath(file).parents[1]}, LeRobot {version}", file))


def _ignored_logs(root: Path) -> list[str]:
    """Return folders that programs log into and that git usually ignores."""
    return [f"{name}/" for name in ("logs", "outputs", "wandb", "runs") if (root / name).is_dir()]


def _tests(project: Project, files: Iterable[str]) -> tuple[str, str, str]:
    """Return the command that runs the tests, what says so, and the file in which it can be read."""
    names = set(files)
    tests = [file for file in sorted(names) if TEST.fullmatch(file)]
    if "noxfile.py" in names and re.search(rb"def tests?\(", (project.root / "noxfile.py").read_bytes()):
        return "nox -s tests", "noxfile.py", "noxfile.py"
    if not tests:
        return "", "", ""
    if "tox.ini" in names:
        return "tox", "tox.ini", "tox.ini"
    if "Makefile" in names and re.search(rb"^test:", (project.root / "Makefile").read_bytes(), re.MULTILINE):
        return "make test", "Makefile", "Makefile"
    return "pytest", f"{len(tests)} test file{'s' * (len(tests) > 1)}", tests[0]
