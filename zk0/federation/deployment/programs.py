"""The programs of one deployment: started in sessions of their own, and ended together with all that they started.

Flower starts programs of its own, some in new sessions, so that a process group does not hold them all. Each carries
the deployment's mark in its environment, and is found by it.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zk0.core import process_tree
from zk0.core.errors import DependencyMissingError
from zk0.core.process import GRACE, find_program, kill_tree, start, without_interruption
from zk0.core.process_marks import environment_of
from zk0.core.process_tree import ProcessEntry, processes

MARK = "ZK0_DEPLOYMENT"  # in the environment of every program of a deployment: which one
PRELOAD = "ZK0_PRELOAD"  # the module that a client's processes begin with
PART = "ZK0_DEPLOYMENT_PART"  # and which part of it: superlink, or a client's name
SUPERLINK = "superlink"
FOREGROUND = "(foreground)"  # the part of a zk0 that watches the others; no client can have this name
FOREGROUND_GRACE = 15.0  # seconds, in which it takes the others down
TAIL = 4000  # characters of a log that are searched for the reason of an end

FLOWER_ENVIRONMENT = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",  # what runs is what is installed; nothing is downloaded
}


SERVER_TASK_POLL = "0.5"  # seconds between two questions for work: a ServerApp begins once a run
CLIENT_TASK_POLL = "0.1"  # a ClientApp begins once a round; Flower's default is 1


@dataclass(frozen=True)
class Program:
    """What to start: one part of a deployment."""

    part: str
    argv: tuple[str, ...]
    home: Path  # its FLWR_HOME, and its working directory: Flower imports what lies in the latter
    log: Path
    preload: str = ""


_started: list["subprocess.Popen[bytes]"] = []  # children of this process: one that ended has to be collected


def launch(program: Program, mark: str) -> "subprocess.Popen[bytes]":
    """Start a program.

    Raises:
        DependencyMissingError: Flower is not installed beside this Python.
    """
    path = find_program(program.argv[0])
    if path is None:
        raise DependencyMissingError(f"{program.argv[0]} is not installed", remedy="pip install 'flwr>=1.42,<1.43'")
    for folder in (program.home, program.log.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with program.log.open("ab") as log, without_interruption():
        variables = environment(program, mark, os.environ)
        process = start([path, *program.argv[1:]], cwd=program.home, env=variables, stdout=log)
    _started.append(process)
    return process


def environment(program: Program, mark: str, base: Mapping[str, str]) -> dict[str, str]:
    """Return a program's environment: Flower finds its own programs on PATH, and no import depends on a directory."""
    found = os.pathsep.join((str(Path(sys.executable).parent), base.get("PATH", os.defpath)))
    own = {"PATH": found, "FLWR_HOME": str(program.home), MARK: mark, PART: program.part, PRELOAD: program.preload}
    own["FLWR_SUPEREXEC_TASK_POLL_INTERVAL"] = SERVER_TASK_POLL if program.part == SUPERLINK else CLIENT_TASK_POLL
    if base.get("PYTHONPATH"):
        own["PYTHONPATH"] = absolute_entries(base["PYTHONPATH"])
    return {**base, **FLOWER_ENVIRONMENT, **own}


def absolute_entries(paths: str) -> str:
    """Return a list of paths, as PYTHONPATH is one, that is valid in every working directory."""
    return os.pathsep.join(str(Path(place).resolve()) for place in paths.split(os.pathsep) if place)


def running(mark: str, part: str | None = None) -> list[ProcessEntry]:
    """Return the live processes of a deployment, or of one of its parts; a zombie is not alive."""

    def belongs(entry: ProcessEntry) -> bool:
        variables = environment_of(entry.pid)
        return variables.get(MARK) == mark and part in (None, variables.get(PART)) and entry.pid != os.getpid()

    return [entry for entry in processes().values() if not entry.is_zombie and belongs(entry)]


def end(mark: str, part: str | None = None, *, grace: float = GRACE) -> int:
    """End all processes of a deployment, or of one part: ask, wait, kill; return how many there were.

    Raises:
        CommandError: one can't be killed.
    """
    count = len(running(mark, part))
    process_tree.end_all(lambda: running(mark, part), grace)
    for process in [process for process in _started if process.poll() is not None]:
        kill_tree(process)  # it has ended: no orphan can be its
        _started.remove(process)
    return count


def end_all(mark: str, *, grace: float = GRACE) -> int:
    """End all processes of a deployment and return how many there were; first the zk0 that would start them again."""
    count = len(running(mark))
    end(mark, FOREGROUND, grace=FOREGROUND_GRACE if grace else 0)
    end(mark, grace=grace)
    return count


def begin_again_marked(mark: str) -> None:
    """Replace this process by itself, with a mark in its environment by which `end_all` in other processes finds it."""
    if os.environ.get(MARK) != mark:
        os.execve(sys.executable, sys.orig_argv, {**os.environ, MARK: mark, PART: FOREGROUND})  # noqa: S606  no shell


def tail_of(log: Path) -> str:
    """Return the end of a log; empty where there is none yet."""
    if not log.is_file():
        return ""
    return log.read_text(encoding="utf-8", errors="replace")[-TAIL:]


def superlink_argv(*, host: str, port: int, certificates: Path, database: Path) -> Sequence[str]:
    """Return the command of a SuperLink with TLS and node keys; what is not given is Flower's default."""
    return (
        sys.executable,
        "-m",
        f"{__package__}.superlink",  # Flower's, guarded
        f"--host={host}",
        f"--port={port}",
        f"--ssl-ca-certfile={certificates / 'ca.crt'}",
        f"--ssl-certfile={certificates / 'server.crt'}",
        f"--ssl-keyfile={certificates / 'server.key'}",
        "--enable-supernode-auth",
        f"--database={database}",
        "--disable-runtime-dependency-installation",
    )


def supernode_argv(*, superlink: str, authority: Path, key: Path, port: int, configuration: str) -> Sequence[str]:
    """Return the command of a SuperNode; `port` is for its own programs, on loopback."""
    return (
        sys.executable,
        "-m",
        f"{__package__}.supernode",  # Flower's, asking more often
        f"--superlink={superlink}",
        f"--root-certificates={authority}",
        f"--auth-supernode-private-key={key}",
        "--host=127.0.0.1",
        f"--port={port}",
        f"--node-config={configuration}",
    )
