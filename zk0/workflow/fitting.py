"""Check a mapping against a pydantic model, also if some values are not known yet; messages in plain words."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

LONGEST_VALUE = 60  # characters of a wrong value that a message repeats
OWN_TYPES = (
    "name",
    "duration",
    "check",
    "step_kind",
    "on_fail",
)  # errors of spec.py that are sentences already
# What a YAML file's author calls the types that pydantic names in Python's words.
PLAINER = {
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "string_type": "must be a text",
    "string_too_short": "must not be empty",
}

type KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Flaw:
    """A flaw at a path in a file; `rule` is its short name, and `key` says that the key is wrong, not its value."""

    path: KeyPath
    rule: str
    message: str
    key: bool = False

    def within(self, path: KeyPath, of: str) -> "Flaw":
        """Return the same flaw seen from outside: under a path, with the name of whose it is."""
        return replace(self, path=(*path, *self.path), message=f"{of}: {self.message}")


def misfits(model: type[BaseModel], known: Mapping[str, object], undecided: Collection[str] = ()) -> Iterator[Flaw]:
    """Yield the values that do not fit a model.

    Args:
        model: what the values are for.
        known: values as they will be.
        undecided: names whose values are not known yet, so that nothing can be said of them.
    """
    keys = field_names(model)
    for name in undecided:
        if name not in keys:
            yield Flaw((name,), "unknown-key", unknown_key(name, keys), key=True)
    try:
        model.model_validate(dict(known))
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            path = detail["loc"]
            # An absent value may be one that is not known yet, and a judgement on the whole may rest on it.
            if not (path[0] in undecided if path else undecided):
                yield flaw_of(detail, keys if len(path) == 1 else ())


def flaw_of(detail: ErrorDetails, keys: Iterable[str]) -> Flaw:
    """Return one of pydantic's errors in our words; `keys` are the known ones at its place."""
    path = detail["loc"]
    name = _name(path)
    match detail["type"]:
        case "missing":
            return Flaw(path, "missing-key", f'the key "{name}" is missing', key=True)
        case "extra_forbidden":
            return Flaw(path, "unknown-key", unknown_key(name, keys), key=True)
        case own if own in OWN_TYPES:
            return Flaw(path, f"bad-{own.replace('_', '-')}", f"{_shown(detail['input'])} {detail['msg']}".strip())
    message = PLAINER.get(detail["type"], detail["msg"]).removeprefix("Value error, ")
    given = _shown(detail["input"])
    about = f'"{name}": ' if name else ""
    return Flaw(path, "bad-value", f"{about}{message[:1].lower()}{message[1:]}" + (f", got {given}" if given else ""))


def unknown_key(name: str, keys: Iterable[str]) -> str:
    """Return the sentence that a key is unknown, with the nearest known one."""
    return f'unknown key "{name}"{nearest(name, keys)}'


def nearest(name: str, names: Iterable[str]) -> str:
    """Return `; did you mean "…"?`, or what is known where nothing is near, or nothing."""
    known = sorted(names)
    if near := get_close_matches(name, known, n=1, cutoff=0.5):
        return f'; did you mean "{near[0]}"?'
    return f"; known are {', '.join(known)}" if known else ""


def field_names(model: type[BaseModel]) -> set[str]:
    """Return the keys a model takes."""
    return {field.alias or name for name, field in model.model_fields.items()}


def _name(path: Sequence[str | int]) -> str:
    """Return the last key of a path, with the places in lists below it: `names[0]`."""
    at = len(path) - 1
    while at > 0 and isinstance(path[at], int):
        at -= 1
    return "".join(map(str, path[at : at + 1])) + "".join(f"[{place}]" for place in path[at + 1 :])


def _shown(value: object) -> str:
    if isinstance(value, dict | list | tuple | BaseModel):
        return ""
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
