"""The programs that checks ask: the project's own linter, formatter and type checker, Ruff's rules, and deptry.

Ruff resolves imports, so `from os import system` is found as `os.system` is. It runs with the rules that a check names,
not with the project's settings, and `# noqa` in the project's code does not silence a check.
"""

import json
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from pathlib import Path

from zk0.core.errors import AssetMissingError, RequestError
from zk0.core.process import Completed, run_program
from zk0.core.project import Project, table_of
from zk0.project_checks.problems import Problem
from zk0.project_checks.sources import Module

LINE = re.compile(r"(?P<at>[^\s:][^:]*(?::cell \d+)?:\d+)(?::\d+)?:? (?P<message>.+)")
OWN_DEPTRY = re.compile(r"^\[+tool\.deptry.*?(?=^\[|\Z)", re.MULTILINE | re.DOTALL)
FILES_AT_ONCE = 1000  # the system limits the length of a command


@dataclass(frozen=True)
class Tool:
    """A program, the table of pyproject.toml and the files that configure it, and its arguments."""

    name: str
    table: str
    files: tuple[str, ...]
    arguments: tuple[str, ...] = ()

    @property
    def marker(self) -> str:
        """Its table in pyproject.toml."""
        return f"[tool.{self.table}]"


RUFF = ("ruff.toml", ".ruff.toml")
LINTERS = (
    Tool("ruff", "ruff", RUFF, ("check", "--output-format=concise", "--no-fix")),
    Tool("flake8", "flake8", (".flake8",)),
    Tool("pylint", "pylint", (".pylintrc", "pylintrc"), ("--recursive=y", "--score=n", ".")),
)
FORMATTERS = (
    Tool("ruff", "ruff", RUFF, ("format", "--check")),
    Tool("black", "black", (), ("--check", "--quiet", ".")),
)
TYPE_CHECKERS = (
    Tool("mypy", "mypy", ("mypy.ini", ".mypy.ini"), ("--no-error-summary", "--hide-error-context")),
    Tool("pyright", "pyright", ("pyrightconfig.json",)),
)
TEST_RUNNERS = (Tool("pytest", "pytest", ("pytest.ini", "tox.ini", "conftest.py", "tests/conftest.py")),)


def configured(project: Project, tools: Sequence[Tool]) -> Tool | None:
    """Return the first of these tools that the project configures."""
    tables = table_of(project.pyproject, "tool")
    for tool in tools:
        if tool.table in tables or any((project.root / name).is_file() for name in tool.files):
            return tool
    return None


def require_tool(project: Project, tools: Sequence[Tool], kind: str) -> Tool:
    """Return the first of these tools that the project configures.

    Raises:
        AssetMissingError: it configures none of them.
    """
    if tool := configured(project, tools):
        return tool
    names = ", ".join(tool.name for tool in tools)
    raise AssetMissingError(f"no {kind} is configured ({names})", remedy=f"add {tools[0].marker} to pyproject.toml")


def problems_of(ended: Completed, tool: Tool) -> list[Problem]:
    """Return what a linter or type checker printed as `file:line: message`; its failure if it printed none."""
    lines = [match for line in ended.out.splitlines() if (match := LINE.match(line))]
    if ended.status and not lines:
        printed = (ended.out.strip() or ended.err.strip()).splitlines() or ["no output"]  # warnings go to stderr
        return [Problem("", f"{tool.name} ended with exit status {ended.status}: {printed[-1]}")]
    return [Problem(match["at"], match["message"]) for match in lines] if ended.status else []


def ask_ruff(
    project: Project, modules: Iterable[Module], rules: Sequence[str], *, banned: Mapping[str, str] = {}
) -> list[Problem]:
    """Return what Ruff's rules, such as `S307`, find in some modules; `banned` names are forbidden with a reason.

    Raises:
        DependencyMissingError: Ruff is not installed.
        AssetMissingError: this Ruff does not know a rule.
        RequestError: a file is not Python.
    """
    wanted = [*rules, "TID251"] if banned else rules
    table = ", ".join(f"{json.dumps(name)} = {{msg = {json.dumps(why)}}}" for name, why in banned.items())
    command = ["ruff", "check", "--isolated", "--no-cache", "--no-fix", "--ignore-noqa", "--target-version=py314"]
    command += ["--output-format=json", f"--select={','.join(wanted)}"]
    command += [f"--config=lint.flake8-tidy-imports.banned-api = {{{table}}}", "--"]
    problems = []
    for names in batched(sorted(module.name for module in modules), FILES_AT_ONCE):
        ended = run_program(*command, *names, cwd=project.root)
        if ended.status not in (0, 1):
            raise AssetMissingError(f"ruff can't judge the code: {ended.reason}", remedy="pip install -U ruff")
        for one in json.loads(ended.out):
            at = f"{project.shown(one['filename'])}:{one['location']['row']}"
            if one["code"] not in wanted:
                raise RequestError(f"{at} is not Python: {one['message']}", remedy="correct it")
            problems.append(Problem(at, one["message"]))
    return problems


def ask_deptry(
    project: Project, own: Iterable[str], modules: Mapping[str, Iterable[str]]
) -> list[tuple[str, str, str]]:
    """Return (`file:line`, imported name, message) of each import of a package that the project does not declare.

    `own` are the names that its own packages are imported by, `modules` those of other packages, by package: deptry
    itself knows the environment that it is installed in, which need not be the project's.

    Raises:
        DependencyMissingError: deptry is not installed.
        AssetMissingError: it can't read the project.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "deptry.json"
        # Unused dependencies (2) and imports of development tools (4) and of the standard library (5) are all declared.
        command = ["deptry", ".", "--no-ansi", f"--json-output={out}", "--ignore=DEP002,DEP004,DEP005"]
        if modules:
            pairs = (f"{package}={'|'.join(sorted(names))}" for package, names in sorted(modules.items()))
            command.append(f"--package-module-name-map={','.join(pairs)}")
        if table_of(project.pyproject, "tool", "deptry"):  # it may leave out what is to be judged
            plain = Path(folder) / "pyproject.toml"
            plain.write_text(OWN_DEPTRY.sub("", (project.root / "pyproject.toml").read_text(encoding="utf-8")))
            command.append(f"--config={plain}")
        ended = run_program(*command, *(f"--known-first-party={name}" for name in sorted(own)), cwd=project.root)
        if not out.is_file():
            reason = ended.err.strip().splitlines() or ["no output"]
            raise AssetMissingError(f"deptry can't read the project: {reason[-1]}", remedy="deptry .")
        found = json.loads(out.read_text(encoding="utf-8"))
    return [
        (f"{one['location']['file']}:{one['location']['line']}", one["module"], one["error"]["message"])
        for one in found
    ]
