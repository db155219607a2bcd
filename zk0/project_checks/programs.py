"""Run a program that looks at a project: found beside this Python or on the path, ended in time, its words read."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zk0.core.errors import CommandError, DependencyMissingError


@dataclass(frozen=True)
class Ended:
    """How a program ended and what it printed."""

    status: int
    out: str
    err: str


def has_program(name: str) -> bool:
    """Whether a program can be found."""
    return _found(name) is not None


def run(
    *command: str, cwd: Path, seconds: float = 50, env: Mapping[str, str] | None = None, remedy: str | None = None
) -> Ended:
    """Run a program to its end.

    Args:
        command: the program's name and its arguments.
        cwd: where it runs.
        seconds: how long it may take.
        env: variables it gets besides ours.
        remedy: how to install it.

    Raises:
        DependencyMissingError: there is no such program.
        CommandError: it did not end in time.
    """
    program = _found(command[0])
    if program is None:
        raise DependencyMissingError(f"{command[0]} is not installed", remedy=remedy or f"pip install {command[0]}")
    try:
        ended = subprocess.run(  # noqa: S603  an argv list of ours, no shell
            [program, *command[1:]],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{command[0]} did not end within {seconds:g} s") from error
    return Ended(ended.returncode, *(part.decode(errors="replace") for part in (ended.stdout, ended.stderr)))


def git(project_root: Path, *arguments: str, seconds: float = 20) -> Ended:
    """Run git in a project."""
    return run("git", *arguments, cwd=project_root, seconds=seconds, remedy="install git")


def _found(name: str) -> str | None:
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.is_file() else shutil.which(name)
