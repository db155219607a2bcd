"""Which attributes of `self` a method reads, by its source."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Collection
from typing import Any


def attributes_read(owner: type, method: Any, *, leaving_out: Collection[str] = ()) -> list[str]:
    """Return the attributes of `self` that a method reads, and those that its own methods called by it read.

    Some of these methods may be left out: what they read does not count.
    """
    return self_used(owner, method, leaving_out=leaving_out)[0]


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
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
        except (OSError, SyntaxError, TypeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
                if inspect.isfunction(inspect.getattr_static(owner, node.attr, None)):
                    waiting.append(node.attr)
                elif isinstance(node.ctx, ast.Load) and not node.attr.startswith("__"):
                    found.setdefault(node.attr)
    return list(found), [name for name in seen if name != getattr(method, "__name__", "")]
