"""The programs of one deployment: its SuperLink, and the SuperNodes on this machine; started, proved and ended.

Nothing waits by the clock: the SuperLink is ready when its health answers over TLS, a client when the SuperLink lists
it as online, and all together when the canary has come back.
"""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field

from zk0.core.errors import DeploymentError
from zk0.core.ports import free_port
from zk0.federation.configuration import Client
from zk0.federation.deployment.authority import read_client_key
from zk0.federation.deployment.canary import CanaryResult, prove
from zk0.federation.deployment.control import CERTIFICATE_REFUSED, is_healthy, wait_until
from zk0.federation.deployment.folder import DeploymentFolder
from zk0.federation.deployment.programs import (
    SUPERLINK,
    Program,
    end,
    end_all,
    launch,
    running,
    superlink_argv,
    supernode_argv,
    tail_of,
)
from zk0.federation.deployment.reasons import Reason, reason_in

GRACE = 3.0  # seconds; a SuperLink needs 2 to close its connections, and a step that is over time gets 5
READY_SECONDS = 60.0  # for a SuperLink or SuperNode: importing Flower takes 3 s on an idle machine, 20 on a busy one
CLIENT_CODE = "zk0.federation.client"  # imports LeRobot
CONNECTED = b"SuperNode ID:"  # what a SuperNode logs when the SuperLink has accepted its key
MOST_STARTS = 3  # of one program in one deployment; one that dies each time has a reason that starting does not cure


@dataclass
class Deployment(DeploymentFolder):
    """A SuperLink and the SuperNodes on this machine."""

    children: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    log_sizes: dict[str, int] = field(default_factory=dict)  # of each part, when it was started last
    preload: str = CLIENT_CODE

    def start_superlink(self) -> None:
        """Start the SuperLink and wait until it answers.

        Raises:
            DeploymentError: it ended, or did not answer in time.
        """
        self.port = self.port or free_port()
        home = self.folder / SUPERLINK
        argv = superlink_argv(host=self.host, port=self.port, certificates=self.authority, database=home / "state.db")
        self._launch(Program(SUPERLINK, tuple(argv), home, self.log(SUPERLINK)))

        def settled() -> bool:
            trouble = self._unhealthy()
            return not trouble or not self.is_alive(SUPERLINK) or CERTIFICATE_REFUSED in trouble

        in_time = wait_until(settled, READY_SECONDS)
        if not self.is_alive(SUPERLINK):
            raise self.broken(SUPERLINK, "ended while it started")
        if self._unhealthy():
            raise self.broken(SUPERLINK, "can't be used" if in_time else f"does not answer in {READY_SECONDS:g} s")

    def start_client(self, client: Client) -> None:
        """Start a SuperNode for a client on this machine; its key must be registered."""
        self.clients[client.name] = client
        home = self.folder / "clients" / client.name
        argv = supernode_argv(
            superlink=self.address,
            authority=self.certificate,
            key=home / "key",
            port=free_port(),
            configuration=node_configuration(client),
        )
        self._launch(Program(client.name, tuple(argv), home, self.log(client.name), self.preload))

    def wait_for(self, names: Iterable[str], seconds: float = READY_SECONDS) -> None:
        """Wait until these clients are connected.

        Raises:
            DeploymentError: one of them ended or did not come in time.
        """
        wanted = set(names)
        with self.control() as control:

            def missing_now() -> set[str]:
                online = {node.name for node in control.nodes() if node.is_online}
                return {name for name in wanted if name not in online or not self._has_connected(name)}

            def settled() -> bool:
                missing = missing_now()
                return not missing or any(name in self.clients and not self.is_alive(name) for name in missing)

            wait_until(settled, seconds)
            missing = sorted(missing_now())
        if missing:
            ended = missing[0] in self.clients and not self.is_alive(missing[0])
            state = "ended before it connected" if ended else "does not connect"
            raise self.broken(missing[0], state)

    def prove(self, names: Iterable[str]) -> CanaryResult:
        """Send the canary through these clients and return what came back; raises what `canary.prove` raises."""
        with self.control() as control:
            numbers = {node.number: node.name for node in control.nodes() if node.name in set(names)}
            return prove(control, numbers, self.folder, reason=lambda part: self.reason(part).message)

    def repair(self, part: str) -> None:
        """Start a part again that has ended; the SuperLink keeps its port, database and clients.

        Raises:
            DeploymentError: it has ended too often.
        """
        if not self.may_start(part):
            raise self.broken(part, f"ended {self.starts[part]} times")
        self.end_part(part)  # what it started may have survived it
        if part == SUPERLINK:
            self.start_superlink()
        else:
            self.start_client(self.clients[part])

    def sign_off(self, name: str) -> None:
        """Say to the SuperLink that a client on this machine has ended: it does not know of one that was killed."""
        with self.control() as control:
            control.sign_off(name, read_client_key(self.folder / "clients" / name / "key"))

    def end_part(self, part: str) -> None:
        """End one part."""
        end(self.mark, part, grace=GRACE)
        if part in self.children:
            self.children.pop(part).wait()

    def end(self, grace: float = GRACE) -> int:
        """End all programs, after `grace` seconds by force, and return how many there were."""
        ended = end_all(self.mark, grace=grace)
        for child in self.children.values():
            child.wait()
        self.children.clear()
        return ended

    def leave_running(self) -> None:
        """Let the programs outlive this process."""
        for child in self.children.values():
            child.returncode = 0  # Python must not warn that they still run
        self.children.clear()

    def is_alive(self, part: str) -> bool:
        """Return whether the program of a part runs."""
        if part in self.children:
            return self.children[part].poll() is None
        return bool(running(self.mark, part))

    def may_start(self, part: str) -> bool:
        """Return whether a part has not been started too often."""
        return self.starts.get(part, 0) < MOST_STARTS

    def reason(self, part: str) -> Reason:
        """Return what a part's log, or else a connection, says of its trouble; empty where nothing."""
        found = reason_in(tail_of(self.log(part)))
        if found is None and (part != SUPERLINK or self.is_alive(SUPERLINK)) and (unhealthy := self._unhealthy()):
            found = reason_in(unhealthy) or Reason(unhealthy, "zk0 deploy status")
        return found or Reason("", f"look at {self.log(part)}")

    def trouble_of(self, name: str) -> str:
        """Return what the log of a client on this machine says of its trouble; empty where nothing."""
        return self.reason(name).message if name in self.clients else ""

    def broken(self, part: str, what: str) -> DeploymentError:
        """Return the error of a part, with the reason and remedy that its log gives."""
        reason = self.reason(part)
        who = "the SuperLink" if part == SUPERLINK else f"client {part}"
        return DeploymentError(f"{who} {what}{f': {reason.message}' if reason.message else ''}", remedy=reason.remedy)

    def _has_connected(self, name: str) -> bool:
        """Return whether a client that this object started was accepted; others the SuperLink alone can judge.

        For a minute the SuperLink goes on to list a client as online that was killed.
        """
        if name not in self.children:
            return True
        with self.log(name).open("rb") as stream:
            stream.seek(self.log_sizes[name])
            return CONNECTED in stream.read()

    def _launch(self, program: Program) -> None:
        self.log_sizes[program.part] = program.log.stat().st_size if program.log.exists() else 0
        self.starts[program.part] = self.starts.get(program.part, 0) + 1
        if program.part in self.children:
            self.children[program.part].poll()  # it has ended, and is collected
        self.children[program.part] = launch(program, self.mark)

    def _unhealthy(self) -> str:
        return is_healthy(self.address, self.certificate)


def node_configuration(client: Client) -> str:
    """Return a SuperNode's configuration: which partition and data set is its own.

    Raises:
        DeploymentError: a name or source holds a double quote, which Flower can't carry.
    """
    if '"' in client.name + client.source:
        raise DeploymentError(f"{client.name}={client.source} holds a double quote", remedy="rename it")
    return f'partition-id={client.partition} name="{client.name}" dataset="{client.source}"'
