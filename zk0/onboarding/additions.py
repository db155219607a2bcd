"""What zk0 adds to a project: a table in pyproject.toml, a workflow for its tests and app, a memory bank. Pure.

Everything is made from the survey. What zk0 wrote has a digest in its first line, so that `zk0 uninit` knows what
nobody edited since.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

import tomlkit
from tomlkit.exceptions import ParseError

from zk0.core.errors import ConfigurationError
from zk0.core.pages import markdown
from zk0.core.project import Project, Settings, table_of
from zk0.core.seal import is_sealed, seal
from zk0.onboarding.survey import Survey

WORKFLOW = "project"
MOST_FACTS = 3  # of a kind: more are no brief
SETTINGS = {"workflows": "workflows", "checklists": "checklists", "memory": "memory-bank"}
# Names that are none in Python: setuptools takes every other folder for a package, and refuses to build two.
UNIMPORTABLE = {"workflows": "zk0-workflows", "checklists": "zk0-checklists"}


@dataclass(frozen=True)
class Addition:
    """A file as it is and as it shall be; `before` is None where there is none yet."""

    path: str
    before: str | None
    after: str

    def diff(self) -> str:
        """Return the change as a unified diff."""
        old = (self.before or "").splitlines(keepends=True)
        new = self.after.splitlines(keepends=True)
        lines = unified_diff(old, new, f"a/{self.path}" if self.before else "/dev/null", f"b/{self.path}")
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


@dataclass(frozen=True)
class Fact:
    """An entry of the memory bank to begin with, and where it was read."""

    title: str
    sources: tuple[str, ...]


def additions(project: Project, found: Survey, python: str | None = None) -> Iterator[Addition]:
    """Yield the files to write; `python` is the interpreter of the project's code, where somebody names one.

    Raises:
        ConfigurationError: pyproject.toml is not TOML.
    """
    pyproject, folder = project.root / "pyproject.toml", project.settings.workflows
    if pyproject.is_file() and not table_of(project.pyproject, "tool", "zk0"):
        text, settings = pyproject.read_bytes().decode(), _settings(project, python)  # with its own ends of lines
        folder = settings["workflows"]
        yield Addition("pyproject.toml", text, with_table(text, settings))
    path = f"{folder}/{WORKFLOW}.yaml"
    if not (project.root / path).exists() and (found.tests or found.app):
        yield Addition(path, None, workflow(found))


def with_table(text: str, settings: dict[str, str]) -> str:
    """Return a pyproject.toml with a table for zk0 at its end; the rest keeps its bytes, and so does the last line."""
    try:
        tomlkit.parse(text)
    except ParseError as error:
        raise ConfigurationError(f"pyproject.toml: {error}", remedy="correct the file's TOML syntax") from error
    end = "\r\n" if "\r\n" in text else "\n"
    lines = ["", "[tool.zk0]", *(f"{key} = {tomlkit.item(value).as_string()}" for key, value in settings.items())]
    return text + end.join(lines) + end if text.endswith(end) else text + end + end.join(lines)


def without_table(text: str) -> str:
    """Return a pyproject.toml without what zk0 keeps in it; other programs' keys stay."""
    document = tomlkit.parse(text)
    table = document.get("tool", {}).get("zk0")
    if table is None:
        return text
    for key in list(table):
        if key in Settings.model_fields:
            del table[key]
    if table:
        return tomlkit.dumps(document)
    del document["tool"]["zk0"]
    end = "\r\n" if "\r\n" in text else "\n"
    rest = tomlkit.dumps(document).removesuffix(end)  # the blank line before the table
    return rest if text.endswith(end) else rest.removesuffix(end)


def workflow(found: Survey) -> str:
    """Return the workflow that runs the project's own tests and app."""
    parts = [part for part, there in (("its tests", found.tests), ("its Flower app", found.app)) if there]
    title = f"{'Test' if found.tests else 'Run'} {found.name}" + (
        " and run its app" if found.tests and found.app else ""
    )
    text = (
        markdown("zk0.onboarding")
        .get_template("project.yaml.j2")
        .render(
            title=title,
            purpose=f"Run {' and '.join(parts)} as this project has them, and judge the result by what was observed.",
            app=found.app,
            tested=found.tests,
        )
    )
    return seal(f"# zk0-digest: \n{text}")


def facts(found: Survey) -> Iterator[Fact]:
    """Yield what the memory bank can begin with: each with the file and line where it was read."""
    if app := found.app:
        sources = tuple(f"config:tool.flwr.app.components.{name}" for name in ("serverapp", "clientapp"))
        yield Fact(f"The Flower app is {app.serverapp} and {app.clientapp}", sources)
    for place in found.strategies[:MOST_FACTS]:
        yield Fact(f"The code has or uses the strategy {place.name}", (f"file:{place.file}:{place.line}",))
    for place in list({place.name: place for place in reversed(found.datasets)}.values())[:MOST_FACTS]:
        yield Fact(f"The code loads the data set {place.name}", (f"file:{place.file}:{place.line}",))
    if found.tests:
        yield Fact(f"The tests are run by `{found.tests}`, says {found.tested_by}", (f"file:{found.test_source}",))


def is_unedited(path: Path) -> bool:
    """Whether a file that init wrote is as it was."""
    return path.is_file() and is_sealed(path.read_text(encoding="utf-8"))


def _settings(project: Project, python: str | None) -> dict[str, str]:
    """Return the settings to write: where things are, and the interpreter if the project has its own."""
    named = python or (".venv/bin/python" if (project.root / ".venv/bin/python").exists() else "")
    own = {"python": project.shown(named)} if named else {}
    return {**SETTINGS, **(UNIMPORTABLE if _discovers_packages(project) else {}), **own}


def _discovers_packages(project: Project) -> bool:
    """Whether setuptools builds this project and looks for its packages itself, in the top folder."""
    backend = str(table_of(project.pyproject, "build-system").get("build-backend", "setuptools"))
    named = {"packages", "py-modules", "package-dir"} & table_of(project.pyproject, "tool", "setuptools").keys()
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in project.root.glob("setup.*")]
    named_there = any("packages" in text or "py_modules" in text for text in texts)
    built = backend.startswith("setuptools") and ("project" in project.pyproject or bool(texts))
    return built and not named and not named_there and not (project.root / "src").is_dir()
