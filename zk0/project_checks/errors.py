"""Errors: none is swallowed, each names a remedy, and none shows a secret (`errors.*`)."""

import ast
import re
from collections.abc import Iterator

from zk0.core.checks import Part, check
from zk0.core.project import Project
from zk0.core.verdicts import Finding, not_applicable
from zk0.project_checks.problems import Problem, report_problems, report_share
from zk0.project_checks.sources import Module, library, name_of
from zk0.project_checks.tools import ask_ruff

PRIVATE = re.compile(r"token|secret|passw(or)?d|passphrase|api_?key|private_?key|credential|environ\b", re.IGNORECASE)
# A name, a length or a place of a secret: `secret.name`, `len(token)`, `TOKEN_FILE`.
ONLY_NAMES = re.compile(r"\.(name|names|kind|line|id)\b|\bname\b|len\(|_(name|file|path|id|kind)\b", re.IGNORECASE)


@check("errors.swallowed", reads=(Part.code,))
def none_swallowed(project: Project) -> Iterator[Finding]:
    """No bare `except`, and no handler that catches every error and does nothing."""
    # Ruff's E722 lets a bare `except` pass that raises again, and its S110 knows `pass` alone, not `...`: its BLE001
    # says which handlers catch everything, the bodies are ours to read.
    code = library(project)
    blind = {problem.at for problem in ask_ruff(project, code, ["BLE001"])}
    problems = []
    for module in code:
        for handler in module.walk(ast.ExceptHandler):
            head = range(handler.lineno, handler.body[0].lineno + 1)
            if handler.type is None:
                problems.append(Problem(module.at(handler), "a bare `except` catches an interruption too"))
            elif _does_nothing(handler.body) and any(f"{module.name}:{line}" in blind for line in head):
                problems.append(Problem(module.at(handler), f"`except {ast.unparse(handler.type)}` drops every error"))
    remedy = "catch what you can handle, pass on the rest"
    return report_problems(problems, "no error is swallowed", remedy=remedy)


@check("errors.remedies", reads=(Part.code,))
def remedied(project: Project, *, percent: float = 60) -> Finding:
    """Errors whose class has a `remedy` name one."""
    modules = library(project)
    kinds = _kinds_with_remedy(modules)
    if not kinds:
        return not_applicable("no error class of the project has a remedy")
    raised, silent = 0, []
    for module in modules:
        for node in module.walk(ast.Raise):
            if not isinstance(node.exc, ast.Call) or name_of(node.exc.func).rpartition(".")[2] not in kinds:
                continue
            raised += 1
            if not any(word.arg in ("remedy", None) for word in node.exc.keywords):
                silent.append(module.at(node))
    what, name = "raised errors name a remedy", "errors with a remedy"
    return report_share(silent, raised, what=what, percent=percent, name=name, remedy="name one", doubtful=True)


@check("errors.private", reads=(Part.code,))
def nothing_private(project: Project) -> Iterator[Finding]:
    """No error message holds a token, a password or the environment."""
    problems = []
    for module in library(project):
        for node in module.walk(ast.Raise):
            shown = [ast.unparse(value) for value in _inserted(node)]
            private = [name for name in shown if PRIVATE.search(name) and not ONLY_NAMES.search(name)]
            problems += [Problem(module.at(node), f"the message would show {name}") for name in private]
    return report_problems(problems, "no message shows a secret's value", remedy="name the secret, not its value")


def _does_nothing(body: list[ast.stmt]) -> bool:
    return all(
        isinstance(statement, ast.Pass | ast.Continue)
        or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        for statement in body
    )


def _kinds_with_remedy(modules: list[Module]) -> set[str]:
    """Return the error classes whose `__init__`, or a base class's, has a parameter `remedy`."""
    bases: dict[str, set[str]] = {}
    kinds = set()
    for module in modules:
        for node in module.walk(ast.ClassDef):
            bases[node.name] = {name_of(base).rpartition(".")[2] for base in node.bases}
            for member in node.body:
                if isinstance(member, ast.FunctionDef) and member.name == "__init__":
                    arguments = [*member.args.args, *member.args.kwonlyargs]
                    kinds |= {node.name} if any(one.arg == "remedy" for one in arguments) else set()
    while more := {name for name, above in bases.items() if above & kinds} - kinds:
        kinds |= more
    return {name for name in kinds if name.endswith(("Error", "Exception"))}


def _inserted(node: ast.Raise) -> Iterator[ast.expr]:
    if isinstance(node.exc, ast.Call):
        for argument in (*node.exc.args, *(word.value for word in node.exc.keywords)):
            for part in ast.walk(argument):
                if isinstance(part, ast.FormattedValue):
                    yield part.value
