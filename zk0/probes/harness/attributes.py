"""Which attributes of `self` a method reads, by its source."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from .items import syntax_tree


def attributes_read(owner: type, method: Any, *, leaving_out: Collection[str] = ()) -> list[str]:
    """Return the attributes of `self` that a method reads, and those that its own methods called by it read.

    Some of these methods may be left out: what they read does not count.
    """
    return self_used(owner, method, leaving_out=leaving_out)[0]


def paths_read(owner: type, method: Any, name: str) -> list[str]:
    """Return what a method reads of one attribute of `self`, at any depth: `fedprox.mu` of `self.args.fedprox.mu`.

    Of a constructor, what it reads of its parameter of this name counts too.
    """
    bare = name if getattr(method, "__name__", "") == "__init__" else None
    nodes = _nodes_of(owner, getattr(method, "__name__", ""), *self_used(owner, method)[1])
    found = [
        ".".join(parts[2:] if parts[0] == "self" else parts[1:])
        for parts in _chains(nodes)
        if parts[0] == bare or (parts[:2] == ("self", name) and parts[2:])
    ]
    return list(dict.fromkeys(found))


def settings_read(functions: Iterable[Any], name: str) -> list[str]:
    """Return the attributes and keys, at any depth, that functions read of a parameter or of `self.name`."""
    trees = [tree for function in functions if (tree := syntax_tree(function)) is not None]
    stored = {
        id(node) for tree in trees for node in ast.walk(tree) if isinstance(getattr(node, "ctx", None), ast.Store)
    }
    nodes = (node for tree in trees for node in ast.walk(tree) if id(node) not in stored)
    begin = tuple(name.split("."))
    paths = (parts[len(begin) :] for parts in _chains(nodes, keys=True) if parts[: len(begin)] == begin)
    return list(dict.fromkeys(".".join(path) for path in paths if path))


def _chains(nodes: Iterable[ast.AST], *, keys: bool = False) -> list[tuple[str, ...]]:
    """Return the names in `a.b.c`, and of `a["b"].c` where keys count too; the longest of each, in order."""
    found: dict[tuple[str, ...], None] = {}
    inner: set[int] = set()  # a node is walked before the one inside of it
    for node in nodes:
        parts: list[str] = []
        part: ast.AST = node
        while id(part) not in inner:
            if isinstance(part, ast.Attribute):
                parts.insert(0, part.attr)
            elif keys and isinstance(part, ast.Subscript) and _text_of(part.slice):
                parts.insert(0, _text_of(part.slice))
            else:
                break
            inner.add(id(part))
            part = part.value
        if parts and isinstance(part, ast.Name):
            found.setdefault((part.id, *parts))
    return list(found)


def _text_of(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def leaves_none(owner: type, name: str) -> bool:
    """Return whether a constructor sets an attribute of `self` to None: another method or program sets it later."""
    for base in owner.__mro__:
        for node in _nodes_of(base, "__init__"):
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Constant):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                named = any(isinstance(each, ast.Attribute) and each.attr == name for each in targets)
                if named and node.value.value is None:
                    return True
    return False


def _nodes_of(owner: type, *names: str) -> Iterator[ast.AST]:
    """Yield the nodes of a class's methods of these names."""
    for name in names:
        tree = syntax_tree(inspect.getattr_static(owner, name, None))
        yield from ast.walk(tree) if tree is not None else ()


def self_used(owner: type, method: Any, *, leaving_out: Collection[str] = ()) -> tuple[list[str], list[str]]:
    """Return the attributes of `self` that a method reads, and its own methods that it calls, at any depth."""
    found: dict[str, None] = {}
    waiting: list[str] = [getattr(method, "__name__", "")]
    seen: dict[str, None] = {}
    while waiting:
        name = waiting.pop()
        function = inspect.getattr_static(owner, name, None)
        if (
            name in seen
            or name in leaving_out
            or not inspect.isfunction(inspect.unwrap(function) if callable(function) else None)
        ):
            continue
        seen.setdefault(name)
        tree = syntax_tree(function)
        for node in ast.walk(tree) if tree is not None else []:
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
                if inspect.isfunction(inspect.getattr_static(owner, node.attr, None)):
                    waiting.append(node.attr)
                elif isinstance(node.ctx, ast.Load) and not node.attr.startswith("__"):
                    found.setdefault(node.attr)
    return list(found), [name for name in seen if name != getattr(method, "__name__", "")]


def chooses_names(function: Any) -> bool:
    """Return whether a function asks if a word is in a name, in a condition: `[k for k in keys if "bn" not in k]`."""
    tree = syntax_tree(function)
    conditions: list[ast.AST] = []
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.comprehension):
            conditions += node.ifs
        elif isinstance(node, (ast.If, ast.IfExp)):
            conditions.append(node.test)
    compared = [each for test in conditions for each in ast.walk(test) if isinstance(each, ast.Compare)]
    return any(_text_of(each.left) and isinstance(each.ops[0], (ast.In, ast.NotIn)) for each in compared)
