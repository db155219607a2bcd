"""Errors: none is swallowed, each names a remedy, and none shows a secret (`errors.*`)."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping

from zk0.core.checks import Part, check
from zk0.core.project import Project
from zk0.core.verdicts import Finding, not_applicable
from zk0.project_checks.problems import Problem, report_problems, report_share
from zk0.project_checks.sources import Module, library, name_of
from zk0.project_checks.tools import ask_ruff

PRIVATE = re.compile(
    r"token(?!s|iz|_?(?:count|len|num|id))|secret|passw(or)?d|passphrase|api_?key|private_?key|credential|environ\b",
    re.IGNORECASE,
)
# A name, a length or a place of a secret: `secret.name`, `len(token)`, `TOKEN_FILE`.
ONLY_NAMES = re.compile(
    r"\.(name|names|kind|line|id|shape|dtype)\b|\bname\b|len\(|_(name|file|path|id|kind)\b|\b(num|n|max|min)_",
    re.IGNORECASE,
)


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
            elif _drops(handler) and any(f"{module.name}:{line}" in blind for line in head):
                problems.append(Problem(module.at(handler), f"`except {ast.unparse(handler.type)}` drops every error"))
        problems += [
            Problem(module.at(call), "suppress(Exception) drops every error")
            for call in module.walk(ast.Call)
            if name_of(call.func).rpartition(".")[2] == "suppress"
            and {"Exception", "BaseException"} & _names(call.args)
        ]
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
            shown = [ast.unparse(value) for value in _inserted(node, _assigned_in(module, node))]
            private = [name for name in shown if PRIVATE.search(name) and not ONLY_NAMES.search(name)]
            problems += [Problem(module.at(node), f"the message would show {name}") for name in private]
    return report_problems(problems, "no message shows a secret's value", remedy="name the secret, not its value")


def _drops(handler: ast.ExceptHandler) -> bool:
    """Return whether a handler neither raises, nor calls anything, nor uses the error, nor answers with a value."""
    acts = (ast.Raise, ast.Call, ast.Yield, ast.Await)
    inside = [node for statement in handler.body for node in ast.walk(statement)]
    uses = any(isinstance(node, ast.Name) and node.id == handler.name for node in inside)
    answers = any(isinstance(node, ast.Return) and node.value and ast.unparse(node.value) != "None" for node in inside)
    return not uses and not answers and not any(isinstance(node, acts) for node in inside)


def _names(nodes: Iterable[ast.expr]) -> set[str]:
    return {name_of(node).rpartition(".")[2] for node in nodes}


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


def _inserted(node: ast.Raise, values: Mapping[str, ast.expr]) -> Iterator[ast.expr]:
    """Yield what an error's message shows: the names in its arguments, and in texts that were put together before."""
    if not isinstance(node.exc, ast.Call):
        return
    waiting = [*node.exc.args, *(word.value for word in node.exc.keywords)]
    known = set()
    while waiting:
        match waiting.pop():
            case ast.Name(id=name) as part:
                yield part
                if name in values and name not in known:
                    known.add(name)
                    waiting.append(values[name])
            case ast.Attribute() as part if name_of(part):
                yield part
            case ast.Subscript(value=value, slice=key) as part:
                yield part if isinstance(key, ast.Constant) else value
            case ast.Call(func=called) as part if name_of(called) and "." not in name_of(called):
                yield part  # what a function makes of its arguments, such as their length
            case part:
                waiting += [child for child in ast.iter_child_nodes(part) if isinstance(child, ast.expr)]


def _assigned_in(module: Module, node: ast.Raise) -> dict[str, ast.expr]:
    """Return what names were last set to in the function that raises, where that is a text put together."""
    within = [one for one in module.functions() if one.lineno <= node.lineno <= (one.end_lineno or one.lineno)]
    body = ast.walk(within[-1]) if within else iter(module.tree.body)
    return {
        target.id: one.value
        for one in body
        if isinstance(one, ast.Assign) and isinstance(one.value, ast.JoinedStr | ast.BinOp)
        for target in one.targets
        if isinstance(target, ast.Name)
    }
