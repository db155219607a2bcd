"""Docstrings: their share of the public names, errors in them, their convention (`docstrings.*`)."""

import ast
import re
from collections.abc import Iterator

from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, passed_if
from zk0.project_checks.narrowing import ruff_rules
from zk0.project_checks.problems import report_share
from zk0.project_checks.sources import Module, library, name_of
from zk0.project_checks.tools import LINTERS, configured
from zk0.project_checks.wording import says_something

# The section, an error with a colon, and a word about it.
RAISES = re.compile(r"(?::raises|Raises:\s)\s*[\w.]+\s*:\s*[^\W\d_]{2,}")

ENOUGH = 5  # rules; Ruff's defaults have one, each convention more than 20

type Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@check("docstrings.public", reads=(Part.code,))
def public(project: Project, *, percent: float = 95) -> Finding:
    """Public modules, classes and functions have docstrings, in words."""
    # Ruff's D1 rules count no names, so they give no percentage.
    names = [(module.at(node), name, node) for module in library(project) for name, node in _public(module)]
    bare = [f"{at} {name}" for at, name, node in names if not says_something(ast.get_docstring(node) or "", least=1)]
    what, name = "public names have a docstring", "public names with a docstring"
    return report_share(bare, len(names), what=what, percent=percent, name=name, remedy="write them")


@check("docstrings.errors", reads=(Part.code,))
def documents_errors(project: Project, *, percent: float = 60) -> Finding:
    """Public functions document the errors of the project that they raise."""
    classes = {node.name for module in library(project) for node in module.walk(ast.ClassDef)}
    own = {name for name in classes if name.endswith("Error")}
    raising, silent = 0, []
    for module in library(project):
        for name, node in _public(module):
            raised = _raised(node) & own if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else set()
            if raised:
                raising += 1
                if not RAISES.search(ast.get_docstring(node) or ""):
                    silent.append(f"{module.at(node)} {name}")
    what, name = "functions that raise say so", "raising functions that say so"
    return report_share(
        silent, raising, what=what, percent=percent, name=name, remedy="add a Raises section", doubtful=True
    )


@check("docstrings.convention", reads=(Part.code, Part.environment))
def convention(project: Project) -> Finding:
    """Ruff applies rules for docstrings (D) to the library, and its configuration leaves no file of it out.

    Raises:
        AssetMissingError: the project configures no Ruff; what Ruff does by default is no choice of the project.
    """
    if (tool := configured(project, LINTERS)) is None or tool.name != "ruff":
        raise AssetMissingError("the project configures no Ruff", remedy='add "D" to [tool.ruff.lint] select')
    rules = sorted(rule for rule in ruff_rules(project) if re.fullmatch(r"D\d{3}", rule))
    message = f"ruff applies {len(rules)} rules for docstrings, {ENOUGH} wanted"
    evidence = [Evidence(name="rules", value=len(rules))]
    remedy = 'add "D" to [tool.ruff.lint] select'
    return passed_if(len(rules) >= ENOUGH, message, evidence=evidence, doubtful=True, remedy=remedy)


def _public(module: Module) -> Iterator[tuple[str, Documented]]:
    if not module.name.rpartition("/")[2].startswith("_") or module.name.endswith("__init__.py"):
        if module.text.strip():
            yield module.dotted or module.name, module.tree
        for node in module.tree.body:
            yield from _public_in(node, "")


def _public_in(node: ast.stmt, within: str) -> Iterator[tuple[str, Documented]]:
    if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
        return
    # Overloads and setters are documented by the function they belong to.
    marks = {ast.unparse(mark).rpartition(".")[2] for mark in node.decorator_list}
    if marks & {"overload", "setter", "deleter", "override"}:
        return
    yield f"{within}{node.name}", node
    if isinstance(node, ast.ClassDef):
        for member in node.body:
            yield from _public_in(member, f"{node.name}.")


def _raised(function: ast.AST) -> set[str]:
    raised = (node.exc for node in ast.walk(function) if isinstance(node, ast.Raise))
    return {name_of(error.func).rpartition(".")[2] for error in raised if isinstance(error, ast.Call)}
