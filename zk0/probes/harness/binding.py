"""Bind arguments to a foreign function's parameters: by conventional name first, then by annotation.

A *role* is what zk0 can give (`model`, `reference`, `mu`, …); a role may come in several *styles* (a reference as a
list, as a dict by name, as a module), which are tried in turn.
"""

from __future__ import annotations

import inspect
import itertools
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .certain import CertainFaultError, certain_fault
from .errors import HarnessError, TargetError
from .stand_ins import StandIn, missing_package
from .targets import Target, describe, foreign_frames, frames_inside

MAX_VARIANTS = 96  # calls of a few milliseconds each

LONGEST = 160  # characters of a signature in a message
COLLECTING = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

Variant = dict[str, tuple[str, str]]  # parameter -> (role, style)


@dataclass(frozen=True)
class Vocabulary:
    """The names a contract knows."""

    names: Mapping[str, Sequence[str]]  # role -> names of parameters, without underscores and in lower case
    annotations: Mapping[str, str]  # name of a type -> role, for parameters whose name says nothing
    styles: Callable[[str, str], Sequence[str]]  # of a role, for a parameter's name, the likeliest first
    contract: str
    # Names that have another role where a second parameter asks for theirs.
    yielding: Mapping[str, str] = field(default_factory=dict)
    # Roles that one parameter can have; a second one asks for something else by a name that says too little.
    unique: Sequence[str] = ()

    def role_of_name(self, name: str) -> str | None:
        """Return the role that a variable's or an attribute's name tells."""
        return self.role_of(inspect.Parameter(name.strip("_") or "_", inspect.Parameter.POSITIONAL_OR_KEYWORD))

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


def roles_of(
    function: Callable[..., Any],
    vocabulary: Vocabulary,
    *,
    what: str,
    target: Target,
    known: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the role of each parameter that gets one.

    Args:
        function: whose parameters they are.
        vocabulary: the names that tell roles.
        what: the function's name, for the message.
        target: where it is.
        known: roles by parameter that the function's source shows; they come before names.

    Raises:
        TargetError: a parameter without a default asks for nothing zk0 knows; the remedy is an adapter.
    """
    roles: dict[str, str] = {}
    unknown: list[str] = []
    doubled = False
    given = [each for each in parameters_of(function, what=what) if each.kind not in COLLECTING]
    asked = {parameter.name: vocabulary.role_of(parameter) for parameter in given} | dict(known or {})
    for parameter in given:
        role = asked[parameter.name]
        if list(asked.values()).count(role) > 1:
            role = vocabulary.yielding.get(_plain(parameter.name), role)
        if role is not None and (role not in roles.values() or role not in vocabulary.unique):
            roles[parameter.name] = role
        elif parameter.default is parameter.empty:
            unknown.append(parameter.name)
            doubled = doubled or (role is not None)
    if unknown:
        reason = "zk0 has nothing else to give" if doubled else "zk0 has nothing to give"
        message = f"{what}{signature_text(function)} at {target.at}: {reason} for {', '.join(unknown)}"
        raise uncallable(message, vocabulary, target)
    return roles


def uncallable(message: str, vocabulary: Vocabulary, target: Target) -> TargetError:
    """Return the error of code that can't be called as it is, with the way out: an adapter that zk0 writes."""
    return TargetError(
        message,
        remedy=f"zk0 probe {vocabulary.contract} {target.text} --adapter\nwrites a small file that calls it; "
        "complete the marked lines and probe that file",
    )


class Attempts:
    """The errors of the ways to call that failed; the one that came furthest tells most."""

    def __init__(self, target: Target, vocabulary: Vocabulary) -> None:
        self.furthest: Exception | None = None
        self._target = target
        self._vocabulary = vocabulary
        self._progress: list[int] = []

    def note(self, error: Exception) -> None:
        """Note a failure."""
        progress = [frame.lineno or 0 for frame in frames_inside(foreign_frames(error), self._target.root)]
        if self.furthest is None or progress > self._progress:
            self.furthest, self._progress = error, progress

    def failure(self) -> Exception:
        """Return the error of a target that no way to call fits."""
        error, target = self.furthest, self._target
        bases = getattr(target.owner or target.value, "__orig_bases__", ())
        if missing := next((base for base in bases if isinstance(base, StandIn)), None):
            return missing_package(missing.stands_for)
        if isinstance(error, HarnessError):
            return error
        if error is not None and (finding := certain_fault(error, target)) is not None:
            return CertainFaultError(finding)
        signature = signature_text(target.value) if callable(target.value) else ""
        told = describe(error, target.root) if error else "no arguments fit"
        message = f"{target.name}{signature} at {target.at} can't be called: {told}"
        return uncallable(message, self._vocabulary, target)


def variants(roles: Mapping[str, str], vocabulary: Vocabulary) -> Iterator[Variant]:
    """Yield the ways to give these roles, the likeliest first."""
    choices = [[(role, style) for style in vocabulary.styles(role, name)] for name, role in roles.items()]
    # The likeliest of all first, then one role after the other away from it: the sum of the positions.
    ranked = sorted(itertools.product(*(range(len(choice)) for choice in choices)), key=sum)
    for positions in ranked[:MAX_VARIANTS]:
        yield {name: choice[position] for name, choice, position in zip(roles, choices, positions)}


def parameters_of(function: Callable[..., Any], *, what: str) -> list[inspect.Parameter]:
    """Return what a callable takes, `self` excluded."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise TargetError(f"{what} has no signature zk0 can read: {error}") from error


W = TypeVar("W")
R = TypeVar("R")


def run_each(ways: Iterable[W], run: Callable[[W], R], attempts: Attempts) -> Iterator[tuple[W, R]]:
    """Yield the ways to run foreign code that work, with their results.

    Raises:
        HarnessError: none works; see `Attempts.failure`.
    """
    works = False
    for way in ways:
        try:
            result = run(way)
        except TargetError:  # noqa: PERF203  each way is tried by itself
            raise
        except Exception as raised:  # noqa: BLE001  foreign code may raise anything
            attempts.note(raised)
        else:
            works = True
            yield way, result
    if not works:
        raise attempts.failure() from attempts.furthest


def call_with(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Call with arguments by name, the positional-only ones by position."""
    signature = inspect.signature(function)
    bound = signature.bind_partial()
    bound.arguments.update(arguments)
    return function(*bound.args, **bound.kwargs)


def signature_text(function: Callable[..., Any]) -> str:
    """Return the parameters as they were written; only their names where they have long annotations."""
    signature = inspect.signature(function)
    bare = [each.replace(annotation=each.empty) for each in signature.parameters.values()]
    short = signature.replace(parameters=bare, return_annotation=signature.empty)
    return str(signature if len(str(signature)) <= LONGEST else short)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def call_quietly(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Call without the code's own warnings: they are not what is asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call_with(function, arguments)


def part(arguments: Mapping[str, Any], when: str, mark: str = ":") -> dict[str, Any]:
    """Return what is for the constructor (`made`) or for the function (`called`), by parameter."""
    begin = f"{when}{mark}"
    return {name[len(begin) :]: value for name, value in arguments.items() if name.startswith(begin)}
