"""The globals that code reads and its module does not have: a script's main block assigns them before."""

from __future__ import annotations

import builtins
import dis
import inspect
from types import CodeType
from typing import Any

from .adapter_conventions import MARK
from .adapter_instances import value_of
from .adapter_settings import role_of_name
from .binding import Vocabulary


def global_lines(value: Any, path: str, vocabulary: Vocabulary, arguments: dict[str, str]) -> list[str]:
    """Return a line that sets each missing global: to what its name tells, else to complete.

    Args:
        value: the function or method that is called.
        path: its name as the adapter imports it: `train`, `Client.train`.
        vocabulary: what names tell.
        arguments: what zk0 gives, by role.
    """
    lines = []
    for name in missing_globals(value):
        role = role_of_name(name, vocabulary)
        given = (
            value_of(role, name, vocabulary, arguments) if role in arguments else f"...{MARK}: a global that is read"
        )
        lines.append(f'    {path}.__globals__["{name}"] = {given}')
    return lines


def missing_globals(function: Any) -> list[str]:
    """Return the globals that a function, and those of its module that it calls, read and that are not there."""
    missing: dict[str, None] = {}
    waiting, seen = [function], []
    while waiting:
        each = waiting.pop()
        if not inspect.isfunction(each) or each in seen or each.__globals__ is not function.__globals__:
            continue
        seen.append(each)
        for name in _globals_of(each.__code__):
            if name in each.__globals__:
                waiting.append(each.__globals__[name])
            elif not hasattr(builtins, name):
                missing.setdefault(name)
    return list(missing)


def _globals_of(code: CodeType) -> list[str]:
    """Return the globals that code reads, also in functions inside of it, and does not set."""
    instructions = [*dis.get_instructions(code)]
    names = [each.argval for each in instructions if each.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    stored = {each.argval for each in instructions if each.opname == "STORE_GLOBAL"}
    inner = [name for each in code.co_consts if inspect.iscode(each) for name in _globals_of(each)]
    return [name for name in dict.fromkeys((*names, *inner)) if name not in stored]
