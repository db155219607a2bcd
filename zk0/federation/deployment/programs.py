"""The programs of one deployment: started in sessions of their own, and ended together with all that they started.

Flower starts programs of its own, some in new sessions, so that a process group does not hold them all. Each carries
the deployment's mark in its environment, and is found by it.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from zk0.core.errors import DependencyMissingError
from zk0.core.process import GRACE, find_program, start, without_interruption

MARK = "ZK0_DEPLOYMENT"  # in the environment of every program of a deployment: which one
PRELOAD = "ZK0_PRELOAD"  # the module that a client's processes begin with
PART = "ZK0_DEPLOYMENT_PART"  # and which part of it: superlink, or a client's name
SUPERLINK = "superlink"
TAIL = 4000  # characters of a log that are searched for the reason of an end

FLOWER_ENVIRONMENT = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",  # what runs is what is installed; nothing is downloaded
    "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.1",  # seconds; its default is 1
}


@dataclass(frozen=True)
class Program:
    """What to start: one part of a deployment."""

    part: str
    argv: tuple[str, ...]
    home: Path  # its FLWR_HOME, and its working directory: Flower imports what lies in the latter
    log: Path
    preload: str = ""


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
        return start([path, *program.argv[1:]], cwd=program.home, env=variables, stdout=log)


def environment(program: Program, mark: str, base: Mapping[str, str]) -> dict[str, str]:
    """Return a program's environment: Flower finds its own programs on PATH, and no import depends on a directory."""
    found = os.pathsep.join((str(Path(sys.executable).parent), base.get("PATH", os.defpath)))
    own = {"PATH": found, "FLWR_HOME": str(program.home), MARK: mark, PART: program.part, PRELOAD: program.preload}
    if base.get("PYTHONPATH"):
        places = base["PYTHONPATH"].split(os.pathsep)
        own["PYTHONPATH"] = os.pathsep.join(str(Path(place).resolve()) for place in places if place)
    return {**base, **FLOWER_ENVIRONMENT, **own}


def running(mark: str, part: str | None = None) -> list[psutil.Process]:
    """Return the live processes of a deployment, or of one of its parts; a zombie is not alive."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            variables = process.environ()
            if variables.get(MARK) != mark or part not in (None, variables.get(PART)):
                continue
            if process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def end(mark: str, part: str | None = None, *, grace: float = GRACE) -> int:
    """End all processes of a deployment, or of one part: ask, wait, kill; return how many there were."""
    processes = running(mark, part)
    _signal(processes, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while (left := running(mark, part)) and time.monotonic() < deadline:
        psutil.wait_procs(left, timeout=0.1)
    while left := running(mark, part):  # until none is left: one that is starting another may miss the first signal
        _signal(left, signal.SIGKILL)
        psutil.wait_procs(left, timeout=0.1)
    return len(processes)


def tail_of(log: Path) -> str:
    """Return the end of a log; empty where there is none yet."""
    if not log.is_file():
        return ""
    return log.read_text(encoding="utf-8", errors="replace")[-TAIL:]


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process.send_signal(number)


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
