"""Style: the project's own linter and formatter, and its rules (`style.*`)."""

import re
from collections.abc import Iterator

from zk0.core.checks import Part, check
from zk0.core.process import run_program
from zk0.core.project import Project, table_of
from zk0.core.verdicts import Evidence, Finding, passed, warned
from zk0.project_checks.problems import Problem, report_problems
from zk0.project_checks.tools import FORMATTERS, LINTERS, configured, problems_of, require_tool

# black; ruff until 0.14; ruff since.
WOULD_REFORMAT = re.compile(r"^(?:would reformat |Would reformat: | --> )(?P<file>[^:\n]+)", re.MULTILINE)


@check("style.lint", reads=(Part.code, Part.environment))
def linted(project: Project) -> Iterator[Finding]:
    """The project's linter finds nothing."""
    tool = require_tool(project, LINTERS, "linter")
    ended = run_program(tool.name, *tool.arguments, cwd=project.root)
    good, remedy = f"{tool.name} finds nothing", f"{tool.name} check --fix"
    return report_problems(problems_of(ended, tool), good, remedy=remedy)


@check("style.format", reads=(Part.code, Part.environment))
def formatted(project: Project) -> Iterator[Finding]:
    """The code is formatted as the project's formatter would."""
    tool = require_tool(project, FORMATTERS, "formatter")
    ended = run_program(tool.name, *tool.arguments, cwd=project.root)
    files = [Problem(name.strip(), "is not formatted") for name in WOULD_REFORMAT.findall(ended.out + ended.err)]
    problems = files or problems_of(ended, tool)
    return report_problems(problems, f"{tool.name} would change nothing", remedy=f"{tool.name} format")


@check("style.rules", reads=(Part.code,))
def written_down(project: Project) -> Finding:
    """The coding standards are written down as rules that a program applies."""
    tool = configured(project, LINTERS)
    if tool is None:
        return warned("no linter is configured", remedy="add [tool.ruff.lint] with `select` to pyproject.toml")
    table = table_of(project.pyproject, "tool", tool.table)
    lint = table_of(table, "lint") or table
    selected = [*lint.get("select", []), *lint.get("extend-select", [])]
    files = [name for name in tool.files if (project.root / name).is_file()]
    if selected or files:
        message = f"rules {', '.join(map(str, selected[:8]))}" if selected else f"rules in {files[0]}"
        return passed(f"{tool.name}: {message}", evidence=[Evidence(name="rules", value=len(selected), at=tool.marker)])
    return warned(f"{tool.name} is configured without a choice of rules", remedy="add `select`")
