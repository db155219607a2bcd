"""Call a method of a server: an object that was made without its constructor, with the model that the method reads.

A server keeps the aggregate: it loads it into a model, or puts it into an attribute. What changed is the result.
"""

from __future__ import annotations

import ast
import inspect
import logging
from collections.abc import Callable, Mapping
from typing import Any

from .items import syntax_tree
from .rounds import Round, contents

log = logging.getLogger(__name__)

MODELS = ("model", "net", "network", "globalmodel", "globalnet", "servermodel", "centralmodel")
OF_MODELS = ("state_dict", "load_state_dict", "parameters", "named_parameters", "to", "train", "eval", "cpu")


class ServerMethod:
    """A method that is called on one object, which it may change.

    An object that is called is more often a function with settings than a server: its constructor sets them.
    """

    instance: Any

    def __init__(self, owner: type, name: str) -> None:
        self._models = _models_read(owner, name)
        self.instance = _made(owner) if name == "__call__" and not self._models else object.__new__(owner)
        self.function = getattr(self.instance, name)

    def prepare(self, round_: Round, make: Callable[[Any, str], Any]) -> None:
        """Give it the weights that the server has before the round."""
        for name in self._models:
            model = vars(self.instance).get(name)
            if model is None:
                vars(self.instance)[name] = make(round_.current, "module")
            else:
                model.load_state_dict(make(round_.current, "torch-dict"))


def _made(owner: type) -> Any:
    """Return an object of its constructor where that asks for nothing, else one without it."""
    try:
        return owner()
    except Exception as error:  # noqa: BLE001  foreign constructors may raise anything
        log.info("%s() can't be called: %s: %s", owner.__name__, type(error).__name__, error)
        return object.__new__(owner)


def _models_read(owner: type, name: str) -> list[str]:
    """Return the attributes of `self` that a method uses as PyTorch's models, by their names and what is called."""
    tree = syntax_tree(inspect.getattr_static(owner, name))
    if tree is None:
        return []
    used = [node.value for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in OF_MODELS]
    names = [
        node.attr
        for node in used
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    ]
    return [each for each in dict.fromkeys(names) if each.replace("_", "").lower() in MODELS]


def kept_result(function: Callable[..., Any], raw: Any, before: Mapping[str, Any], holders: Mapping[str, Any]) -> Any:
    """Return what a function returned, or the one thing with tensors that it changed.

    Args:
        function: that was called.
        raw: what it returned.
        before: for each holder, the arrays in it before the call.
        holders: the attributes of its object, and what it was given to write to.

    Raises:
        TypeError: it returns nothing on any path, and changes nothing that could be looked at, or several things.
    """
    if not _says_nothing(raw):
        return raw
    changed = {name: value for name, value in holders.items() if _differs(before.get(name), contents(value))}
    if not changed:
        if raw is None and not _returns(function):
            raise TypeError("it returns nothing, and changes neither its object nor what it was given")
        return raw
    models = [value for value in changed.values() if hasattr(value, "state_dict")]
    found = models or list(changed.values())
    if len(found) > 1:
        raise TypeError(f"it returns nothing, and changes {' and '.join(changed)}")
    return found[0]


def _says_nothing(raw: Any) -> bool:
    """Return whether there is nothing, or numbers and text only, in what a function returned."""
    if isinstance(raw, Mapping):
        raw = list(raw.values())
    if isinstance(raw, (list, tuple)):
        return all(map(_says_nothing, raw))
    return raw is None or isinstance(raw, (bool, int, float, str))


def _differs(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> bool:
    if before is None or before.keys() != after.keys():
        return bool(after)
    return any((before[place] != value).any() for place, value in after.items())


def _returns(function: Callable[..., Any]) -> bool:
    """Return whether any path of a function returns something; True where that can't be seen."""
    tree = syntax_tree(function)
    if tree is None:
        return True
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return)]
    return any(value is not None and not (isinstance(value, ast.Constant) and value.value is None) for value in values)
