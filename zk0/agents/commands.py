"""Run commands of zk0 for the MCP server: to their end, or in the background with the run as a handle.

A command has a process of its own, so nothing it prints can get between the server's messages, and a bug in it ends a
tool and not the server. It has a mark of an agent in its environment: nothing that it does counts as a person's.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from zk0.core.errors import ExitStatus

MARK = "ZK0_MCP"
PATIENCE = 2.0  # seconds to wait for the end of what may be short
BEGUN_WITHIN = 60.0  # seconds for a run to begin: a plan with many steps on a busy machine
POLL = 0.05  # seconds
MOST = 1 << 20  # bytes of its output that are read
RUN = re.compile(rb"^run (\S+)$", re.MULTILINE)  # the first line of progress
REFUSED = (ExitStatus.wrong_request, ExitStatus.missing, ExitStatus.bug)


class CommandRefusedError(Exception):
    """A command that did not do what it was asked; the text is its own message with its remedy."""


@dataclass(frozen=True)
class Zk0Commands:
    """The commands of zk0 in one project."""

    root: Path

    def run(self, *arguments: str) -> str:
        """Run a command to its end and return what it prints.

        Raises:
            CommandRefusedError: it refused, or has a bug.
        """
        done = subprocess.run(  # noqa: S603  our own program
            _argv(arguments),
            cwd=self.root,
            env=_environment(),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode in REFUSED:
            raise CommandRefusedError(_text(done.stderr) or _text(done.stdout))
        return _text(done.stdout) or _text(done.stderr)

    def begin(self, *arguments: str) -> str:
        """Start `zk0 run` or `zk0 resume` in the background, and return the run that it performs.

        It goes on when the server ends, as a run in another terminal would.

        Raises:
            CommandRefusedError: it ended without a run.
        """
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(  # noqa: S603  our own program
                _argv(arguments),
                cwd=self.root,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
            begun = time.monotonic()
            run = None
            while process.poll() is None and time.monotonic() - begun < (PATIENCE if run else BEGUN_WITHIN):
                time.sleep(POLL)
                run = run or RUN.search(_read(said))
            text = _read(said)
            run = run or RUN.search(text)
            if process.returncode in REFUSED or run is None:
                raise CommandRefusedError(_text(text) or "it did not begin in time")
            return run[1].decode()


def _argv(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "zk0", *arguments]


def _environment() -> dict[str, str]:
    return {**os.environ, MARK: "1", "NO_COLOR": "1"}


def _read(file: BinaryIO) -> bytes:
    return os.pread(file.fileno(), MOST, 0)  # another position than the one that the process writes at


def _text(said: bytes) -> str:
    return said.decode(errors="replace").strip()
