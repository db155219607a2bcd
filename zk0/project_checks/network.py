"""The network between clients and server (`network.*`)."""

import socket
import time
from collections.abc import Iterator

from zk0.core.checks import Part, check
from zk0.core.project import Project, table_of
from zk0.core.verdicts import Evidence, Finding, failed, not_applicable, passed

CONNECT_TIMEOUT = 5.0  # seconds; a federation across continents connects in less than one
READS = (Part.machine,)


@check("network.loopback", reads=READS)
def loopback(project: Project) -> Iterator[Finding]:  # noqa: ARG001  the machine's, whatever the project
    """A client on this machine reaches a server on it, as a local federation needs."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            yield _connect("127.0.0.1", server.getsockname()[1])
    except OSError as error:
        yield failed(f"no server can listen on this machine: {error}", remedy="allow TCP on 127.0.0.1")


@check("network.server", reads=(Part.machine, Part.code))
def server(project: Project, *, address: str = "") -> Iterator[Finding]:
    """Clients reach the SuperLink that the project's federation names."""
    addresses = [address] if address else _addresses(project)
    if not addresses:
        yield not_applicable("pyproject.toml names no remote federation ([tool.flwr.federations])")
    for one in addresses:
        host, _, port = one.rpartition(":")
        if not host or not port.isdigit():
            yield failed("is not an address HOST:PORT", at=one)
            continue
        try:
            yield _connect(host.strip("[]"), int(port))
        except OSError as error:
            yield failed(f"no server answers: {error}", at=one, remedy="start the SuperLink, or open the port")


def _connect(host: str, port: int) -> Finding:
    before = time.perf_counter()
    with socket.create_connection((host, port), timeout=CONNECT_TIMEOUT):
        took = (time.perf_counter() - before) * 1000
    evidence = [Evidence(name="time to connect", value=round(took, 2), unit="ms", at=f"{host}:{port}")]
    return passed(f"{host} answers in {took:.1f} ms", evidence=evidence)


def _addresses(project: Project) -> list[str]:
    federations = table_of(project.pyproject, "tool", "flwr", "federations").values()
    return [str(one["address"]) for one in federations if isinstance(one, dict) and "address" in one]
