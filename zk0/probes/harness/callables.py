"""Find what to call: a function, a class with a method that is one, a method, or an optimizer to train with."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from .binding import Vocabulary, call_quietly, call_with, part, roles_of
from .errors import TargetError
from .frames import uses
from .targets import Target, refuse_value

METHODS = (
    *("__call__", "forward", "add_gradient", "add_gradients", "apply_gradient", "proximal_term", "proximal_loss"),
    *("penalty", "term", "regularizer", "regularization", "loss", "compute_loss", "compute", "apply"),
    *("train_step", "training_step", "update_policy", "update", "train", "local_train", "train_epoch", "step"),
)


@dataclass(frozen=True)
class TargetCallable:
    """The function to call and the roles of its parameters; `constructor` is None for a plain function.

    Parameters are keyed `made:name` for the constructor and `called:name` for the function.
    """

    name: str
    function: Callable[..., Any] | str
    roles: Mapping[str, str]
    constructor: Callable[..., Any] | None = None
    opaque: bool = False  # what it does with its arguments can't be seen in its code

    def takes(self, *roles: str) -> bool:
        """Return whether one of the roles is asked for."""
        return any(role in self.roles.values() for role in roles)

    def make(self, arguments: Mapping[str, Any]) -> Any:
        """Return the instance, or None for a function."""
        return call_quietly(self.constructor, arguments) if self.constructor else None

    def call(self, instance: Any, arguments: Mapping[str, Any]) -> Any:
        """Call it."""
        function = getattr(instance, self.function) if isinstance(self.function, str) else self.function
        return call_quietly(function, arguments)

    @property
    def reads_mu(self) -> bool:
        """Whether its code reads a parameter that is mu; True where that can't be seen."""
        names = [key.partition(":")[2] for key, role in self.roles.items() if role == "mu"]
        unseen = self.opaque or not self.codes
        return bool(names) and (unseen or any(uses(code, name) for code in self.codes for name in names))

    @property
    def codes(self) -> list[Any]:
        """The code objects behind it, for a look at what they use."""
        found: list[Any] = [self.function]
        if self.constructor is not None and isinstance(self.function, str):
            found = [getattr(self.constructor, self.function, None), self.constructor.__init__]
        return [inspect.unwrap(code).__code__ for code in found if inspect.isfunction(code) or inspect.ismethod(code)]


def find_callable(target: Target, vocabulary: Vocabulary) -> TargetCallable:
    """Return how a function, a class, an instance or `Class.method` is called."""
    value = target.value
    if target.owner is not None and inspect.isroutine(value):
        static = inspect.getattr_static(target.owner, target.attribute)
        if not isinstance(static, staticmethod):
            return _method(target.owner, target.attribute, vocabulary, target)
    if inspect.isclass(value) and issubclass(value, torch.optim.Optimizer):  # it may have the term in its step
        return _training_with_optimizer(target, vocabulary)
    if inspect.isclass(value):
        names = [name for name in METHODS if _defines(value, name)]
        if not names:
            raise TargetError(
                f"{target.text} at {target.at} is a class without a method zk0 knows ({', '.join(METHODS)})",
                remedy=f"name the method: zk0 probe proximal {target.text}.method",
            )
        return _method(value, names[0], vocabulary, target)
    if not callable(value):
        raise refuse_value(target, "nothing to call")
    roles = roles_of(value, vocabulary, what=target.name, target=target)
    return TargetCallable(target.text, value, {f"called:{name}": role for name, role in roles.items()})


def _training_with_optimizer(target: Target, vocabulary: Vocabulary) -> TargetCallable:
    """Return a loop that trains with an optimizer of this class.

    What its `step` asks for besides a closure is given, and a method that takes the reference is called once.
    """
    kind = target.value
    made = roles_of(kind, vocabulary, what=kind.__name__, target=target)
    step = _with_parameters([each for each in _own_parameters(kind.step) if each.name != "closure"])
    stepped = roles_of(step, vocabulary, what=f"{kind.__name__}.step", target=target)
    setter, told = _reference_setter(kind, vocabulary)

    def train(**given: Any) -> None:
        parts = {when: part(given, when, "_") for when in ("made", "step", "told")}
        optimizer = call_with(kind, parts["made"])
        if setter is not None:
            getattr(optimizer, setter)(*parts["told"].values())
        for inputs, classes in given["our_batches"]:
            optimizer.zero_grad()
            nn.functional.cross_entropy(given["our_model"](inputs), classes).backward()  # type: ignore[no-untyped-call]
            optimizer.step(**parts["step"])

    roles = {
        f"{when}_{name}": role
        for when, each in (("made", made), ("step", stepped), ("told", told))
        for name, role in each.items()
    }
    roles.update(our_model="model", our_batches="loader")
    parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in roles]
    train.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return TargetCallable(target.text, train, {f"called:{name}": role for name, role in roles.items()}, opaque=True)


def _reference_setter(kind: type, vocabulary: Vocabulary) -> tuple[str | None, dict[str, str]]:
    """Return the method that is given the round's weights, where there is one, and its parameter's role."""
    for name, method in vars(kind).items():
        if not name.startswith(("set_", "update_")) or not inspect.isfunction(method):
            continue
        needed = _own_parameters(method)
        if len(needed) == 1 and vocabulary.role_of(needed[0]) in ("reference", "parameters"):
            return name, {needed[0].name: "reference"}
    return None, {}


def _own_parameters(method: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(method).parameters.values())[1:]


def _method(owner: type, name: str, vocabulary: Vocabulary, target: Target) -> TargetCallable:
    made = roles_of(owner, vocabulary, what=owner.__name__, target=target)
    function = getattr(owner, name)
    if not isinstance(inspect.getattr_static(owner, name), (staticmethod, classmethod)):
        function = _with_parameters(_own_parameters(function))
    called = roles_of(function, vocabulary, what=f"{owner.__name__}.{name}", target=target)
    roles = {f"made:{parameter}": role for parameter, role in made.items()}
    roles.update({f"called:{parameter}": role for parameter, role in called.items()})
    return TargetCallable(target.text, name, roles, owner)


def _with_parameters(parameters: list[inspect.Parameter]) -> Callable[..., None]:
    """Return a function of which only the signature is read: that of a bound method."""

    def method(*_: Any, **__: Any) -> None: ...

    method.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return method


def _defines(owner: type, name: str) -> bool:
    for base in owner.__mro__:
        if name in vars(base):
            return not base.__module__.startswith(("torch.", "builtins"))
    return False
