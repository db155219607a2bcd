"""The folder of a deployment: where everything is, what is remembered between commands, and its certificates.

authority/   ca.key ca.crt server.key server.crt   (keys: 0600)
superlink/   its FLWR_HOME and database
clients/     one folder a local client: its key, and its FLWR_HOME
logs/        superlink.log, NAME.log
deployment.json   address and local clients, so that a later command finds them
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from zk0.core.errors import DeploymentError, InputError
from zk0.core.receipts import write_atomically
from zk0.federation.configuration import Client
from zk0.federation.deployment import authority
from zk0.federation.deployment.control import Control

LOOPBACK = "127.0.0.1"
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  what a user may ask for, after a question
LOCAL_NAMES = (LOOPBACK, "localhost")  # always in the certificate: Flower's own programs connect there
RECORD = "deployment.json"


@dataclass
class DeploymentFolder:
    """Where a deployment lies, where its SuperLink listens, and which clients are on this machine."""

    folder: Path
    host: str = LOOPBACK  # where the SuperLink listens
    port: int = 0  # 0: a free one
    names: tuple[str, ...] = ()  # by which clients on other machines reach it
    clients: dict[str, Client] = field(default_factory=dict)
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
    def public_address(self) -> str:
        """Where clients on other machines reach the SuperLink.

        Raises:
            InputError: it listens everywhere, and no name of this machine is known.
        """
        if self.host in EVERYWHERE and not self.names:
            raise InputError(
                "no address is known by which clients on other machines reach this server",
                remedy="give --server HOST:PORT, or zk0 deploy rotate --name HOST",
            )
        return f"{next(iter(self.names), LOOPBACK)}:{self.port}"

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

    def key_of(self, name: str) -> str:
        """Make the key of a client on this machine if there is none, and return its public line."""
        path = self.folder / "clients" / name / "key"
        if not path.exists():
            return authority.create_client_key(path)
        return authority.public_line(authority.read_client_key(path).public_key())
