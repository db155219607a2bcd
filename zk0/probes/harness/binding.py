"""Bind arguments to a foreign function's parameters: by conventional name first, then by annotation.

A *role* is what zk0 can give (`model`, `reference`, `mu`, …); a role may come in several *styles* (a reference as a
list, as a dict by name, as a module), which are tried in turn.
"""

import inspect
import itertools
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from zk0.core.errors import ProbeError
from zk0.probes.harness.targets import Target, describe

MAX_VARIANTS = 96  # calls of a few milliseconds each

COLLECTING = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

type Style = str
type Variant = dict[str, tuple[str, Style]]  # parameter -> (role, style)


@dataclass(frozen=True)
class Vocabulary:
    """The names a contract knows."""

    names: Mapping[str, Sequence[str]]  # role -> names of parameters, without underscores and in lower case
    annotations: Mapping[str, str]  # name of a type -> role, for parameters whose name says nothing
    styles: Callable[[str, str], Sequence[Style]]  # of a role, for a parameter's name, the likeliest first
    example: str  # an adapter, shown where a function can't be called
    # Names that have another role where a second parameter asks for theirs.
    yielding: Mapping[str, str] = field(default_factory=dict)

    def role_of(self, parameter: inspect.Parameter) -> str | None:
        """Return the role a parameter asks for."""
        plain = _plain(parameter.name)
        for role, names in self.names.items():
            if plain in names:
                return role
        annotation = parameter.annotation
        text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
        return next((role for part, role in self.annotations.items() if part in text), None)


def split_names(table: str) -> dict[str, list[str]]:
    """Return the names of each role, given as a text of `role: name name …`."""
    names: dict[str, list[str]] = {}
    role = ""
    for word in table.split():
        if word.endswith(":"):
            role = word.removesuffix(":")
        else:
            names.setdefault(role, []).append(word)
    return names


def roles_of(function: Callable[..., Any], vocabulary: Vocabulary, *, what: str, at: str) -> dict[str, str]:
    """Return the role of each parameter that gets one.

    Raises:
        ProbeError: a parameter without a default asks for nothing zk0 knows; the message shows the signature and
            the remedy an adapter.
    """
    roles: dict[str, str] = {}
    unknown: list[str] = []
    given = [each for each in parameters_of(function, what=what) if each.kind not in COLLECTING]
    asked = {parameter.name: vocabulary.role_of(parameter) for parameter in given}
    for parameter in given:
        role = asked[parameter.name]
        if list(asked.values()).count(role) > 1:
            role = vocabulary.yielding.get(_plain(parameter.name), role)
        if role is not None and role not in roles.values():
            roles[parameter.name] = role
        elif parameter.default is parameter.empty:
            unknown.append(parameter.name)
    if unknown:
        raise uncallable(
            f"{what}{signature_text(function)} at {at}: zk0 has nothing to give for {', '.join(unknown)}", vocabulary
        )
    return roles


def uncallable(message: str, vocabulary: Vocabulary) -> ProbeError:
    """Return the error of code that can't be called as it is, with the way out: a function under known names."""
    known = "\n".join(f"    {role}: {', '.join(names[:6])}" for role, names in vocabulary.names.items())
    return ProbeError(
        message,
        remedy="write a function that calls it under names zk0 knows, and probe that one, as\n\n"
        f"{vocabulary.example}\n\n  names, by what is given (in any case, with or without underscores):\n{known}",
    )


def not_callable(target: Target, error: Exception | None, vocabulary: Vocabulary) -> ProbeError:
    """Return the error of a target that no variant of its arguments fits; `error` is the first variant's."""
    signature = signature_text(target.value) if callable(target.value) else ""
    shown = describe(error, target.root) if error else "no arguments fit"
    return uncallable(f"{target.name}{signature} at {target.at} can't be called: {shown}", vocabulary)


def variants(roles: Mapping[str, str], vocabulary: Vocabulary) -> Iterator[Variant]:
    """Yield the ways to give these roles, the likeliest first."""
    choices = [[(role, style) for style in vocabulary.styles(role, name)] for name, role in roles.items()]
    # The likeliest of all first, then one role after the other away from it: the sum of the positions.
    ranked = sorted(itertools.product(*(range(len(choice)) for choice in choices)), key=sum)
    for positions in ranked[:MAX_VARIANTS]:
        yield {name: choice[position] for name, choice, position in zip(roles, choices, positions, strict=True)}


def parameters_of(function: Callable[..., Any], *, what: str) -> list[inspect.Parameter]:
    """Return what a callable takes, `self` excluded."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise ProbeError(f"{what} has no signature zk0 can read: {error}") from error


def run_each[W, R](
    ways: Iterable[W], run: Callable[[W], R], error: Callable[[Exception | None], ProbeError]
) -> Iterator[tuple[W, R]]:
    """Yield the ways to run foreign code that work, with their results.

    Raises:
        ProbeError: none works; `error` makes it from the first way's exception.
    """
    first: Exception | None = None
    works = False
    for way in ways:
        try:
            result = run(way)
        except ProbeError:
            raise
        except Exception as raised:  # noqa: BLE001  foreign code may raise anything
            first = first or raised
        else:
            works = True
            yield way, result
    if not works:
        raise error(first) from first


def call_with(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Call with arguments by name, the positional-only ones by position."""
    signature = inspect.signature(function)
    bound = signature.bind_partial()
    bound.arguments.update(arguments)
    return function(*bound.args, **bound.kwargs)


def signature_text(function: Callable[..., Any]) -> str:
    """Return the parameters as they were written."""
    return str(inspect.signature(function))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


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
        static = inspect.getattr_static(target.owner, value.__name__)
        if not isinstance(static, staticmethod):
            return _method(target.owner, value.__name__, vocabulary, target)
    if inspect.isclass(value) and issubclass(value, torch.optim.Optimizer):  # it may have the term in its step
        return _training_with_optimizer(target, vocabulary)
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
    roles = roles_of(value, vocabulary, what=target.name, at=target.at)
    return TargetCallable(target.text, value, {f"called:{name}": role for name, role in roles.items()})


def _training_with_optimizer(target: Target, vocabulary: Vocabulary) -> TargetCallable:
    """Return a loop that trains with an optimizer of this class."""
    roles = roles_of(target.value, vocabulary, what=target.value.__name__, at=target.at)

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
    return TargetCallable(
        target.text, train, {f"called:{name}": role for name, role in (roles | ours).items()}, opaque=True
    )


def _method(owner: type, name: str, vocabulary: Vocabulary, target: Target) -> TargetCallable:
    made = roles_of(owner, vocabulary, what=owner.__name__, at=target.at)
    function = getattr(owner, name)
    if not isinstance(inspect.getattr_static(owner, name), staticmethod | classmethod):
        function = _with_parameters(list(inspect.signature(function).parameters.values())[1:])
    called = roles_of(function, vocabulary, what=f"{owner.__name__}.{name}", at=target.at)
    roles = {f"made:{parameter}": role for parameter, role in made.items()}
    roles |= {f"called:{parameter}": role for parameter, role in called.items()}
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


def call_quietly(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Call without the code's own warnings: they are not what is asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call_with(function, arguments)


def part(arguments: Mapping[str, Any], when: str) -> dict[str, Any]:
    """Return what is for the constructor (`made`) or for the function (`called`), by parameter."""
    return {name.partition(":")[2]: value for name, value in arguments.items() if name.startswith(f"{when}:")}
