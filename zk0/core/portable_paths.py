"""Paths in records that travel: from the project's root, and without the name of the user who ran it.

`/home/ada/arms/data` in the project `/home/ada/arms` is `./data`; another path below the home directory begins with
`~/`; a folder elsewhere that has the user's name is `$USER`. `to_local` reverses this for values that are a path.
"""

import getpass
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

AFTER = r"(?=[/\s:;,'\"`)\]}>]|$)"  # what may follow the path of a directory
BEFORE = r"(?<![\w.~$-])"
INTERPRETER = re.compile(rf"{BEFORE}/(?:[^\s/'\"`]+/)*([^\s/'\"`]+/bin/python[\d.]*)")
USER = "$USER"
SHORT = re.compile(r"(?:^|(?<=[=;,:]))[.~](?=/)")  # a value, or one of several such as name=PATH;name=PATH


def to_portable(value: Any, root: Path) -> Any:
    """Return a value of a record with such paths in all of its texts, keys included."""
    return _changed(value, lambda text: _portable(text, str(root)))


def without_interpreters(value: Any) -> Any:
    """Return a value of a record in which a Python elsewhere on this machine is `…/env/bin/python`."""
    return _changed(value, lambda text: INTERPRETER.sub(r"…/\1", text))


def to_local(value: Any, root: Path) -> Any:
    """Return a value of a record with the paths as they are on this machine, where a text is one or a list of them."""
    return _changed(value, lambda text: _local(text, str(root)))


def _changed(value: Any, change: Any) -> Any:
    match value:
        case str():
            return change(value) if type(value) is str else value  # a verdict is a text too
        case dict():
            return {_changed(key, change): _changed(inner, change) for key, inner in value.items()}
        case list() | tuple():
            return type(value)(_changed(inner, change) for inner in value)
        case BaseModel():
            update = {name: _changed(getattr(value, name), change) for name in type(value).model_fields}
            return value.model_copy(update=update)
    return value


def _portable(text: str, root: str) -> str:
    if "/" not in text:
        return text
    for pattern, short in _places(root, str(Path.home()), _user()):
        text = pattern.sub(short, text)
    return text


def _local(text: str, root: str) -> str:
    if text in ("~", "."):
        return root if text == "." else str(Path.home())
    text = SHORT.sub(lambda found: root if found[0] == "." else str(Path.home()), text)
    return text.replace(f"/{USER}/", f"/{_user()}/")


@lru_cache
def _places(root: str, home: str, user: str) -> list[tuple[re.Pattern[str], str]]:
    named = [(root, "."), (home, "~")]
    places = [(re.compile(BEFORE + re.escape(path) + AFTER), short) for path, short in named if path != "/"]
    return [*places, (re.compile(rf"(?<=/){re.escape(user)}(?=/)"), USER)]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may have a number and no name
        return str(os.getuid())
