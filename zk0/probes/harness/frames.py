"""Look into the frames of running foreign code: the model it trains, and what it keeps in variables."""

from __future__ import annotations

import contextlib
import dis
import inspect
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import torch
from torch import nn

OWN_FOLDERS = (str(Path(__file__).parent), str(Path(torch.__file__).parent), str(Path(contextlib.__file__).parent))
END = "trainings.py"  # of the harness: what called the foreign code


def target_frames(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield the frames of foreign code, the innermost first."""
    while frame is not None:
        if not frame.f_code.co_filename.startswith((*OWN_FOLDERS, "<frozen")):
            yield frame
        elif frame.f_code.co_filename == str(Path(__file__).with_name(END)):
            return
        frame = frame.f_back


def place_of(name: str, frame: FrameType) -> str:
    """Return where a variable is, in words: `start in train, line 12`."""
    return f"{name} in {frame.f_code.co_name}, line {frame.f_lineno}"


def variables(frame: FrameType) -> Iterator[tuple[str, Any]]:
    """Yield local variables and the attributes of `self`; a parameter that is never read is no part of the code."""
    local = dict(frame.f_locals)
    owner = local.pop("self", None)
    unread = _unread_parameters(frame.f_code)
    yield from ((name, value) for name, value in local.items() if name not in unread)
    if owner is not None and not isinstance(owner, (nn.Module, torch.optim.Optimizer)) and hasattr(owner, "__dict__"):
        yield from ((f"self.{name}", value) for name, value in vars(owner).items())


@cache
def _unread_parameters(code: CodeType) -> frozenset[str]:
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return frozenset(name for name in names if not uses(code, name))


def model_of(tensors: Iterable[Any], frames: Iterable[FrameType]) -> nn.Module | None:
    """Return the model that has one of these tensors among its parameters."""
    wanted = {id(value) for value in tensors}
    for frame in frames:
        for _, value in (*variables(frame), ("self", frame.f_locals.get("self"))):
            if isinstance(value, nn.Module) and wanted & {id(each) for each in value.parameters()}:
                return value
    return None


def model_in(frames: Iterable[FrameType]) -> nn.Module | None:
    """Return the first model that has gradients."""
    for frame in frames:
        for _, value in variables(frame):
            if isinstance(value, nn.Module) and any(each.grad is not None for each in value.parameters()):
                return value
    return None


def uses(code: Any, name: str) -> bool:
    """Return whether a function reads one of its parameters, itself or in a function inside it."""
    for instruction in dis.get_instructions(code):
        if instruction.opname.startswith(("LOAD_FAST", "LOAD_DEREF", "LOAD_CLOSURE")):
            loaded = instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)
            if name in loaded:
                return True
    return any(inspect.iscode(each) and name in each.co_freevars and uses(each, name) for each in code.co_consts)
