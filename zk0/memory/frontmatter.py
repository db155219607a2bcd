"""An entry as text: YAML front matter between `---` lines, then a few sentences.

What we write is YAML in which each scalar, each list member and each member of a long mapping is one line of JSON
(JSON is YAML). That reads well in a diff, one number a line, and it is read back line by line 50 times faster than by
a YAML parser, which matters when a bank has thousands of entries. Anything else, such as what a person wrote, goes
through ruamel.yaml.
"""

import json
import re
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from zk0.memory.entries import Entry

FENCE = "---"
NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")  # JSON takes these as they are, YAML only escaped
PLAIN_KEY = re.compile(r"(?!(null|true|false)\b)[a-z][a-z0-9_]*", re.ASCII)  # other keys are quoted
OWN_LINE = re.compile(r"([a-z][a-z0-9_]*):(?: (.+))?")
LONG = 120  # characters of a mapping, from which on each of its members has its own line


class UnreadableEntryError(ValueError):
    """A text is not an entry; `line` is counted from 1. `Bank` turns it into a problem that names the file."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line
        self.message = message


def write_entry(entry: Entry) -> str:
    """Return the text of an entry; `read_entry` gives the same entry back."""
    lines = [FENCE]
    for name, value in entry.model_dump(mode="json", exclude={"id", "body"}, exclude_defaults=True).items():
        key = name if PLAIN_KEY.fullmatch(name) else _json(name)
        if isinstance(value, list) and value:
            lines += [f"{key}:", *(f"- {_json(member)}" for member in value)]
        elif isinstance(value, dict) and all(map(PLAIN_KEY.fullmatch, value)) and len(_json(value)) > LONG:
            lines += [f"{key}:", *(f"  {name}: {_json(member)}" for name, member in value.items())]
        else:
            lines.append(f"{key}: {_json(value)}")
    return "\n".join([*lines, FENCE, f"\n{entry.body}" if entry.body else ""])


def read_entry(text: str, name: str) -> Entry:
    """Return the entry a text holds, with the id `name`.

    Raises:
        UnreadableEntryError: there is no front matter, or it is not YAML, or not that of an entry.
    """
    lines = text.split("\n")
    if lines[0].rstrip() != FENCE:
        raise UnreadableEntryError(1, f"an entry begins with a line {FENCE}")
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == FENCE), None)
    if end is None:
        raise UnreadableEntryError(len(lines), f"the front matter is not closed by a line {FENCE}")
    fields: object = _read_own(lines[1:end])
    if fields is None:
        fields = _read_yaml("\n".join(lines[1:end]))
    body = "\n".join(lines[end + 1 :]).removeprefix("\n")
    if not isinstance(fields, dict):
        raise UnreadableEntryError(2, "the front matter is not a mapping of keys to values")
    try:
        return Entry.model_validate({**fields, "id": name, "body": body})
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise UnreadableEntryError(_line(lines[:end], problem["loc"]), f"{where}: {problem['msg']}") from error


def _line(lines: list[str], location: tuple[int | str, ...]) -> int:
    """Return the line of a field, and of a member of it where each has a line of its own; 1 where it is missing."""
    key, *inner = location or ("",)
    at = next((number for number, line in enumerate(lines, 1) if line.startswith(f"{key}:")), 1)
    member = at + inner[0] + 1 if inner and isinstance(inner[0], int) else at
    return member if member <= len(lines) and lines[member - 1].startswith("- ") else at


def _json(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _read_own(lines: list[str]) -> dict[str, Any] | None:
    """Read what `write_entry` wrote; None for anything else."""
    fields: dict[str, Any] = {}
    opened = ""  # the key whose members have lines of their own
    try:
        for line in lines:
            if opened and line.startswith("- "):
                fields.setdefault(opened, []).append(json.loads(line[2:]))
            elif opened and line.startswith("  "):
                _take(line[2:], fields.setdefault(opened, {}))
            elif opened and opened not in fields:
                return None
            else:
                opened = _take(line, fields, opening=True)
    except (ValueError, AttributeError):  # no JSON, or a list's member in a mapping
        return None
    return None if opened and opened not in fields else fields


def _take(line: str, fields: dict[str, Any], *, opening: bool = False) -> str:
    """Read one `key: value` line into fields; return the key if its members are to follow."""
    found = OWN_LINE.fullmatch(line)
    if found is None or found[1] in fields or not isinstance(fields, dict):
        raise ValueError(line)
    if found[2] is not None:
        fields[found[1]] = json.loads(found[2])
        return ""
    if not opening:
        raise ValueError(line)
    return found[1]


def _read_yaml(text: str) -> object:
    try:
        return YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = (error.problem or error.context or "it is not YAML").partition("\n")[0]
        raise UnreadableEntryError(mark.line + 2 if mark else 2, problem) from error
    except YAMLError as error:
        raise UnreadableEntryError(2, str(error)) from error
