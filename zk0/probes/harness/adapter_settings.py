"""The settings of an adapter: what the code reads of its `args` or `config`, and zk0's own do not have."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from .adapter_conventions import MARK
from .attributes import self_used, settings_read
from .binding import Vocabulary
from .run_configs import MU_NAMES

OF_DICTS = frozenset(dir(dict))  # `config.items()` is no setting
# Of zk0's configuration (`bench.MuSettings`), what code reads as an attribute or a key.
KNOWN = {
    *MU_NAMES,
    *("lr", "learning_rate", "learning-rate", "local_epochs", "local-epochs", "epochs", "batch_size", "batch-size"),
    *("server_round", "server-round", "current_round", "round", "momentum", "weight_decay", "device"),
}


def settings_lines(
    value: Any, owner: type | None, vocabulary: Vocabulary, arguments: dict[str, str], *, made: bool
) -> list[str]:
    """Return a line that adds to zk0's configuration what else the code reads of it; none where nothing is missing.

    Args:
        value: the function or method that is called.
        owner: its class; None for a function.
        vocabulary: what names tell.
        arguments: what zk0 gives, by role.
        made: whether the class's constructor is called.
    """
    if arguments.get("config") != "config":
        return []
    missing = [path for path in _paths(value, owner, vocabulary, made=made) if path.partition(".")[0] not in KNOWN]
    if not missing:
        return []
    given = ", ".join(
        f'"{name}": {written(name, tree, vocabulary, arguments)}' for name, tree in tree_of(missing).items()
    )
    return [f"    config.update({{{given}}})" + (f"{MARK}: settings that are read" if "..." in given else "")]


def _paths(value: Any, owner: type | None, vocabulary: Vocabulary, *, made: bool) -> list[str]:
    """Return what is read of the parameters and attributes that are settings."""

    def of_parameters(function: Any) -> Iterable[str]:
        for each in inspect.signature(function).parameters.values():
            if vocabulary.role_of(each) == "config":
                yield from settings_read([function], each.name)

    found = [*of_parameters(value)]
    if owner is not None:
        attributes, called = self_used(owner, value)
        functions = [inspect.getattr_static(owner, name) for name in called] + [value]
        makers = [vars(base)["__init__"] for base in owner.__mro__[:-1] if "__init__" in vars(base)] if made else []
        for maker in makers:
            found += of_parameters(maker)
        for name in attributes:
            if role_of_name(name, vocabulary) == "config":
                read = settings_read([*functions, *makers], f"self.{name}")
                nested = any("." in path for path in read)
                found += [] if nested and not made else read  # the attribute's own line has them
    return [path for path in dict.fromkeys(found) if path.partition(".")[0] not in OF_DICTS]


def tree_of(paths: Iterable[str]) -> dict[str, Any]:
    """Return settings in settings of paths like `fedprox.mu`."""
    tree: dict[str, Any] = {}
    for path in paths:
        place = tree
        for part in path.split("."):
            place = place.setdefault(part, {})
    return tree


def written(name: str, inner: dict[str, Any], vocabulary: Vocabulary, arguments: dict[str, str]) -> str:
    """Return a setting as it is written: what its name tells, an object with settings of its own, or an open place."""
    if inner:
        parts = (f"{key}={written(key, below, vocabulary, arguments)}" for key, below in inner.items())
        return f"SimpleNamespace({', '.join(parts)})"
    return arguments.get(role_of_name(name, vocabulary) or "", "...")


def role_of_name(name: str, vocabulary: Vocabulary) -> str | None:
    """Return the role of an attribute or a setting."""
    role = vocabulary.role_of_name(name)
    return "criterion" if role == "loss" else role  # an attribute is what computes it
