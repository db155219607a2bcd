"""Hooks of pytest in the project's own code that change how a test ended, or keep it from being called."""

import ast
from collections.abc import Iterable, Iterator

from zk0.project_checks.problems import Problem
from zk0.project_checks.sources import Module, name_of

REPORTS = ("pytest_runtest_makereport", "pytest_report_teststatus", "pytest_runtest_logreport")
DECIDES = ("outcome", "excinfo", "longrepr")  # attributes of a call and of its report
CALLS = ("pytest_pyfunc_call", "pytest_runtest_call", "pytest_runtest_protocol")
CALLED = ("obj", "runtest", "runtestprotocol", "multicall")  # what a hook that performs the test itself calls


def outcome_hooks(modules: Iterable[Module]) -> Iterator[Problem]:
    """Yield each hook that sets a test's outcome, or that takes its place and does not call it."""
    for module in modules:
        for function in module.functions():
            nodes = list(ast.walk(function))
            if function.name in REPORTS and any(map(_decides, nodes)):
                yield Problem(module.at(function), f"{function.name} sets the outcome of tests")
            elif function.name in CALLS and not any(map(_lets_run, nodes)):
                yield Problem(module.at(function), f"{function.name} does not call the test")


def _decides(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(attr=name, ctx=ast.Store()):
            return name in DECIDES
        case ast.Call(func=function):
            return name_of(function).rpartition(".")[2] in ("force_result", "setattr")
    return False


def _lets_run(node: ast.AST) -> bool:
    if isinstance(node, ast.Yield):
        return True
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name in CALLED
