"""Style: what the project's linter and formatter say, and whether the rules are written down."""

import re
from collections.abc import Iterator, Sequence

from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError
from zk0.core.process import Completed, run_program
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, passed, warned
from zk0.project_checks.problems import Problem, found
from zk0.project_checks.tools import FORMATTERS, LINTERS, Tool, configured

LINE = re.compile(r"(?P<at>[^\s:][^:]*:\d+)(?::\d+)?:? (?P<message>.+)")
# black; ruff until 0.14; ruff since.
WOULD_REFORMAT = re.compile(r"^(?:would reformat |Would reformat: | --> )(?P<file>[^:\n]+)", re.MULTILINE)


@check("style.lint", reads=(Part.code, Part.environment))
def linted(project: Project) -> Iterator[Finding]:
    """The project's linter finds nothing."""
    tool = _required(project, LINTERS, "linter")
    ended = run_program(tool.name, *tool.arguments, cwd=project.root)
    yield from found(problems_of(ended, tool), good=f"{tool.name} finds nothing", remedy=f"{tool.name} check --fix")


@check("style.format", reads=(Part.code, Part.environment))
def formatted(project: Project) -> Iterator[Finding]:
    """The code is formatted as the project's formatter would."""
    tool = _required(project, FORMATTERS, "formatter")
    ended = run_program(tool.name, *tool.arguments, cwd=project.root)
    files = [Problem(name.strip(), "is not formatted") for name in WOULD_REFORMAT.findall(ended.out + ended.err)]
    problems = files or problems_of(ended, tool)
    yield from found(problems, good=f"{tool.name} would change nothing", remedy=f"{tool.name} format")


@check("style.rules", reads=(Part.code,))
def written_down(project: Project) -> Iterator[Finding]:
    """The coding standards are written down as rules that a program applies."""
    tool = configured(project, LINTERS)
    if tool is None:
        yield warned("no linter is configured", remedy="add [tool.ruff.lint] with `select` to pyproject.toml")
        return
    tables = project.pyproject.get("tool")
    table = tables.get(tool.table) if isinstance(tables, dict) else None
    lint = table.get("lint", table) if isinstance(table, dict) else {}
    selected = [*lint.get("select", []), *lint.get("extend-select", [])] if isinstance(lint, dict) else []
    files = [name for name in tool.files if (project.root / name).is_file()]
    if selected or files:
        told = f"rules {', '.join(map(str, selected[:8]))}" if selected else f"rules in {files[0]}"
        yield passed(f"{tool.name}: {told}", evidence=[Evidence(name="rules", value=len(selected), at=tool.marker)])
    else:
        yield warned(f"{tool.name} is configured without a choice of rules", remedy="add `select`")


def problems_of(ended: Completed, tool: Tool) -> list[Problem]:
    """Return what a linter or type checker printed as `file:line: message`; its failure where it printed none."""
    lines = [match for line in ended.out.splitlines() if (match := LINE.match(line))]
    if ended.status and not lines:
        told = (ended.err or ended.out).strip().splitlines()
        return [Problem("", f"{tool.name} ended with exit status {ended.status}: {told[-1] if told else 'no word'}")]
    return [Problem(match["at"], match["message"]) for match in lines] if ended.status else []


def _required(project: Project, tools: Sequence[Tool], kind: str) -> Tool:
    tool = configured(project, tools)
    if tool is None:
        names = ", ".join(tool.name for tool in tools)
        raise AssetMissingError(f"no {kind} is configured ({names})", remedy="add [tool.ruff] to pyproject.toml")
    return tool
