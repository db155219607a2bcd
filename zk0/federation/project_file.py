"""Read and change one value of `[tool.flwr.app.config]` in a pyproject.toml; its layout and comments stay."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import ParseError
from tomlkit.items import Item, Table

from zk0.core.app_subject import names_other_app
from zk0.core.errors import ConfigurationError, UnknownNameError
from zk0.core.project import FLOWER_CONFIG as SECTION
from zk0.core.receipts import write_atomically
from zk0.federation.configuration import RunConfig, Value, resolve
from zk0.federation.own_app.declaration import flat


@dataclass(frozen=True)
class WrittenValue:
    """A value as the file has it: with the comment behind it and those above it, and its line."""

    value: Value
    comment: str
    line: int


def read_value(path: Path, key: str) -> WrittenValue | None:
    """Return the value of a key; None where the section does not have it.

    Raises:
        ConfigurationError: the file or the section does not exist, or is not TOML.
    """
    text, section = _read(path)
    key = _spelled(section, key)
    if (item := _item(section, key, path)) is None:
        return None
    return WrittenValue(item.unwrap(), item.trivia.comment.lstrip("# ").rstrip(), _line_of(text, key))


def read_or_default(path: Path, name: str) -> tuple[str, Value, WrittenValue | None]:
    """Return a key as the file spells it, its value, and where that is written; None where it is zk0's default.

    Raises:
        UnknownNameError: neither the file nor zk0's app, if it is the file's, has such a key.
        ConfigurationError: the file or the section does not exist, or is not TOML.
    """
    _, section = _read(path)
    key = _spelled(section, name)
    written, defaults = read_value(path, key), _defaults(path)
    if written is None and key not in defaults:
        known = sorted({*(name for name, _ in flat(section.unwrap())), *defaults})
        near = get_close_matches(key, known, n=1)
        raise UnknownNameError(
            f"{path} has no key {key!r} in [{'.'.join(SECTION)}]",
            remedy=f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(known)}",
        )
    return key, written.value if written else defaults[key], written


def validate_value(path: Path, key: str, text: str) -> Value:
    """Return a value that was given as text: of the type and in the bounds of zk0's key, else as TOML reads it.

    Raises:
        ConfigurationError: the value is out of bounds, or does not go with the others in the file.
    """
    _, section = _read(path)
    defaults = _defaults(path)
    if key in defaults:
        others = {name: value for name, value in section.unwrap().items() if name in defaults}
        return resolve({**others, key: text}).plain()[key]
    try:
        value = tomlkit.value(text).unwrap()
    except ParseError:
        return text
    return value if isinstance(value, bool | int | float) else text


def set_value(path: Path, key: str, value: Value, comment: str = "") -> None:
    """Write a value in the place where it is; a comment replaces that behind it, and without one that stays.

    Raises:
        ConfigurationError: the file, the section or the key does not exist.
    """
    text, section = _read(path)
    key = _spelled(section, key)
    if (there := _item(section, key, path)) is None:
        raise ConfigurationError(
            f"{path} has no {key} in [{'.'.join(SECTION)}]", remedy=f"add the line: {key} = {_toml(value)}"
        )
    document = tomlkit.parse(text)
    *tables, name = _parts(_section(document, path), key)
    table = _section(document, path)
    for one in tables:
        table = table[one]
    item: Item = tomlkit.item(value)
    before = there.trivia
    item.trivia.indent, item.trivia.trail = before.indent, before.trail
    item.trivia.comment_ws = before.comment_ws or ("  " if comment else "")
    item.trivia.comment = f"# {' '.join(comment.split())}" if comment else before.comment
    table[name] = item
    write_atomically(path, document.as_string())


def _defaults(path: Path) -> dict[str, Value]:
    """Return zk0's defaults; none where the file declares another app, which has defaults of its own."""
    return {} if names_other_app(tomlkit.parse(_read(path)[0]).unwrap()) else RunConfig().plain()


def _spelled(section: Table, key: str) -> str:
    """Return a key as the file has it, with hyphens or underscores; with hyphens where it has none."""
    names = [*section, *(name for name, _ in flat(section.unwrap()))]
    hyphens = key.replace("_", "-")
    return next((name for name in (key, *names) if name in names and name.replace("_", "-") == hyphens), hyphens)


def _parts(section: object, key: str) -> list[str]:
    """Return the tables and the name of a key as Flower flattens it, such as `algorithm.mu`; a dot may be quoted."""
    table = section if isinstance(section, Mapping) else {}
    if key in table:
        return [key]
    for name, value in table.items():
        inner = _parts(value, key.removeprefix(f"{name}.")) if key.startswith(f"{name}.") else []
        if inner:
            return [name, *inner]
    return []


def _item(section: Table, key: str, path: Path) -> Item | None:
    """Return a value with its comment; None where the section has no such key."""
    *tables, name = _parts(section, key) or [""]
    if not name:
        return None
    table: Any = section
    for one in tables:
        table = table[one]
    item = table.value.item(name)  # `table[name]` of a boolean has no comment
    if not isinstance(item, Item) or not isinstance(item.unwrap(), bool | int | float | str):
        raise ConfigurationError(f"{path}: {key} is not one value", remedy="Flower takes numbers, texts and booleans")
    return item


def _toml(value: Value) -> str:
    return tomlkit.item(value).as_string()


def _read(path: Path) -> tuple[str, Table]:
    try:
        text = path.read_text(encoding="utf-8")
        return text, _section(tomlkit.parse(text), path)
    except FileNotFoundError as error:
        raise ConfigurationError(f"no file {path}", remedy="run this in the project's folder, or name it") from error
    except (OSError, UnicodeDecodeError, ParseError) as error:
        raise ConfigurationError(f"{path} can't be read: {error}", remedy="correct the file") from error


def _section(document: tomlkit.TOMLDocument, path: Path) -> Table:
    found: object = document
    for name in SECTION:
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        raise ConfigurationError(
            f"{path} has no [{'.'.join(SECTION)}]", remedy="run this in the folder of a Flower app, or add the section"
        )
    return found  # type: ignore[return-value]


def _line_of(text: str, key: str) -> int:
    """Return the number of the line that sets a key in the section, from 1."""
    wanted, table = ".".join((*SECTION, key)), ""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            table = stripped.split("#")[0].strip().strip("[]")
        elif f"{table}.{stripped.split('=')[0].strip()}".replace('"', "").replace("'", "") == wanted:
            return number
    raise ConfigurationError(f"{key} is set, but not on a line of [{'.'.join(SECTION)}]", remedy="write it there")
