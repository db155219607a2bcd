"""Name a source in a word, and let zk0 read what it says: nobody types a number, or a hash.

    receipt:DIGEST:outputs.results.0.value      a value of a receipt
    config:tool.flwr.app.config.proximal-mu     a setting of pyproject.toml; config:FILE#KEY of another file
    file:zk0/training/fedprox.py:12-20          lines of a file, or a whole file
    commit:HEAD                                 a commit
    link:https://arxiv.org/abs/1812.06127       a page, which no machine checks

Before it, `NAME=` says what the value is.
"""

import re
from pathlib import PurePosixPath

from zk0.core.errors import InputError, UnknownNameError
from zk0.memory.entries import PYPROJECT, Source
from zk0.memory.evidence import ChangedReceiptError, Witness, hash_of
from zk0.memory.receipt_values import value_at

KINDS = ("receipt", "config", "file", "commit", "link")
CITATION = re.compile(rf"(?:(?P<name>[^=]+)=)?(?P<kind>{'|'.join(KINDS)}):(?P<what>.+)")
FILE = re.compile(r"(?P<file>.+?)(?::(?P<first>\d+)(?:-(?P<last>\d+))?)?")


def cited(text: str, evidence: Witness) -> Source:
    """Return the source that a text names, with what it says now.

    Raises:
        InputError: it names none, or one that can't be read.
    """
    found = CITATION.fullmatch(text)
    if found is None:
        raise InputError(f"{text!r} names no source", remedy="--source receipt:…, config:…, file:…, commit:… or link:…")
    name, what = (found["name"] or "").strip(), found["what"]
    match found["kind"]:
        case "receipt":
            return _receipt(name, what, evidence)
        case "config":
            return _setting(name, what, evidence)
        case "file":
            return _file(name, what, evidence)
        case "commit":
            commit = evidence.resolved(what)
            if commit is None:
                raise InputError(f"there is no commit {what!r} here", remedy="git log")
            return Source(name=name, commit=commit)
    return Source(name=name, link=what)


def _receipt(name: str, what: str, evidence: Witness) -> Source:
    digest, _, metric = what.partition(":")
    try:
        receipt = evidence.receipt(digest)
        if receipt is None:
            raise InputError(f"there is no receipt {digest} here", remedy="zk0 show RUN STEP --json")
        value = value_at(receipt, metric) if metric else None
    except (ChangedReceiptError, UnknownNameError) as error:
        raise InputError(str(error), remedy="zk0 show RUN STEP --json") from error
    return Source(name=name, receipt=digest, metric=metric or None, value=_plain(value, what))


def _setting(name: str, what: str, evidence: Witness) -> Source:
    file, _, key = what.rpartition("#")
    try:
        value = evidence.setting(file or PYPROJECT, key)
    except KeyError as error:
        raise InputError(str(error.args[0]), remedy="config:tool.name.key, or config:FILE#KEY") from error
    return Source(name=name, config=key, file=file or None, value=_plain(value, what))


def _file(name: str, what: str, evidence: Witness) -> Source:
    found = FILE.fullmatch(what)
    file = PurePosixPath(found["file"]) if found else PurePosixPath(what)
    lines = evidence.lines(file.as_posix())
    if found is None or lines is None or file.is_absolute() or ".." in file.parts:
        raise InputError(f"there is no text {file} in the project", remedy="name a file below the project's root")
    if found["first"] is None:
        return Source(name=name, file=file.as_posix(), sha256=hash_of(lines))
    first, last = int(found["first"]), int(found["last"] or found["first"])
    if not 1 <= first <= last <= len(lines):
        raise InputError(f"{file} has lines 1 to {len(lines)}, not {first} to {last}")
    return Source(name=name, file=file.as_posix(), lines=(first, last), sha256=hash_of(lines[first - 1 : last]))


def _plain(value: object, what: str) -> bool | int | float | str | None:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise InputError(f"{what} is no single value; name a part of it")
