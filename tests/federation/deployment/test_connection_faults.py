"""What keeps a client from connecting: each fault is named with cause and remedy, as seen from the client's side."""

import http.client
import shutil
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from zk0.core.errors import CertificateError, DeploymentError
from zk0.core.ports import free_port
from zk0.federation.configuration import Client
from zk0.federation.deployment import authority
from zk0.federation.deployment.admission import create_kit, create_request
from zk0.federation.deployment.control import Control, wait_until
from zk0.federation.deployment.deployment import Deployment
from zk0.federation.deployment.operations import take_down
from zk0.federation.deployment.site import Site

from .conftest import HERE, NAMES, SpecialDeployment

pytestmark = pytest.mark.slow

ACCEPTED = 60.0  # seconds for a SuperNode to start and be refused on a busy machine


class SkewedDeployment(SpecialDeployment):
    """A site whose clock is an hour ahead."""

    scripts = {"arm-c": HERE / "skewed_supernode.py"}  # noqa: RUF012


@pytest.fixture
def apart(tmp_path, fleet) -> Iterator[Callable[..., Deployment]]:
    """Return a function that starts a SuperNode arm-c against the fleet's SuperLink, and returns when it ended."""
    site = None

    def connect(kind: type[Deployment] = Deployment) -> Deployment:
        nonlocal site
        site = kind(tmp_path / "site", port=fleet.deployment.port, preload="")
        site.authority.mkdir(parents=True)
        shutil.copy(fleet.deployment.certificate, site.certificate)
        site.key_of("arm-c")
        site.start_client(Client(2, "arm-c", "well"))
        assert wait_until(lambda: not site.is_alive("arm-c"), ACCEPTED)
        assert "arm-c" not in fleet.online()
        return site

    yield connect
    if site is not None:
        take_down(site)


def test_an_unregistered_key_is_refused_and_named(fleet, apart):
    fleet.behave()

    error = apart().broken("arm-c", "does not connect")

    assert "its key is not registered" in error.message
    assert "zk0 deploy approve" in error.remedy


def test_a_clock_that_differs_is_named_although_flower_says_nothing(fleet, apart, monkeypatch):
    fleet.behave()
    site = apart(SkewedDeployment)
    here = datetime.now(UTC)
    monkeypatch.setattr("zk0.federation.deployment.control.now", lambda: here + timedelta(hours=1))

    error = site.broken("arm-c", "does not connect")

    assert "its clock is 36" in error.message
    assert "s ahead of the server's" in error.message
    assert error.remedy == "set the clock (NTP)"


def test_a_second_program_with_the_key_of_a_client_is_refused(fleet, tmp_path):
    fleet.behave()
    second = Deployment(tmp_path / "second", port=fleet.deployment.port, preload="")
    for name in ("authority", "clients"):
        shutil.copytree(fleet.deployment.folder / name, second.folder / name)
    second.start_client(Client(1, "arm-b", "well"))
    try:
        assert wait_until(lambda: not second.is_alive("arm-b"), ACCEPTED)
        assert "in use by another program" in second.broken("arm-b", "ended").message
        assert fleet.online() == set(NAMES)
    finally:
        take_down(second)


def test_a_client_with_another_version_is_named_by_the_canary(fleet, tmp_path, monkeypatch):
    """Flower's SuperLink takes clients of all versions."""
    fleet.behave()
    fleet.deployment.end_part("arm-b")
    info = tmp_path / "old" / "flwr-1.30.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: flwr\nVersion: 1.30.0\n")
    monkeypatch.setenv("PYTHONPATH", str(info.parent), prepend=":")
    fleet.deployment.start_client(fleet.client("arm-b"))
    fleet.deployment.wait_for(NAMES)

    with pytest.raises(DeploymentError, match=r"client arm-b has flwr 1\.30\.0, the server ") as caught:
        fleet.deployment.prove(NAMES)

    assert "at arm-b: pip install flwr==" in caught.value.remedy
    fleet.deployment.end_part("arm-b")


@dataclass
class TlsServer:
    """A server that answers /health with this certificate, and dates its answers so."""

    folder: Path
    date: datetime
    port: int = field(default_factory=free_port)

    @contextmanager
    def __call__(self) -> Iterator[str]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / authority.SERVER_CERTIFICATE, self.folder / authority.SERVER_KEY)
        date = self.date.strftime("%a, %d %b %Y %H:%M:%S GMT").encode()
        with socket.create_server(("127.0.0.1", self.port)) as server:

            def answer() -> None:
                connection, _ = server.accept()
                try:
                    with context.wrap_socket(connection, server_side=True) as stream:
                        stream.recv(4096)
                        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: " + date + b"\r\n\r\n")
                except (ssl.SSLError, OSError):
                    connection.close()

            thread = threading.Thread(target=answer)
            thread.start()
            try:
                yield f"127.0.0.1:{self.port}"
            finally:
                thread.join()


@pytest.fixture
def site(tmp_path) -> Callable[..., DeploymentError]:
    """Return a function that makes a site accept the kit of a server, and returns the error it ends in."""
    folder = tmp_path / "server"
    authority.create_authority(folder)

    def accept(
        hosts: tuple[str, ...] = ("127.0.0.1",),
        days: float = 10,
        *,
        address: str = "",
        other: bool = False,
        seconds: float = 0,
    ) -> DeploymentError:
        authority.issue_server_certificate(folder, hosts, days=days)
        request = create_request("arm-c", tmp_path / "arm-c" / "key")
        trusted = authority.create_authority(tmp_path / "other") if other else folder / authority.AUTHORITY_CERTIFICATE
        with TlsServer(folder, datetime.now(UTC) + timedelta(seconds=seconds))() as listening:
            kit = create_kit("arm-c", address or listening, trusted, {"arm-c": request.public_key})
            with pytest.raises(DeploymentError) as caught:
                Site(tmp_path / "arm-c").accept(kit)
            if address:
                socket.create_connection(tuple(listening.split(":"))).close()
        return caught.value

    return accept


@pytest.mark.parametrize(
    ("given", "message", "remedy"),
    [
        ({"hosts": ("other.example.org",)}, "names another host", "zk0 deploy rotate --name"),
        ({"hosts": ()}, "names another host", "zk0 deploy rotate --name"),
        ({"days": -1}, "has expired", "zk0 deploy rotate"),
        ({"other": True}, "is of another authority", "zk0 deploy kit"),
        ({"address": "no-such-host.invalid:8000"}, "the name no-such-host.invalid is unknown", "DNS"),
        ({"address": "127.0.0.1:9"}, "can't be reached", "open its port"),
        ({"seconds": -60}, "clock is 6", "set the clock"),
        ({"seconds": 600}, "s behind the server's", "set the clock"),
    ],
    ids=["other-host", "no-names", "expired", "other-authority", "unknown-name", "not-there", "ahead", "behind"],
)
def test_a_site_is_told_before_it_connects_why_it_could_not(site, given, message, remedy):
    error = site(**given)

    assert message in error.message
    assert remedy in error.remedy


def test_a_server_with_a_certificate_that_does_not_fit_is_told_at_once(tmp_path):
    other = Deployment(tmp_path / "other")
    other.secure()
    authority.issue_server_certificate(other.authority, other.hosts, days=-1)
    with pytest.raises(CertificateError, match="expired"):
        other.secure()
    try:
        with pytest.raises(DeploymentError, match="expired") as caught:
            other.start_superlink()
        assert "zk0 deploy rotate" in caught.value.remedy
    finally:
        take_down(other)


def test_a_port_that_is_taken_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        other = Deployment(tmp_path / "other", port=server.getsockname()[1])
        other.secure()
        try:
            with pytest.raises(DeploymentError, match="its port is taken") as caught:
                other.start_superlink()
            assert "--port" in caught.value.remedy
        finally:
            take_down(other)


def test_from_another_address_clients_reach_the_fleet_interface_alone(tmp_path):
    address = next(
        (
            one.address
            for addresses in psutil.net_if_addrs().values()
            for one in addresses
            if one.family == socket.AF_INET and not one.address.startswith("127.")
        ),
        None,
    )
    if address is None:
        pytest.skip("this machine has no address but loopback")
    outside = Deployment(tmp_path / "outside", host="0.0.0.0", names=(address,))
    outside.secure()
    try:
        outside.start_superlink()
        context = ssl.create_default_context(cafile=str(outside.certificate))

        def ask(host, path):
            connection = http.client.HTTPSConnection(host, outside.port, context=context, timeout=10)
            connection.request("POST", path, b"", {"content-type": "application/x-protobuf"})
            status = connection.getresponse().status
            connection.close()
            return status

        assert ask(address, "/v1/control/list-nodes") == 403
        assert ask(address, "/v1/control/register-node") == 403
        assert ask(address, "/v1/runtime/acquire-task") == 403
        assert ask("127.0.0.1", "/v1/control/list-nodes") != 403
        assert ask(address, "/v1/fleet/pull-messages") not in (200, 403)  # without a signature
        with (
            pytest.raises(DeploymentError, match="refused"),
            Control(f"{address}:{outside.port}", outside.certificate) as control,
        ):
            control.nodes()
    finally:
        take_down(outside)
