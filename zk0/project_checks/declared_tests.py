"""The tests that a file declares, as pytest collects them by default, and whether each can show anything."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from zk0.project_checks.sources import Module, name_of

type Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class DeclaredTest:
    """A test function or method, by its dotted name and its place.

    `is_hollow`: it does nothing, or asserts constants only. `is_skipped`: it is marked to be skipped or to fail,
    whatever the condition.
    """

    __test__ = False  # to pytest

    dotted: str
    at: str
    is_hollow: bool
    is_skipped: bool

    @property
    def acts(self) -> bool:
        """Whether it can show anything."""
        return not self.is_hollow and not self.is_skipped


def is_test_file(module: Module) -> bool:
    """Return whether pytest looks for tests in a file."""
    name = module.name.rpartition("/")[2]
    return name.startswith("test_") or name.endswith("_test.py")


def declared_tests(module: Module) -> list[DeclaredTest]:
    """Return the tests of a file, also those that its marks or the configuration keep from running."""
    if not is_test_file(module):
        return []
    skipped = _module_is_skipped(module.tree)
    return [
        DeclaredTest(
            ".".join([module.dotted, *within, function.name]),
            f"{module.at(function)} {function.name}",
            all(map(_shows_nothing, function.body)),
            skipped or any(map(_marks_skip, marks)),
        )
        for within, marks, function in _functions(module.tree.body, ())
    ]


def _functions(
    body: list[ast.stmt], within: tuple[str, ...], marks: tuple[ast.expr, ...] = ()
) -> Iterator[tuple[tuple[str, ...], tuple[ast.expr, ...], Function]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            fixture = any("fixture" in ast.unparse(mark) for mark in node.decorator_list)
            if node.name.startswith("test") and not fixture:
                yield within, (*marks, *node.decorator_list), node
        elif isinstance(node, ast.ClassDef) and _is_test_class(node):
            yield from _functions(node.body, (*within, node.name), (*marks, *node.decorator_list))


def _is_test_class(node: ast.ClassDef) -> bool:
    names = [name_of(base).rpartition(".")[2] for base in node.bases]
    hidden = any(isinstance(one, ast.Assign) and ast.unparse(one) == "__test__ = False" for one in node.body)
    return not hidden and (node.name.startswith("Test") or any(name.endswith("TestCase") for name in names))


def _shows_nothing(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Expr(value=ast.Constant()) | ast.Assert(test=ast.Constant()):
            return True
        case ast.Return(value=None | ast.Constant()):
            return True
    return False


def _marks_skip(mark: ast.expr) -> bool:
    called = mark.func if isinstance(mark, ast.Call) else mark
    always = isinstance(mark, ast.Call) and bool(mark.args) and _is_true(mark.args[0])
    name = name_of(called).rpartition(".")[2]
    return (name in ("skip", "xfail") and not _is_conditional(mark)) or (name in ("skipif", "skipIf") and always)


def _is_conditional(mark: ast.expr) -> bool:
    """Return whether `xfail` has a condition, which is its first argument."""
    return isinstance(mark, ast.Call) and name_of(mark.func).endswith("xfail") and bool(mark.args)


def _is_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and bool(node.value)


def _module_is_skipped(tree: ast.Module) -> bool:
    """Return whether `pytestmark`, or a call at the top, skips all tests of a file."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="pytestmark")], value=value):
                marks = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
                if any(map(_marks_skip, marks)):
                    return True
            case ast.Expr(value=ast.Call(func=called)) if name_of(called) == "pytest.skip":
                return True
    return False
