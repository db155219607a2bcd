"""Commands to GitHub Actions, and text that is none: annotations, groups, the job's summary, and output that is inert.

The runner takes each line of stdout and stderr that begins with `::name` for a command, and the older form `##[name]`
anywhere in a line. Findings, logs and names come from outside, so all text goes through an `InertStream`, in which no
line is a command; zk0's own commands are written around it, with their text escaped.
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

# The runner trims a line before it looks for a command, and reads `\r` as the end of a line.
COMMAND = re.compile(r"(?:^|(?<=[\r\n]))[\s\ufeff]*:(?=:)|##(?=\[)")
HARMLESS = re.compile(r"[\s\ufeff]*:?")  # the beginning of a line that can still become a command
PLACE = re.compile(r"(?P<file>[\w./-]+\.\w+):(?P<line>\d+)")
MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+.!|~@:&$-])")
LONGEST = 300  # characters of one text in the summary; the receipt has all of it


def is_active(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether this process is a step of GitHub Actions."""
    return environment.get("GITHUB_ACTIONS") == "true"


class InertStream:
    """Writes text to a stream so that no line of it is a command."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._line = ""  # what was written of the current line, as far as it matters

    def write(self, text: str) -> int:
        """Write a text with a space in each thing that would be a command."""
        whole = self._line + text
        self.stream.write(COMMAND.sub(lambda found: f"{found[0]} ", whole)[len(self._line) :])
        line = re.split(r"[\r\n]", whole)[-1]
        self._line = line if HARMLESS.fullmatch(line) else f".{line[-2:]}"
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def run_command(name: str, text: str = "", stream: TextIO | None = None, **properties: object) -> None:
    """Write a command on a line of its own, to stderr by default."""
    stream = stream or sys.stderr
    while isinstance(stream, InertStream):
        stream = stream.stream
    given = ",".join(f"{key}={_property(value)}" for key, value in properties.items() if value)
    stream.write(f"::{name}{' ' if given else ''}{given}::{_data(text)}\n")
    stream.flush()


def annotate(
    level: str, text: str, *, title: str = "", place: str = "", column: int = 0, stream: TextIO | None = None
) -> None:
    """Show an error, a warning or a notice at the place that `path:line` names, if it names one."""
    found = PLACE.search(place)
    where = found.groupdict() if found else {}
    run_command(level, text, stream, **where, col=column, title=title)


def annotate_error(message: str, *, title: str) -> None:
    """Annotate an error, each of its lines that names a place at this place."""
    lines = message.splitlines()
    for text in lines if all(map(PLACE.match, lines)) else [message]:
        annotate("error", text, title=title, place=text)


@contextmanager
def inert_output() -> Iterator[None]:
    """Make stdout and stderr inert within the block, unless they are files."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_inert(stream) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def write_summary(text: str, environment: Mapping[str, str] = os.environ) -> None:
    """Add Markdown to the job's summary, if this is a step of a job; one that can't be written is reported."""
    path = environment.get("GITHUB_STEP_SUMMARY")
    if not (path and is_active(environment)):
        return
    try:
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        annotate("warning", f"the summary can't be written to {path}: {error.strerror}", title="zk0")


def plain(text: object) -> str:
    """Return a text as one line of Markdown in which nothing is markup."""
    line = " ".join(str(text).split())
    return MARKUP.sub(r"\\\1", line if len(line) <= LONGEST else f"{line[:LONGEST]}…")


def _inert(stream: TextIO) -> TextIO:
    try:
        if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            return stream
    except (OSError, ValueError, AttributeError):  # not a file of the operating system
        pass
    return cast("TextIO", InertStream(stream))


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: object) -> str:
    return _data(str(value)).replace(":", "%3A").replace(",", "%2C")
