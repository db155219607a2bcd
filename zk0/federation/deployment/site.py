"""A client's side on its own machine: check the kit, connect, and count what the client did.

NAME/key, NAME/kit.json, NAME/data, NAME/site.log, and the SuperNode's FLWR_HOME
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes

from zk0.core.errors import CertificateError, DeploymentError
from zk0.core.ports import free_port
from zk0.core.receipts import write_atomically
from zk0.federation.configuration import Client
from zk0.federation.deployment import authority
from zk0.federation.deployment.admission import Kit, read_message, versions
from zk0.federation.deployment.control import is_healthy, wait_until
from zk0.federation.deployment.deployment import CLIENT_CODE, CONNECTED, READY_SECONDS, node_configuration
from zk0.federation.deployment.programs import Program, end_all, launch, running, supernode_argv, tail_of
from zk0.federation.deployment.reasons import Reason, reason_in

RECEIVED, SENT = re.compile(r"Receiving: \w+ message"), re.compile(r"Sent successfully")


@dataclass(frozen=True)
class Site:
    """A client on this machine, in a folder of its own."""

    folder: Path

    @property
    def mark(self) -> str:
        """What its programs carry in their environment."""
        return str(self.folder.resolve())

    @property
    def name(self) -> str:
        """The client's name."""
        return self.folder.name

    @property
    def key(self) -> Path:
        """The client's private key."""
        return self.folder / "key"

    @property
    def log(self) -> Path:
        """What its SuperNode and ClientApps print."""
        return self.folder / "site.log"

    @property
    def certificate(self) -> Path:
        """The authority's certificate, from the kit."""
        return self.folder / authority.AUTHORITY_CERTIFICATE

    @property
    def kit(self) -> Path:
        """The kit that it was connected with last."""
        return self.folder / "kit.json"

    @property
    def data(self) -> str:
        """The data set that it was connected with last; empty where it never was."""
        path = self.folder / "data"
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    @property
    def is_running(self) -> bool:
        """Whether its SuperNode runs."""
        return bool(running(self.mark))

    def accept(self, kit: Kit) -> None:
        """Check a kit against this site's key and versions and against the server, and keep it.

        Raises:
            CertificateError: it is for another key, or the server can't prove that it is the kit's server.
            DeploymentError: the versions differ, or the server can't be reached.
        """
        line = authority.public_line(authority.read_client_key(self.key).public_key())
        if kit.public_key != line:
            raise CertificateError(
                f"the kit is for another key than that of {self.name}", remedy=f"zk0 deploy request {self.name}"
            )
        for package, version in versions().items():
            if kit.versions.get(package) != version:
                raise DeploymentError(
                    f"the server has {package} {kit.versions.get(package, 'not at all')}, this site {version}",
                    remedy=f"pip install {package}=={kit.versions.get(package)}",
                )
        self.certificate.write_text(kit.authority, encoding="ascii")
        authority.require_valid(self.certificate)
        if trouble := is_healthy(kit.server, self.certificate):
            reason = reason_in(trouble)
            raise DeploymentError(
                f"the server {kit.server} can't be used: {reason.message if reason else trouble}",
                remedy=reason.remedy if reason else "ask who runs the server",
            )
        kit.save(self.kit)

    def connect(self, kit: Kit, source: str) -> int:
        """Start the SuperNode, wait until the server has accepted it, and return the number of its process.

        Raises:
            DeploymentError: it runs already, ended, or was not accepted in time.
        """
        if self.is_running:
            raise DeploymentError(f"{self.name} is connected already", remedy=f"zk0 deploy leave {self.name}")
        self.log.unlink(missing_ok=True)
        argv = supernode_argv(
            superlink=kit.server,
            authority=self.certificate,
            key=self.key,
            port=free_port(),
            configuration=node_configuration(Client(0, self.name, source)),
        )
        child = launch(Program(self.name, tuple(argv), self.folder, self.log, CLIENT_CODE), self.mark)
        try:
            wait_until(lambda: child.poll() is not None or CONNECTED.decode() in tail_of(self.log), READY_SECONDS)
            accepted = child.poll() is None and CONNECTED.decode() in tail_of(self.log)
        except BaseException:
            self.leave()
            child.wait()
            raise
        if not accepted:
            self.leave()
            child.wait()
            raise self.refused()
        write_atomically(self.folder / "data", source)
        child.returncode = 0  # it stays: Python must not warn of it
        return child.pid

    def wait_for_answers(self, wanted: int, seconds: float, report: Callable[[int, int, str], None]) -> None:
        """Wait until the client has sent so many answers.

        Raises:
            DeploymentError: its SuperNode ended, or the time is over.
        """

        def enough() -> bool:
            report(self.counts()[1], wanted, "answers sent")
            return self.counts()[1] >= wanted or not self.is_running

        in_time = wait_until(enough, seconds)
        sent = self.counts()[1]
        if sent < wanted and in_time:
            raise self.refused()
        if sent < wanted:
            raise DeploymentError(
                f"{sent} of {wanted} answers in {seconds:g} s", remedy="ask whether the server trains"
            )

    def refused(self) -> DeploymentError:
        """Return the error of a SuperNode that was not accepted."""
        reason = self.reason()
        message = reason.message if reason else f"see {self.log}"
        return DeploymentError(f"{self.name} is not connected: {message}", remedy=reason.remedy if reason else None)

    def reason(self) -> Reason | None:
        """Return what its log, or else its connection, says of its trouble: Flower's log is silent on a wrong clock."""
        if found := reason_in(tail_of(self.log)):
            return found
        if not self.kit.exists():
            return None
        return reason_in(is_healthy(read_message(Kit, self.kit).server, self.certificate))

    def leave(self) -> int:
        """End its programs and return how many there were."""
        return end_all(self.mark)

    def counts(self) -> tuple[int, int]:
        """Return how many messages came, and how many answers were sent."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.is_file() else ""
        return len(RECEIVED.findall(text)), len(SENT.findall(text))


def fingerprint(certificate: Path) -> str:
    """Return the SHA-256 fingerprint of a certificate: people on both sides compare it."""
    return authority.read_certificate(certificate).fingerprint(hashes.SHA256()).hex(":")
