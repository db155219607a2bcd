"""Give a foreign function what its parameters ask for: by conventional name first, then by annotation.

A *role* is what zk0 can give (`model`, `reference`, `mu`, …); a role may come in several *styles* (a reference as a
list, as a dict by name, as a module), which are tried in turn.
"""

import inspect
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zk0.core.errors import ProbeError

MAX_VARIANTS = 96  # calls of a few milliseconds each

COLLECTING = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

type Style = str
type Variant = dict[str, tuple[str, Style]]  # parameter -> (role, style)


@dataclass(frozen=True)
class Vocabulary:
    """The names a contract knows.

    Args:
        names: role -> the names of parameters that ask for it, without underscores and in lower case.
        annotations: the name of an annotated type -> role, for parameters whose name says nothing.
        styles: role -> the styles it comes in, the commonest first.
        prefer: role -> how a parameter's name sorts those styles.
        example: an adapter, shown where a function can't be called.
        yielding: names that have another role where a second parameter asks for theirs.
    """

    names: Mapping[str, Sequence[str]]
    annotations: Mapping[str, str]
    styles: Mapping[str, Sequence[Style]]
    prefer: Callable[[str, str], Sequence[Style]]
    example: str
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


def variants(roles: Mapping[str, str], vocabulary: Vocabulary) -> Iterator[Variant]:
    """Yield the ways to give these roles, the likeliest first."""
    choices = [
        [(role, style) for style in vocabulary.prefer(role, name) or vocabulary.styles.get(role, ("",))]
        for name, role in roles.items()
    ]
    # The likeliest of all first, then one role after the other away from it: the sum of the positions.
    ranked = sorted(itertools.product(*(range(len(choice)) for choice in choices)), key=sum)
    for positions in ranked[:MAX_VARIANTS]:
        yield {name: choice[position] for name, choice, position in zip(roles, choices, positions, strict=True)}


def parameters_of(function: Callable[..., Any], *, what: str) -> list[inspect.Parameter]:
    """Return what a callable takes, `self` excluded.

    Raises:
        ProbeError: it has no signature, as some built-in functions.
    """
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise ProbeError(f"{what} has no signature zk0 can read: {error}") from error


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
