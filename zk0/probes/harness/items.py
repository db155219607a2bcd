"""What a function reads of each item of a list that it is given, by its source.

`for update in updates: update.num_samples` reads an attribute of each item, `results[0]["weights"]` a key of one. Code
that unpacks its items, or hands them on, reads nothing that is seen here.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

VIEWS = ("keys", "values", "items")  # of a dict
THROUGH = ("list", "tuple", "reversed", "sorted", "iter", "tqdm")  # calls that give the items of their first argument


@dataclass(frozen=True)
class Reading:
    """An attribute or a key that is read of an item, and whether it is called or only its length is taken."""

    name: str
    how: str = "value"  # or "call", "length", "tensors": it is a dict or a list itself
    by_key: bool = False


def syntax_tree(function: Any) -> ast.AST | None:
    """Return the parsed source of a function; None where there is none, or it is no function."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    except (OSError, SyntaxError, TypeError):
        return None


def items_read(function: Callable[..., Any], parameter: str) -> set[Reading]:
    """Return what a function reads of the items of one of its parameters."""
    tree = syntax_tree(function)
    return set() if tree is None else set(_Items(tree, parameter).readings())


def is_list(function: Callable[..., Any], parameter: str) -> bool:
    """Return whether a function goes over one of its parameters, or asks for its length."""
    tree = syntax_tree(function)
    for node in ast.walk(tree) if tree is not None else ():
        used: list[ast.AST] = [node.iter] if isinstance(node, (ast.For, ast.comprehension)) else []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in (*THROUGH, "zip", "len"):
            used += node.args
        if any(isinstance(each, ast.Name) and each.id == parameter for each in used):
            return True
    return False


def is_read(function: Callable[..., Any], parameter: str) -> bool:
    """Return whether a function reads one of its parameters at all; True where that can't be seen."""
    tree = syntax_tree(function)
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)] if tree is not None else []
    return tree is None or any(node.id == parameter for node in names)


def _opened(node: ast.AST) -> ast.AST | None:
    """Return the value in `value[name]` or `value.keys()`, which is a dict or a list; None for any other node."""
    if isinstance(node, ast.Subscript) or (isinstance(node, ast.Attribute) and node.attr in VIEWS):
        return node.value
    return None


class _Items:
    """The names that a list's items have in a function's source."""

    def __init__(self, tree: ast.AST, parameter: str) -> None:
        self.tree = tree
        self.lists = {parameter}
        self.names: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, (ast.For, ast.comprehension)):
                self._bind(node.target, node.iter)
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and self._is_item(node.value):
                self.names.add(node.targets[0].id)

    def _bind(self, target: ast.AST, source: ast.AST) -> None:
        """Note the name of an item in a loop over a list, `enumerate` of it, or `zip` of it with others."""
        if isinstance(target, ast.Name) and self._is_list(source):
            self.names.add(target.id)
        elif isinstance(target, ast.Tuple) and isinstance(source, ast.Call) and isinstance(source.func, ast.Name):
            if source.func.id == "enumerate" and len(target.elts) == len(source.args) + 1:
                self._bind(target.elts[1], source.args[0])
            elif source.func.id == "zip" and len(target.elts) == len(source.args):
                for each, given in zip(target.elts, source.args):
                    self._bind(each, given)

    def _is_list(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in THROUGH and node.args:
            return self._is_list(node.args[0])
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            return self._is_list(node.value)
        return isinstance(node, ast.Name) and node.id in self.lists

    def _is_item(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice):
            return self._is_list(node.value)
        return isinstance(node, ast.Name) and node.id in self.names

    def readings(self) -> Iterator[Reading]:
        """Yield what is read, calls and lengths first: those are attributes too."""
        seen: set[int] = set()
        for node in ast.walk(self.tree):
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Attribute) and self._is_item(node.func.value):
                seen.add(id(node.func))
                yield self._of_call(node, node.func.attr)
            for given in node.args if isinstance(node.func, ast.Name) and node.func.id == "len" else []:
                if (found := self._of_node(given, "length")) is not None:
                    seen.add(id(given))
                    yield found
        for node in ast.walk(self.tree):
            inside = _opened(node)
            if inside is not None and (found := self._of_node(inside, "tensors")) is not None:
                seen.add(id(inside))
                yield found
            elif id(node) not in seen and (found := self._of_node(node, "value")) is not None:
                yield found

    def _of_call(self, call: ast.Call, name: str) -> Reading:
        if name == "get" and call.args and isinstance(call.args[0], ast.Constant):
            return Reading(str(call.args[0].value), by_key=True)
        return Reading(name, "call")

    def _of_node(self, node: ast.AST, how: str) -> Reading | None:
        if isinstance(node, ast.Attribute) and self._is_item(node.value):
            return Reading(node.attr, how)
        if isinstance(node, ast.Subscript) and self._is_item(node.value) and isinstance(node.slice, ast.Constant):
            return Reading(node.slice.value, how, by_key=True) if isinstance(node.slice.value, str) else None
        return None
