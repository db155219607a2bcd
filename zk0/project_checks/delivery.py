"""Delivery: continuous integration and installation (`delivery.*`)."""

import re
import shlex
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from packaging.specifiers import SpecifierSet

from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError
from zk0.core.project import Project, table_of
from zk0.core.verdicts import Evidence, Finding, failed, passed
from zk0.project_checks.problems import Problem, report_problems
from zk0.workflow.document import read_document

SERVICES = (
    ".github/workflows/*.y*ml",
    ".forgejo/workflows/*.y*ml",
    ".gitlab-ci.yml",
    ".circleci/config.yml",
    "azure-pipelines.yml",
    ".travis.yml",
)
RUNNERS = frozenset({"pytest", "nox", "tox", "unittest"})
BEFORE_RUNNER = frozenset(
    {"python", "python3", "-m", "uv", "uvx", "run", "poetry", "hatch", "pdm", "coverage", "xvfb-run", "-a"}
)
NOT_RUN = frozenset({"--collect-only", "--co", "--version", "-V", "--help", "-h", "--list", "-l", "install"})
SCRIPTS = ("run", "script", "command")  # the keys that hold a service's commands
OFF = (False, "false", "${{ false }}", "never", "manual")  # of `if` and `when`: the part never runs by itself
SCRIPT = re.compile(r"(?:\./|bash |sh )?(?P<file>\.?[\w-]+(?:/[\w.-]+)+)\Z")
INSTALLERS = ("environment.yml", "environment.yaml", "Dockerfile", "noxfile.py", "requirements.txt", "Makefile")
COMMENT = re.compile(r"#.*")
# A command that installs, a list of dependencies, or requirements.
INSTALLS = re.compile(
    r"\b(?:pip|uv|poetry|conda|mamba|pdm)3?\b.*\b(?:install|sync|add|create)\b|\.install\("
    r"|^dependencies:|^[\w.-]+\s*[=<>~]=|^-e ",
    re.MULTILINE,
)
WANTED_PYTHON = re.compile(r"\bpython\s*(?:==?|[-:]|[-_]version[:=]\s*)[\"']?(\d+\.\d+)")


@check("delivery.continuous-integration", reads=(Part.code,))
def continuous_integration(project: Project) -> Iterator[Finding]:
    """A service's file has a command that runs the tests on a push or a pull request, and whose failure counts."""
    files = [path for pattern in SERVICES for path in sorted(project.root.glob(pattern))]
    if not files:
        yield failed("no service is configured to run the tests", remedy="write .github/workflows/ci.yml")
        return
    for path in files:
        name = path.relative_to(project.root).as_posix()
        content = read_document(path.read_text(encoding="utf-8")).data
        for script in _scripts(content) if _is_triggered(content, name) else ():
            if command := _test_command(script, project):
                yield passed(f"runs {command}", at=name, evidence=[Evidence(name="command", value=command, at=name)])
                return
    yield failed("none of its files runs tests", at=files[0].relative_to(project.root).as_posix(), remedy="call pytest")


def _is_triggered(content: object, name: str) -> bool:
    """Return whether a push or a pull request starts a workflow of GitHub or Forgejo; the others' always do."""
    if "/workflows/" not in name or not isinstance(content, dict):
        return True
    trigger = content.get("on", content.get(True))
    return bool({"push", "pull_request", "merge_group"} & set([trigger] if isinstance(trigger, str) else trigger or ()))


def _scripts(content: object) -> Iterator[str]:
    """Yield the scripts of a service's file, but not of parts that never run or may fail."""
    if isinstance(content, list):
        for one in content:
            yield from _scripts(one)
    if not isinstance(content, dict):
        return
    if content.get("continue-on-error") is True or content.get("allow_failure") is True:
        return
    if content.get("if", True) in OFF or content.get("when") in OFF:
        return
    for key, value in content.items():
        if key in SCRIPTS and isinstance(value, str | list):
            yield value if isinstance(value, str) else "\n".join(map(str, value))
        else:
            yield from _scripts(value)


def _test_command(script: str, project: Project, depth: int = 0) -> str | None:
    """Return the command of a script, or of a script of the project that it calls, that runs tests."""
    for line in script.replace("\\\n", " ").splitlines():
        try:
            words = shlex.split(line, comments=True)
        except ValueError:  # a quotation over several lines
            continue
        if "||" in words:  # what follows hides a failure
            continue
        for between, part in groupby(words, lambda word: word in ("&&", ";", "|")):
            command = [word for word in part if not re.match(r"[A-Z_]+=", word)]
            runner = next((word for word in command if word not in BEFORE_RUNNER), "") if not between else ""
            if runner in RUNNERS and not NOT_RUN & set(command):
                return runner
            called = SCRIPT.match(" ".join(command)) if command and not depth else None
            file = project.root / called["file"] if called else None
            if file and file.is_file() and (found := _test_command(file.read_text(errors="replace"), project, 1)):
                return found
    return None


@check("delivery.installation", reads=(Part.code,))
def installation(project: Project) -> Iterator[Finding]:
    """A file installs something, all such files can be read, and they ask for a Python that the project allows."""
    files = [project.root / name for name in INSTALLERS if (project.root / name).is_file()]
    acting = [path.name for path in files if INSTALLS.search(COMMENT.sub("", path.read_text(errors="replace")))]
    if not acting:
        raise AssetMissingError("nothing installs the project", remedy="write noxfile.py or environment.yml")
    problems = [problem for path in files for problem in _problems(project, path)]
    return report_problems(problems, ", ".join(acting), remedy="correct it")


def _problems(project: Project, path: Path) -> Iterator[Problem]:
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix in (".yml", ".yaml"):
        for position, _, message in read_document(text).problems:
            yield Problem(f"{path.name}:{position.line}", message)
    if path.name == "noxfile.py":
        try:
            compile(text, path.name, "exec")
        except SyntaxError as error:
            yield Problem(f"{path.name}:{error.lineno}", f"is not Python: {error.msg}")
    wanted = str(table_of(project.pyproject, "project").get("requires-python", ""))
    for match in WANTED_PYTHON.finditer(text):
        # Some patch release of that minor version must be allowed.
        versions = [f"{match[1]}.{patch}" for patch in (0, 1, 20)]
        if wanted and not any(SpecifierSet(wanted).contains(one) for one in versions):
            line = text[: match.start()].count("\n") + 1
            yield Problem(f"{path.name}:{line}", f"asks for Python {match[1]}; the project allows {wanted}")
