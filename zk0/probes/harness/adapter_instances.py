"""The lines of an adapter that make an object and give it what its method reads.

What a name tells is filled in; the rest are lines that end in the mark.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from .adapter_conventions import MARK
from .adapter_settings import role_of_name, tree_of, written
from .attributes import attributes_read, leaves_none, paths_read, self_used
from .binding import COLLECTING, Vocabulary

OPAQUE = ("args", "cfg", "conf", "opt", "options", "exp_config", "hparams")  # what they hold is not known
DATA_WORDS = ("load_data", "load_train", "load_test", "train_data", "get_data", "loader", "dataset", "partition")
MOST_LINES = 5  # to complete; a class that asks for more is made without its constructor
# Roles without which nothing could be judged: given to a parameter that has a default too.
JUDGED = ("mu", "reference", "counts", "weights", "fractions", "current")
MODULE = "torch.nn.modules.module.Module"
LISTED = ("dataset", "sampler", "batch_size")  # what zk0's batches have of PyTorch's loader


def instance_lines(owner: type, method: Any, vocabulary: Vocabulary, arguments: dict[str, str]) -> list[str]:
    """Return the lines that make an instance: by its constructor, or without it where that asks for too much."""
    try:
        needed = needed_of(owner)
    except (TypeError, ValueError):
        needed = []
    unknown = [each for each in needed if vocabulary.role_of(each) not in arguments]
    asks_much = len(unknown) >= MOST_LINES or any(each.name in OPAQUE for each in needed)
    asks_much = asks_much or (bool(unknown) and not attributes_read(owner, method))
    if not asks_much and not any(each.kind in COLLECTING for each in parameters(owner)):
        made = made_lines(owner, vocabulary, arguments, "it =")
        elsewhere = attribute_lines(_set_elsewhere(owner, method), vocabulary, arguments)
        return [*made, *elsewhere, *_judged_lines(owner, method, vocabulary, arguments)]
    lines = bare_lines(owner, "its attributes follow")
    loads = [name for name in self_used(owner, method)[1] if any(word in name.lower() for word in DATA_WORDS)]
    lines += [
        f"    it.{name} = lambda *_, **__: loader{MARK}: what it returns" for name in loads if "loader" in arguments
    ]
    names = attributes_read(owner, method, leaving_out=loads)
    paths = {name: paths_read(owner, method, name) for name in names}
    return lines + attribute_lines(names, vocabulary, arguments, paths)


def bare_lines(owner: type, follows: str) -> list[str]:
    """Return the lines that make an instance without its constructor; a module does not work before PyTorch's own."""
    lines = [f"    it = object.__new__({owner.__name__})  # without its constructor: {follows}"]
    names = [f"{base.__module__}.{base.__name__}" for base in owner.__mro__]
    return [*lines, "    torch.nn.Module.__init__(it)"] if MODULE in names else lines


def attribute_lines(
    names: Sequence[str],
    vocabulary: Vocabulary,
    arguments: dict[str, str],
    paths: dict[str, list[str]] | None = None,
) -> list[str]:
    """Return lines that give an instance attributes: those whose names tell what they are, and one for the others.

    Args:
        names: of the attributes.
        vocabulary: what names tell.
        arguments: what zk0 gives, by role.
        paths: what is read of each: `fedprox.mu` of `self.args.fedprox.mu`.
    """
    lines, open_names = [], []
    for name in names:
        role, read = role_of_name(name, vocabulary), (paths or {}).get(name, [])
        if role == "config" and role in arguments and any("." in path for path in read):
            lines.append(_settings_line(name, read, vocabulary, arguments))
        elif role in ("loader", "validation", "data") and role in arguments and set(read) - {*LISTED}:
            lines.append(f"    it.{name} = ...{MARK}: what has {', '.join(sorted(set(read) - {*LISTED}))}")
        elif role in arguments:
            lines.append(f"    it.{name} = {value_of(role, name, vocabulary, arguments)}")
        else:
            open_names.append(name)
    if open_names:
        shown = ", ".join(f"{name}=..." for name in open_names)
        lines.append(f"    vars(it).update({shown}){MARK}")
    return lines


def _settings_line(name: str, paths: list[str], vocabulary: Vocabulary, arguments: dict[str, str]) -> str:
    """Return a line with settings in settings, as the code reads them."""
    line = f"    it.{name} = {written(name, tree_of(paths), vocabulary, arguments)}"
    return line + (f"{MARK}: the settings that are read" if "..." in line else "")


def _judged_lines(owner: type, method: Any, vocabulary: Vocabulary, arguments: dict[str, str]) -> list[str]:
    """Return lines for what is to be judged, where the constructor is given neither mu, nor data, nor the reference."""
    if "mu" not in arguments:
        return []
    given = [*given_to(owner, vocabulary, arguments), *given_to(method, vocabulary, arguments)]
    there = {vocabulary.role_of(each) for each in given}
    read = {name: role_of_name(name, vocabulary) for name in attributes_read(owner, method)}
    own = not there & {"model", "parameters"} and not any(
        role == "model" and leaves_none(owner, name) for name, role in read.items()
    )
    lines: list[str] = []
    for name, role in read.items():
        if role in there or name in _set_elsewhere(owner, method):
            continue
        if role == "mu":
            lines.append(f"    it.{name} = mu")
        elif role == "model" and leaves_none(owner, name):
            lines.append(f"    it.{name} = model")
        elif role == "loader" and own:
            lines.append(f"    it.{name} = ...{MARK}: a list of batches that its model takes, the same each time")
        elif role == "reference" and leaves_none(owner, name):
            lines.append(f"    it.{name} = ...{MARK}: the weights that it was sent; drop the line if nothing sets it")
    return lines


def _set_elsewhere(owner: type, method: Any) -> list[str]:
    """Return the attributes that a method reads and no constructor sets: another method does, before."""
    made = "".join(_source(vars(base).get("__init__")) for base in owner.__mro__)
    return [
        name
        for name in attributes_read(owner, method)
        if f"self.{name}" not in made and inspect.getattr_static(owner, name, None) is None
    ]


def _source(function: Any) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return ""


def made_lines(owner: Any, vocabulary: Vocabulary, arguments: dict[str, str], begin: str) -> list[str]:
    """Return the lines that make an object, what can't be given left open; `begin` is what is done with it."""
    needed = given_to(owner, vocabulary, arguments)
    unknown = unknown_lines(needed, vocabulary, arguments, owner)
    if len(unknown) > MOST_LINES - 2:  # an exchange has two lines of its own
        names = [each for each in needed if vocabulary.role_of(each) not in arguments]
        needed = [each for each in needed if each not in names]
        unknown = [f"    more = dict({', '.join(f'{each.name}=...' for each in names)}){MARK}"]
    given = [f"{each.name}={argument(each, vocabulary, arguments)}" for each in needed]
    given += ["**more"] if "more = dict(" in "".join(unknown) else []
    missing = sorted(getattr(owner, "__abstractmethods__", ()))
    whole = [f"    class Whole({owner.__name__}):"] if missing else []
    whole += [f"        def {name}(self, *arguments):\n            return ...{MARK}" for name in missing]
    return [*unknown, *whole, f"    {begin} {'Whole' if missing else owner.__name__}({', '.join(given)})"]


def unknown_lines(
    needed: list[inspect.Parameter], vocabulary: Vocabulary, arguments: dict[str, str], owner: Any = None
) -> list[str]:
    """Return a line for each parameter that zk0 has nothing to give for, with its type or what a class reads of it."""
    lines = []
    for each in needed:
        if vocabulary.role_of(each) in arguments:
            continue
        methods = [method for method in vars(owner).values() if inspect.isfunction(method)] if owner is not None else []
        read = sorted({path for method in methods for path in paths_read(owner, method, each.name)})
        hint = "" if each.annotation is each.empty else inspect.formatannotation(each.annotation)
        hint = hint or (f"what has {', '.join(read)}" if read else "")
        lines.append(f"    {each.name} = ...{MARK}" + (f": {hint}" if hint else ""))
    return lines


def argument(parameter: inspect.Parameter, vocabulary: Vocabulary, arguments: dict[str, str]) -> str:
    """Return what a parameter is given; its own name where that is left open."""
    return value_of(vocabulary.role_of(parameter), parameter.name, vocabulary, arguments)


def value_of(role: str | None, name: str, vocabulary: Vocabulary, arguments: dict[str, str]) -> str:
    """Return what a role is given; the name where that is left open."""
    whole = role == "reference" and vocabulary.styles(role, name)[0] == "module"
    return "global_model" if whole and "global_params" in arguments.values() else arguments.get(role or "", name)


def given_to(value: Any, vocabulary: Vocabulary, arguments: dict[str, str]) -> list[inspect.Parameter]:
    """Return the parameters without a default, and those that decide what is judged."""
    judged = [role for role in JUDGED if role in arguments]
    return [each for each in parameters(value) if _is_needed(each) or vocabulary.role_of(each) in judged]


def needed_of(value: Any) -> list[inspect.Parameter]:
    """Return the parameters without a default."""
    return [each for each in parameters(value) if _is_needed(each)]


def _is_needed(parameter: inspect.Parameter) -> bool:
    return parameter.default is parameter.empty and parameter.kind not in COLLECTING


def parameters(value: Any) -> list[inspect.Parameter]:
    """Return what a callable takes."""
    return list(inspect.signature(value).parameters.values())
