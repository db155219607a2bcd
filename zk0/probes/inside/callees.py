"""Foreign code as something to call: a function, or a class that is made at w_round and called at w."""

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from zk0.core.errors import ProbeError
from zk0.probes.inside.arguments import PROXIMAL
from zk0.probes.inside.binding import Variant, Vocabulary, call_with, roles_of, variants
from zk0.probes.inside.targets import Target

METHODS = (
    *("__call__", "forward", "add_gradient", "add_gradients", "apply_gradient", "proximal_term", "proximal_loss"),
    *("penalty", "term", "regularizer", "regularization", "loss", "compute_loss", "compute", "apply"),
    *("train_step", "training_step", "update_policy", "update", "train", "local_train", "train_epoch", "step"),
)


@dataclass(frozen=True)
class Callee:
    """What to call and with which roles; `constructor` is None for a plain function.

    Parameters are keyed `made:name` for the constructor and `called:name` for the function.
    """

    name: str
    function: Callable[..., Any] | str
    roles: Mapping[str, str]
    constructor: Callable[..., Any] | None = None
    opaque: bool = False  # what it does with its arguments can't be seen in its code

    def variants(self, vocabulary: Vocabulary) -> Iterator[Variant]:
        """Yield the ways to give its roles."""
        return variants(self.roles, vocabulary)

    def takes(self, *roles: str) -> bool:
        """Tell whether one of the roles is asked for."""
        return any(role in self.roles.values() for role in roles)

    def make(self, arguments: Mapping[str, Any]) -> Any:
        """Return the instance, or None for a function."""
        return quietly(self.constructor, _part(arguments, "made")) if self.constructor else None

    def call(self, instance: Any, arguments: Mapping[str, Any]) -> Any:
        """Call it."""
        function = getattr(instance, self.function) if isinstance(self.function, str) else self.function
        return quietly(function, _part(arguments, "called"))

    @property
    def codes(self) -> list[Any]:
        """The code objects behind it, for a look at what they use."""
        found = (
            [self.function, getattr(self.constructor, self.function, None)]
            if self.constructor and isinstance(self.function, str)
            else [self.function]
        )
        if self.constructor is not None:
            found.append(self.constructor.__init__)
        return [inspect.unwrap(code).__code__ for code in found if inspect.isfunction(code) or inspect.ismethod(code)]


def callee_of(target: Target, vocabulary: Vocabulary) -> Callee:
    """Return how a function, a class, an instance or `Class.method` is called.

    Raises:
        ProbeError: it is nothing to call, or a parameter asks for something zk0 does not have.
    """
    value = target.value
    if target.owner is not None and inspect.isroutine(value) and not _is_static(target):
        return _method(target.owner, value.__name__, vocabulary, target)
    if inspect.isclass(value):
        names = [name for name in METHODS if _defines(value, name)]
        if not names:
            raise ProbeError(
                f"{target.text} at {target.at} is a class without a method zk0 knows ({', '.join(METHODS)})",
                remedy=f"name the method: zk0 probe proximal {target.text}.method",
            )
        return _method(value, names[0], vocabulary, target)
    if not callable(value):
        raise ProbeError(f"{target.text} is a {type(value).__name__}, nothing to call")
    roles = roles_of(value, vocabulary, what=target.text.rpartition(":")[2], at=target.at)
    return Callee(target.text, value, {f"called:{name}": role for name, role in roles.items()})


def is_optimizer(value: Any) -> bool:
    """Tell whether this is a class of optimizers, which may have the term in its step."""
    return inspect.isclass(value) and issubclass(value, torch.optim.Optimizer)


def optimizer_callee(target: Target) -> Callee:
    """Return a loop that trains with an optimizer of this class."""
    roles = roles_of(target.value, PROXIMAL, what=target.value.__name__, at=target.at)

    def train(**given: Any) -> None:
        model, batches = given.pop("our_model"), given.pop("our_batches")
        optimizer = call_with(target.value, given)
        for inputs, classes in batches:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs), classes).backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    ours = {"our_model": "model", "our_batches": "loader"}
    parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in (*roles, *ours)]
    train.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return Callee(target.text, train, {f"called:{name}": role for name, role in (roles | ours).items()}, opaque=True)


def _method(owner: type, name: str, vocabulary: Vocabulary, target: Target) -> Callee:
    made = roles_of(owner, vocabulary, what=owner.__name__, at=target.at)
    function = getattr(owner, name)
    unbound = _without_self(function, owner, name)
    called = roles_of(unbound, vocabulary, what=f"{owner.__name__}.{name}", at=target.at)
    roles = {f"made:{parameter}": role for parameter, role in made.items()}
    roles |= {f"called:{parameter}": role for parameter, role in called.items()}
    return Callee(target.text, name, roles, owner)


def _without_self(function: Callable[..., Any], owner: type, name: str) -> Callable[..., Any]:
    if isinstance(inspect.getattr_static(owner, name), staticmethod | classmethod):
        return function

    def method(*_: Any, **__: Any) -> None:
        """Stand for the bound method; only its signature is read."""

    parameters = list(inspect.signature(function).parameters.values())[1:]
    method.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return method


def _is_static(target: Target) -> bool:
    assert target.owner is not None
    return isinstance(inspect.getattr_static(target.owner, target.value.__name__), staticmethod)


def _defines(owner: type, name: str) -> bool:
    for base in owner.__mro__:
        if name in vars(base):
            return not base.__module__.startswith(("torch.", "builtins"))
    return False


def quietly(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Call without the code's own warnings: they are not what is asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call_with(function, arguments)


def _part(arguments: Mapping[str, Any], when: str) -> dict[str, Any]:
    return {name.partition(":")[2]: value for name, value in arguments.items() if name.startswith(f"{when}:")}
