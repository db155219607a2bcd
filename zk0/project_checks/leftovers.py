"""Leftovers of development: debuggers, prints, TODO comments, backup files (`leftovers.*`)."""

import re
from collections.abc import Iterator

from zk0.core.checks import Part, check
from zk0.core.project import Project
from zk0.core.verdicts import Finding
from zk0.project_checks.problems import Problem, report_problems
from zk0.project_checks.sources import library, modules
from zk0.project_checks.tools import ask_ruff

FILES = re.compile(r"(\.orig|\.rej|\.bak|\.swp|~|\.tmp|/Thumbs\.db|\.DS_Store)$")


@check("leftovers.debugging", reads=(Part.code,))
def no_debugging(project: Project) -> Iterator[Finding]:
    """No debugger is left in the code, and no print in the library."""
    # Ruff's T100 does not know code.interact.
    problems = ask_ruff(project, modules(project), ["T100"], banned={"code.interact": "it opens a prompt"})
    problems += ask_ruff(project, library(project), ["T201", "T203"])
    return report_problems(problems, "no debugger and no print is left", remedy="remove it, or log it")


@check("leftovers.to-do", reads=(Part.code,))
def nothing_to_do(project: Project) -> Iterator[Finding]:
    """No comment marks unfinished work (TODO, FIXME, XXX, HACK)."""
    problems = ask_ruff(project, library(project), ["FIX001", "FIX002", "FIX003", "FIX004"])
    return report_problems(problems, "no TODO is left", remedy="do it, or write an issue", doubtful=True)


@check("leftovers.files", reads=(Part.code,))
def no_files(project: Project) -> Iterator[Finding]:
    """No backup file or rejected patch is among the project's files."""
    problems = [Problem(path, "is left over") for path in project.tree().files if FILES.search(f"/{path}")]
    return report_problems(problems, "no file is left over", remedy="git rm")
