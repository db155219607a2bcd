"""The inputs of a workflow: from the text of `-i name=value`, or a value of a program, to a typed and bounded value."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

from zk0.core.errors import InputError
from zk0.core.pages import as_text
from zk0.workflow.fitting import nearest
from zk0.workflow.spec import InputSpec, WorkflowSpec

BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def resolve_inputs(spec: WorkflowSpec, given: Mapping[str, object]) -> dict[str, object]:
    """Return a value for every input of the workflow: the given one, else its default.

    Raises:
        InputError: an input is unknown, missing, of the wrong type or out of bounds; all such problems at once.
    """
    problems = [
        f"{spec.name} has no input {name!r}{nearest(name, spec.inputs)}" for name in given if name not in spec.inputs
    ]
    values: dict[str, object] = {}
    for name, declared in spec.inputs.items():
        if name not in given and declared.required:
            problems.append(f"{name} must be given{f': {declared.help}' if declared.help else ''}")
            continue
        try:
            values[name] = coerce(declared, given[name]) if name in given else default_of(declared)
        except ValueError as error:
            problems.append(f"{name} {error}")
    if problems:
        raise InputError("\n".join(problems), remedy=f"zk0 workflows show {spec.name}")
    return values


def default_of(declared: InputSpec) -> object:
    """Return an input's default.

    Raises:
        ValueError: it does not fit the input's own type or bounds.
    """
    return None if declared.default is None else coerce(declared, declared.default)


def coerce(declared: InputSpec, value: object) -> object:
    """Return a given value in the type of the input.

    Raises:
        ValueError: it is of another type or out of bounds; the message follows the input's name in a sentence.
    """
    _refuse_bytes(value)
    if declared.type == "list":
        return [_among(declared, item) for item in _items(value)]
    return _bounded(declared, _among(declared, _typed(declared, value)))


def _refuse_bytes(value: object) -> None:
    """Raise for a text that came from bytes which are not UTF-8: it can't be recorded."""
    for text in value if isinstance(value, list | tuple) else (value,):
        if isinstance(text, str | Path) and any("\ud800" <= letter <= "\udfff" for letter in str(text)):
            raise ValueError(f"must be UTF-8 text, got {str(text)!r}")


def _items(value: object) -> list[object]:
    """Return the items of a list: of `a,b,c`, of a JSON list, or those of a list as they are."""
    if isinstance(value, str) and not value.lstrip().startswith("["):
        return [item.strip() for item in value.split(",") if item.strip()]
    found = value
    if isinstance(value, str):
        try:
            found = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(f'must be a list (a,b,c or ["a", "b, c"]), got {value!r}: {error}') from error
    if isinstance(found, list | tuple) and all(isinstance(item, str | int | float) for item in found):
        _refuse_bytes(found)
        return list(found)
    raise ValueError(f'must be a list (a,b,c or ["a", "b, c"]), got {value!r}')


def _typed(declared: InputSpec, value: object) -> object:
    match declared.type, value:
        case "boolean", bool():
            return value
        case "boolean", str() if value.lower() in BOOLEANS:
            return BOOLEANS[value.lower()]
        case "string", str() | int() | float():
            return as_text(value)
        case "path", str() | Path():
            return Path(value)
        case (("integer" | "number"), bool()):
            pass
        case "integer", int() | str():
            return _number(int, value, declared)
        case "number", int() | float() | str():
            return _number(float, value, declared)
    raise ValueError(_not_a(declared, value))


def _number(kind: type[int] | type[float], value: str | float, declared: InputSpec) -> int | float:
    try:
        number = kind(value)
    except (ValueError, OverflowError) as error:
        raise ValueError(_not_a(declared, value)) from error
    if isinstance(number, float) and not math.isfinite(number):
        raise ValueError(f"must be a finite number, got {value}")
    return number


def _not_a(declared: InputSpec, value: object) -> str:
    article = "an" if declared.type == "integer" else "a"
    return f"must be {article} {declared.type}, got {value!r}"


def _among(declared: InputSpec, value: object) -> object:
    if declared.choices and value not in declared.choices and as_text(value) not in map(as_text, declared.choices):
        raise ValueError(f"must be one of {', '.join(map(as_text, declared.choices))}; got {as_text(value)!r}")
    return value


def _bounded(declared: InputSpec, value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if declared.minimum is not None and value < declared.minimum:
            raise ValueError(f"must be at least {declared.minimum}, got {value}")
        if declared.maximum is not None and value > declared.maximum:
            raise ValueError(f"must be at most {declared.maximum}, got {value}")
    return value
