"""One deployment in a folder: its authority, SuperLink and local SuperNodes; started, proved, repaired and ended.

    authority/   ca.key ca.crt server.key server.crt   (keys: 0600)
    superlink/   its FLWR_HOME and database
    clients/     one folder a local client: its key, and its FLWR_HOME
    logs/        superlink.log, NAME.log
    deployment.json   address and local clients, so that a later command finds them

Nothing waits by the clock: the SuperLink is ready when its health answers over TLS, a client when the SuperLink lists
it as online, and all together when the canary has come back.
"""

import json
import socket
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from zk0.core.errors import DeploymentError
from zk0.core.receipts import write_atomically
from zk0.federation.configuration import Client
from zk0.federation.deployment import authority
from zk0.federation.deployment.canary import CanaryResult, prove
from zk0.federation.deployment.control import Control, is_healthy, wait_until
from zk0.federation.deployment.programs import (
    SUPERLINK,
    Program,
    end,
    launch,
    running,
    superlink_argv,
    supernode_argv,
    tail_of,
)
from zk0.federation.deployment.reasons import Reason, reason_in

LOOPBACK = "127.0.0.1"
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  what a user may ask for, after a question
LOCAL_NAMES = (LOOPBACK, "localhost")  # always in the certificate: Flower's own programs connect there
GRACE = 3.0  # seconds; a SuperLink needs 2 to close its connections, and a step that is over time gets 5
READY_SECONDS = 60.0  # for a SuperLink or SuperNode: importing Flower takes 3 s on an idle machine, 20 on a busy one
RECORD = "deployment.json"
CLIENT_CODE = "zk0.federation.client"  # imports LeRobot
CONNECTED = b"SuperNode ID:"  # what a SuperNode logs when the SuperLink has accepted its key
MOST_STARTS = 3  # of one program in one deployment; one that dies each time has a reason that starting does not cure


@dataclass
class Deployment:
    """A SuperLink and the SuperNodes on this machine."""

    folder: Path
    host: str = LOOPBACK  # where the SuperLink listens
    port: int = 0  # 0: a free one
    names: tuple[str, ...] = ()  # by which clients on other machines reach it
    children: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)
    log_sizes: dict[str, int] = field(default_factory=dict)  # of each part, when it was started last
    preload: str = CLIENT_CODE
    output: str = ""  # the folder of the last training

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return the deployment that was saved in a folder.

        Raises:
            DeploymentError: there is none.
        """
        path = folder / RECORD
        if not path.is_file():
            raise DeploymentError("there is no deployment in this project", remedy="zk0 deploy up --data SOURCES")
        content = json.loads(path.read_text(encoding="utf-8"))
        clients = {name: Client(*client) for name, client in content["clients"].items()}
        return cls(
            folder, content["host"], content["port"], tuple(content["names"]), clients=clients, output=content["output"]
        )

    def save(self) -> None:
        """Write what another process needs to find this deployment."""
        keys = ("host", "port", "names", "clients", "output")
        content = {key: getattr(self, key) for key in keys}
        write_atomically(self.folder / RECORD, json.dumps(content, indent=2) + "\n")

    @property
    def mark(self) -> str:
        """What its programs carry in their environment."""
        return str(self.folder.resolve())

    @property
    def authority(self) -> Path:
        """The folder of the authority."""
        return self.folder / "authority"

    @property
    def certificate(self) -> Path:
        """The authority's certificate, by which clients know the server."""
        return self.authority / authority.AUTHORITY_CERTIFICATE

    @property
    def address(self) -> str:
        """Where this machine reaches the SuperLink."""
        return f"{LOOPBACK if self.host in EVERYWHERE else self.host}:{self.port}"

    @property
    def hosts(self) -> list[str]:
        """The names and addresses that the server's certificate has to hold."""
        own = () if self.host in EVERYWHERE else (self.host,)
        return list(dict.fromkeys((*LOCAL_NAMES, *own, *self.names)))

    @property
    def ledger(self) -> Path:
        """The ledger of the last training; it need not exist."""
        return Path(self.output) / "ledger.jsonl"

    def log(self, part: str) -> Path:
        """Return the log of a part."""
        return self.folder / "logs" / f"{part}.log"

    def control(self) -> Control:
        """Connect to the SuperLink."""
        return Control(self.address, self.certificate)

    def secure(self) -> None:
        """Make what is missing of authority and server certificate, and check what is there.

        Raises:
            CertificateError: a certificate has expired, or a key is open to others.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)  # the database holds the clients' updates
        if not self.certificate.exists():
            authority.create_authority(self.authority)
        server = self.authority / authority.SERVER_CERTIFICATE
        wanted = self.hosts
        if not server.exists() or set(wanted) - set(authority.names_of(authority.read_certificate(server))):
            authority.issue_server_certificate(self.authority, wanted)
        for path in (self.certificate, server):
            authority.require_valid(path)
        for key in (authority.AUTHORITY_KEY, authority.SERVER_KEY):
            authority.require_private(self.authority / key)

    def start_superlink(self) -> None:
        """Start the SuperLink and wait until it answers.

        Raises:
            DeploymentError: it ended, or did not answer in time.
        """
        self.port = self.port or free_port()
        home = self.folder / SUPERLINK
        argv = superlink_argv(host=self.host, port=self.port, certificates=self.authority, database=home / "state.db")
        self._launch(Program(SUPERLINK, tuple(argv), home, self.log(SUPERLINK)))
        if not wait_until(lambda: not self.is_alive(SUPERLINK) or not self._unhealthy(), READY_SECONDS):
            raise self.broken(SUPERLINK, f"does not answer in {READY_SECONDS:g} s: {self._unhealthy()}")
        if not self.is_alive(SUPERLINK):
            raise self.broken(SUPERLINK, "ended while it started")

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

    def key_of(self, name: str) -> str:
        """Make the key of a client on this machine if there is none, and return its public line."""
        path = self.folder / "clients" / name / "key"
        if not path.exists():
            return authority.create_client_key(path)
        return authority.public_line(authority.read_client_key(path).public_key())

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

    def end_part(self, part: str) -> None:
        """End one part."""
        end(self.mark, part, grace=GRACE)
        if part in self.children:
            self.children.pop(part).wait()

    def end(self, grace: float = GRACE) -> int:
        """End all programs, after `grace` seconds by force, and return how many there were."""
        ended = end(self.mark, grace=grace)
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
        """Return what a part's log, and for a client its connection, says of its trouble; empty where nothing."""
        found = reason_in(tail_of(self.log(part)))
        if found is None and part != SUPERLINK and (unhealthy := self._unhealthy()):
            found = reason_in(unhealthy) or Reason(unhealthy, "zk0 deploy status")
        return found or Reason("", f"look at {self.log(part)}")

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


def free_port() -> int:
    """Return a port of loopback that no program uses."""
    with socket.create_server((LOOPBACK, 0)) as server:
        return int(server.getsockname()[1])
