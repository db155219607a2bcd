"""Which attributes of `self` a method reads, by its source."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Collection, Iterator
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
    found: dict[str, None] = {}
    inner: set[int] = set()  # a node is walked before the one inside of it
    for node in _nodes_of(owner, getattr(method, "__name__", ""), *self_used(owner, method)[1]):
        if not isinstance(node, ast.Attribute) or id(node) in inner:
            continue
        parts: list[str] = []
        part: ast.AST = node
        while isinstance(part, ast.Attribute):
            parts.insert(0, part.attr)
            inner.add(id(part))
            part = part.value
        if isinstance(part, ast.Name) and part.id == "self" and parts[0] == name and len(parts) > 1:
            found.setdefault(".".join(parts[1:]))
        elif isinstance(part, ast.Name) and part.id == bare:
            found.setdefault(".".join(parts))
    return list(found)


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
