"""Types: the project's type checker, and the share of functions that are annotated (`types.*`)."""

import ast
from collections.abc import Iterator

from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError
from zk0.core.process import run_program
from zk0.core.project import Project
from zk0.core.verdicts import Finding
from zk0.project_checks.narrowing import mypy_left_out, mypy_targets
from zk0.project_checks.problems import report_problems, report_share
from zk0.project_checks.sources import library
from zk0.project_checks.tools import TYPE_CHECKERS, problems_of, require_tool

TIMEOUT = 55.0  # seconds; mypy without a cache may take longer, and then continues when asked again


@check("types.checked", reads=(Part.code, Part.environment), timeout=TIMEOUT)
def checked(project: Project) -> Iterator[Finding]:
    """The project's type checker finds nothing, and its configuration leaves no file of the library out."""
    tool = require_tool(project, TYPE_CHECKERS, "type checker")
    if tool.name != "mypy":
        raise AssetMissingError(f"zk0 can't tell which files {tool.name} looks at", remedy="add [tool.mypy]")
    targets = () if mypy_targets(project) else ("--", *sorted(module.name for module in library(project)))
    ended = run_program(tool.name, *tool.arguments, *targets, cwd=project.root, seconds=TIMEOUT - 3)
    return report_problems(
        [*problems_of(ended, tool), *mypy_left_out(project)], f"{tool.name} finds nothing", remedy=tool.name
    )


@check("types.stated", reads=(Part.code,))
def stated(project: Project, *, percent: float = 90) -> Finding:
    """Functions annotate their parameters and results."""
    # Ruff's ANN rules count no functions, so they give no percentage.
    bare, total = [], 0
    for module in library(project):
        for function in module.functions():
            total += 1
            if not _is_annotated(function):
                bare.append(f"{module.at(function)} {function.name}")
    what, name = "functions state all types", "annotated functions"
    return report_share(bare, total, what=what, percent=percent, name=name, remedy="annotate them")


def _is_annotated(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    named = [one for one in (*named, arguments.vararg, arguments.kwarg) if one and one.arg not in ("self", "cls")]
    returns = function.returns is not None or function.name == "__init__"
    return returns and all(one.annotation is not None for one in named)
