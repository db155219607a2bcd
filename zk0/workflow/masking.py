"""Mask the values of secrets in all that a run writes: events, logs, errors.

A value is masked as it is, in its JSON and URL encodings, and line by line. Other transformations by an action or a
program (its reverse, its Base64 with a prefix) can't be recognised.

A log is masked while it grows: the program writes to an unnamed file, from which a thread copies to the log. So no pipe
can fill up, and a program that prints without end never blocks.
"""

import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any
from urllib.parse import quote

from pydantic import BaseModel

from zk0.workflow.log_limit import BLOCK, give_back

HIDDEN = "***"
SHORTEST = 8  # characters of a value that can be hidden without tearing words apart; GitLab asks for as many
POLL = 0.1  # seconds between two looks at what a step has printed
CHUNK = 1 << 20  # bytes


class Mask:
    """Masks secrets.

    Args:
        secrets: their values by the names of their environment variables.
    """

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        self.secrets = dict(secrets or {})
        lines = {line.strip() for value in self.secrets.values() for line in (value, *value.splitlines())}
        spelt = {form for line in lines for form in (line, json.dumps(line)[1:-1], quote(line, safe=""))}
        # The longest first: of two secrets one may be the beginning of the other.
        self._forms = sorted((form for form in spelt if len(form) >= SHORTEST), key=len, reverse=True)
        self._found = re.compile("|".join(map(re.escape, self._forms)).encode())

    def text(self, text: str) -> str:
        """Return a text without the secrets."""
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        return text

    def masked[T](self, value: T) -> T:
        """Return a value without the secrets, at any depth: in texts, paths, containers, models and dataclasses."""
        return self._masked(value) if self._forms else value

    def without(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return an environment without the secrets, for a program that is not given them."""
        return {name: value for name, value in environment.items() if name not in self.secrets}

    @contextmanager
    def opened(self, log: Path) -> Iterator[IO[bytes]]:
        """Open a log to append to; what is written is in it without the secrets, a moment later.

        Raises:
            OSError: it can't be written.
        """
        with log.open("ab") as shown:
            if not self._forms:
                yield shown
                return
            with TemporaryFile(buffering=0) as raw, _Copying(raw, shown, self):
                yield raw

    def pieces(self, text: bytes) -> tuple[bytes, bytes]:
        """Return the beginning of a text without the secrets, and its end as it is, which may be a part of one."""
        cut = len(text) - max(_overlap(text, form.encode()) for form in self._forms)
        for match in self._found.finditer(text):
            if match.start() < cut < match.end():
                cut = match.start()  # its end may be the beginning of another
        return self._found.sub(HIDDEN.encode(), text[:cut]), text[cut:]

    def rest(self, text: bytes) -> bytes:
        """Return the last piece of a text without the secrets."""
        return self._found.sub(HIDDEN.encode(), text)

    def _masked(self, value: Any) -> Any:
        found = value
        match value:
            case str() if type(value) is str:  # a member of an enumeration is a text too, and no secret
                found = self.text(value)
            case Path():
                found = Path(self.text(str(value)))
            case Mapping():
                found = {self._masked(key): self._masked(inner) for key, inner in value.items()}
            case list() | tuple():
                found = type(value)(map(self._masked, value))
            case BaseModel():
                found = value.model_copy(update={name: self._masked(inner) for name, inner in value})
            case _ if is_dataclass(value) and not isinstance(value, type):
                names = (part.name for part in fields(value) if part.init)
                found = replace(value, **{name: self._masked(getattr(value, name)) for name in names})
        return found


class _Copying:
    """Copies a file that grows, without the secrets, to the end of its `with` block."""

    def __init__(self, raw: IO[bytes], shown: IO[bytes], mask: Mask) -> None:
        self.raw, self.shown, self.mask = raw, shown, mask
        self.position = self.freed = 0
        self.kept = b""
        self.ended = threading.Event()
        self.error: OSError | None = None
        self.thread = threading.Thread(target=self._follow, name="mask", daemon=True)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()
        if self.error:
            raise self.error

    def _follow(self) -> None:
        try:
            while not self.ended.wait(POLL):
                self._copy()
            self._copy()
            self.shown.write(self.mask.rest(self.kept))
            self.shown.flush()
        except OSError as error:  # a full disk; raised in the thread that waits for this one
            self.error = error

    def _copy(self) -> None:
        # Not `read`: the program that writes shares this file's place.
        while chunk := os.pread(self.raw.fileno(), CHUNK, self.position):
            self.position += len(chunk)
            ready, self.kept = self.mask.pieces(self.kept + chunk)
            self.shown.write(ready)
            self.shown.flush()
            give_back(self.raw.fileno(), self.freed, self.position)
            self.freed = self.position // BLOCK * BLOCK


def _overlap(text: bytes, form: bytes) -> int:
    """Return how many of a text's last bytes are the first of a form, short of all."""
    return next((size for size in range(min(len(form) - 1, len(text)), 0, -1) if text.endswith(form[:size])), 0)
