"""Structure: small parts, in layers without cycles (`structure.*`)."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from zk0.core.checks import Findings, Part, check
from zk0.core.process import run_program
from zk0.core.project import Project, table_of
from zk0.core.verdicts import Finding, failed, not_applicable
from zk0.project_checks.problems import Problem, report_problems
from zk0.project_checks.sources import Module, library
from zk0.project_checks.tools import Tool, configured, problems_of

LAYERS = Tool("lint-imports", "importlinter", (".importlinter",))


@check("structure.size", reads=(Part.code,))
def small(project: Project, *, module_lines: int = 500, function_lines: int = 60) -> Iterator[Finding]:
    """No module and no function is too long to be read at once."""
    problems = []
    for module in library(project):
        lines = len(module.text.splitlines())
        if lines > module_lines:
            problems.append(Problem(module.name, f"has {lines} lines, at most {module_lines} are wanted"))
        for node in module.functions():
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > function_lines:
                what = f"{node.name} has {length} lines, at most {function_lines} are wanted"
                problems.append(Problem(module.at(node), what))
    good = f"no module over {module_lines} lines, no function over {function_lines}"
    return report_problems(problems, good, remedy="ask what two things it is", doubtful=True)


@check("structure.cycles", reads=(Part.code,))
def acyclic(project: Project) -> Iterator[Finding]:
    """No modules import each other in a cycle when they are loaded."""
    known = {module.dotted: module for module in library(project) if module.dotted}
    graph = {name: _imported(module, known) for name, module in known.items()}
    problems = [Problem(known[circle[0]].name, " → ".join([*circle, circle[0]])) for circle in cycles(graph)]
    good = f"{len(known)} modules without a cycle"
    return report_problems(problems, good, remedy="move what both need to a third")


@check("structure.layers", reads=(Part.code, Part.environment))
def layered(project: Project) -> Findings:
    """The layers that the project declares are kept (import-linter)."""
    if configured(project, [LAYERS]) is None:
        return not_applicable("the project declares no layers")
    if problem := _toothless(project):
        return failed(problem, at="pyproject.toml", remedy="declare contracts without such exceptions")
    ended = run_program(LAYERS.name, "--no-cache", cwd=project.root, remedy="pip install import-linter")
    broken = [Problem("", line.strip()) for line in ended.out.splitlines() if line.rstrip().endswith("BROKEN")]
    problems = broken or problems_of(ended, LAYERS)
    return report_problems(problems, "every contract is kept", remedy="lint-imports")


def _toothless(project: Project) -> str | None:
    """Return why the contracts in pyproject.toml can't be broken; None where they can, or where none are there."""
    table = table_of(project.pyproject, "tool", "importlinter")
    for contract in table.get("contracts", []):
        name = contract.get("name", "a contract")
        if any("*" in one for one in contract.get("ignore_imports", [])):
            return f"{name} ignores imports by a pattern"
        if contract.get("type") == "layers" and len(contract.get("layers", [])) < 2:  # noqa: PLR2004  one layer is none
            return f"{name} has fewer than two layers"
    return "no contract is declared" if table and not table.get("contracts") else None


def cycles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return cycles of a graph, each from its first node by name; of cycles that share a node, one."""
    rest = {node: sorted(others) for node, others in graph.items()}
    circles: list[list[str]] = []
    while True:
        try:
            TopologicalSorter(rest).prepare()
        except CycleError as error:
            circle = error.args[1][:0:-1]  # graphlib gives it against the edges, its first node twice
        else:
            return circles
        first = circle.index(min(circle))
        circles.append(circle[first:] + circle[:first])
        rest = {
            node: [one for one in others if one not in circle] for node, others in rest.items() if node not in circle
        }


def _imported(module: Module, known: Mapping[str, Module]) -> set[str]:
    """Return the project's modules that a module imports when it is loaded, not those that its functions import."""
    package = module.dotted if module.name.endswith("__init__.py") else module.dotted.rpartition(".")[0]
    names: set[str] = set()
    for node in module.tree.body:
        match node:
            case ast.Import():
                names |= {alias.name for alias in node.names}
            case ast.ImportFrom():
                above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
                base = ".".join([*above, *([node.module] if node.module else [])])
                for alias in node.names:
                    whole = f"{base}.{alias.name}"
                    names.add(whole if whole in known else base)
    return {name for name in names if name in known and name != module.dotted}
