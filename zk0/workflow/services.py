"""Services: programs that go on while later steps run, such as a server that is tested.

A step with `service: true` passes when its program is ready. The program is ended with the workflow that the step is
part of, and while the run waits for somebody. If the engine is killed, its services go on; a resumed run finds them by
their environment, and starts those again that have died.
"""

import re
import socket
import subprocess
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import IO, Any

from zk0.core.errors import CommandError, SpecError
from zk0.core.process import GRACE, without_interruption
from zk0.core.process_tree import REGISTRY, ProcessEntry, end_all, processes, with_descendants
from zk0.workflow.actions import Outputs
from zk0.workflow.lock import SERVICE, services_of
from zk0.workflow.masking import Mask
from zk0.workflow.programs import Command, Programs
from zk0.workflow.run import RunDirectory
from zk0.workflow.timeouts import TimeLimit, timeout_error

READY_LIMIT = TimeLimit(60.0)  # without a timeout; a service that needs longer says so
POLL = 0.05  # seconds between two looks whether a service is ready
CONNECT_SECONDS = 1.0
LOCAL = "localhost"
OVERLAP = 4096  # characters of a log that are searched again, since a line may have been incomplete


class ServiceOutputs(Outputs):
    """The outputs of a step that starts a service: its process, and the log that has all it prints."""

    pid: int
    log: str


@dataclass(frozen=True)
class Readiness:
    """How a service shows that it is ready: a program ends with 0, a port takes connections, its log has a match."""

    argv: tuple[str, ...] = ()
    port: int | None = None
    pattern: "re.Pattern[str] | None" = None


@dataclass
class _Service:
    """A service that was started here, or found again after the engine was killed (then without `process`)."""

    log: Path
    process: subprocess.Popen[bytes] | None = None
    found: tuple[ProcessEntry, ...] = ()
    opened: ExitStack = field(default_factory=ExitStack)
    reported: bool = False

    def lives(self) -> bool:
        if self.process is not None:
            return self.process.poll() is None
        return any(_is_alive(entry) for entry in self.found)

    def end_of_it(self) -> str:
        status = None if self.process is None else self.process.returncode
        return "ended" if status is None else f"ended with exit status {status}"


class Services:
    """The services of a run, by the paths of the steps that started them.

    Args:
        programs: starts and ends them.
    """

    def __init__(self, programs: Programs) -> None:
        self.programs = programs
        self._services: dict[str, _Service] = {}
        self._lock = threading.Lock()

    def start(self, step: str, command: Command, readiness: Readiness, log: Path, mask: Mask) -> int:
        """Start a service, and return its process number when it is ready.

        Raises:
            CommandError: it ended, or its port is in use by another program.
            TimeLimitError: it was not ready in time.
            RunEnding: the run ends.
        """
        self.end([step])
        if readiness.port is not None and _takes_connections(readiness.port):
            problem = f"port {readiness.port} is in use before the service starts, so it can't show that it is ready"
            raise CommandError(problem, remedy="end the program that listens there (ss -ltnp), or choose another port")
        limit = command.limit or READY_LIMIT
        with ExitStack() as opened:
            output: IO[bytes] = opened.enter_context(self.programs.written(log, mask))
            with without_interruption():
                marked = replace(command, env={**command.env, SERVICE: step})
                process = self.programs.started(marked, output, mask)
                opened.callback(self.programs.end_one, process)
            service = _Service(log, process)
            self._wait_until_ready(service, replace(command, limit=limit), readiness, mask)
            service.opened = opened.pop_all()
        REGISTRY.lasting.add(process.pid)
        with self._lock:
            self._services[step] = service
        return process.pid

    def find(self, run: RunDirectory) -> None:
        """Take over the services that a killed engine of the run left behind."""
        for step, entries in services_of(run).items():
            self._services[step] = _Service(run.log(step), found=tuple(entries))

    def lives(self, step: str) -> bool:
        """Return whether the service of a step runs."""
        service = self._services.get(step)
        return service is not None and service.lives()

    def ended(self, *, again: bool) -> Iterator[str]:
        """Say of each service that it has ended by itself; once, or again."""
        with self._lock:
            for step, service in self._services.items():
                if (again or not service.reported) and not service.lives():
                    service.reported = True
                    yield f"service {step} {service.end_of_it()} while the run went on, see {service.log}"

    def end(self, steps: Collection[str] | None = None) -> None:
        """End the services of some steps, or all, the last one first."""
        with self._lock:
            chosen = [step for step in reversed(self._services) if steps is None or step in steps]
            ended = [self._services.pop(step) for step in chosen]
        for service in ended:
            if service.process is not None:
                REGISTRY.lasting.discard(service.process.pid)
                with without_interruption():
                    service.opened.close()
            else:
                end_all(partial(_remaining, service.found), GRACE)

    def _wait_until_ready(self, service: _Service, command: Command, readiness: Readiness, mask: Mask) -> None:
        assert service.process is not None
        assert command.limit is not None
        deadline = time.monotonic() + command.limit.seconds
        is_ready = self._look(service, command, readiness, mask)
        for ready in is_ready:
            if service.process.poll() is not None:
                problem = f"{Path(command.argv[0]).name} {service.end_of_it()} before it was ready"
                raise CommandError(problem, remedy=f"see {service.log}")
            if ready:
                return
            if time.monotonic() > deadline:
                raise timeout_error(Path(command.argv[0]).name, command.limit, service.log, expected="get ready")
            self.programs.pause(POLL * 4 if readiness.argv else POLL)

    def _look(self, service: _Service, command: Command, readiness: Readiness, mask: Mask) -> Iterator[bool]:
        """Yield for ever whether a service is ready."""
        deadline = time.monotonic() + (command.limit or READY_LIMIT).seconds
        position = 0
        while True:
            if readiness.port is not None:
                yield _takes_connections(readiness.port)
            elif readiness.pattern is not None:
                text = _read_from(service.log, position)
                yield readiness.pattern.search(text) is not None
                position = max(0, position + len(text.encode()) - OVERLAP)
            else:
                left = TimeLimit(max(0.1, deadline - time.monotonic()))
                log = service.log.with_name(f"{service.log.stem}.ready.log")
                yield self.programs.run(replace(command, argv=readiness.argv, limit=left), log, mask).status == 0


def readiness_of(ready: Mapping[str, Any], argv: tuple[str, ...]) -> Readiness:
    """Return what a step's `ready` says; `argv` is its program, already as texts.

    Raises:
        SpecError: the port is none, or the pattern is no regular expression.
    """
    if argv:
        return Readiness(argv=argv)
    if "port" in ready:
        port = str(ready["port"])
        if not port.isdigit() or not 0 < int(port) < 2**16:
            raise SpecError(f"ready: the port {port!r} is not a number from 1 to 65535", remedy="correct the port")
        return Readiness(port=int(port))
    try:
        return Readiness(pattern=re.compile(str(ready["log"]), re.MULTILINE))
    except re.error as error:
        raise SpecError(f"ready: {ready['log']!r} is not a regular expression: {error}") from error


def _takes_connections(port: int) -> bool:
    try:
        with socket.create_connection((LOCAL, port), CONNECT_SECONDS):
            return True
    except OSError:
        return False


def _read_from(log: Path, position: int) -> str:
    with log.open("rb") as stream:
        stream.seek(position)
        return stream.read().decode(errors="replace")


def _is_alive(entry: ProcessEntry) -> bool:
    now = processes().get(entry.pid)
    return now is not None and now.born == entry.born and not now.is_zombie


def _remaining(found: Collection[ProcessEntry]) -> list[ProcessEntry]:
    table = processes()
    alive = {entry.pid for entry in found if entry.pid in table and table[entry.pid].born == entry.born}
    return with_descendants(alive, table)
