"""Style: the project's own linter and formatter, and its rules (`style.*`)."""

import re
from collections.abc import Iterator

from zk0.core.checks import Part, check
from zk0.core.process import run_program
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, failed, passed_if, warned
from zk0.project_checks.narrowing import ruff_left_out, ruff_rules
from zk0.project_checks.problems import Problem, report_problems
from zk0.project_checks.sources import library
from zk0.project_checks.tools import FORMATTERS, LINTERS, ask_ruff, configured, problems_of, require_tool

# black; ruff until 0.14; ruff since.
WOULD_REFORMAT = re.compile(r"^(?:would reformat |Would reformat: |[ ]+--> )(?P<file>[^:\n]+)", re.MULTILINE)


# Of pycodestyle: imports, statements, comparisons, names, blanks. How long lines are is the project's choice.
PEP8 = ("E401", "E701", "E702", "E703", "E711", "E712", "E713", "E714", "E721", "E722", "E731", "E741", "W291", "W605")
ENOUGH = 10  # rules besides those on docstrings; pyflakes alone has four times as many


@check("style.lint", reads=(Part.code, Part.environment))
def linted(project: Project) -> Iterator[Finding]:
    """The project's linter finds nothing and sees all files, and Ruff's rules for PEP 8 find nothing in them."""
    tool = require_tool(project, LINTERS, "linter")
    hidden = ruff_left_out(project) if tool.name == "ruff" else []
    ended = run_program(tool.name, *tool.arguments, cwd=project.root)
    good, remedy = f"{tool.name} and PEP 8's rules find nothing", f"{tool.name} check --fix"
    problems = [*problems_of(ended, tool), *hidden, *ask_ruff(project, library(project), PEP8)]
    return report_problems(problems, good, remedy=remedy)


@check("style.format", reads=(Part.code, Part.environment))
def formatted(project: Project) -> Iterator[Finding]:
    """The project's formatter would change nothing, and sees all files."""
    tool = require_tool(project, FORMATTERS, "formatter")
    ended = run_program(tool.name, *tool.arguments, cwd=project.root)
    files = [Problem(name.strip(), "is not formatted") for name in WOULD_REFORMAT.findall(ended.out + ended.err)]
    problems = [*(files or problems_of(ended, tool)), *(ruff_left_out(project) if tool.name == "ruff" else ())]
    return report_problems(problems, f"{tool.name} would change nothing", remedy=f"{tool.name} format")


@check("style.rules", reads=(Part.code, Part.environment))
def written_down(project: Project) -> Finding:
    """Ruff is configured, applies rules of style to the library, and leaves no file of it out."""
    tool = configured(project, LINTERS)
    if tool is None or tool.name != "ruff":
        return warned("no rules that zk0 can read are configured", remedy="add [tool.ruff.lint] with `select`")
    if hidden := ruff_left_out(project):
        return failed(f"{hidden[0].at} {hidden[0].message}", remedy="let Ruff see the whole library")
    rules = [rule for rule in ruff_rules(project) if not re.fullmatch(r"D\d{3}", rule)]
    evidence = [Evidence(name="rules", value=len(rules), at=tool.marker)]
    message = f"ruff applies {len(rules)} rules besides those on docstrings, {ENOUGH} wanted"
    return passed_if(len(rules) >= ENOUGH, message, evidence=evidence, doubtful=True, remedy="add `select`")
