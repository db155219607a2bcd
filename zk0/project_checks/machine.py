"""The machine: memory, disk, accelerator, and the network between clients and server (`machine.*`, `network.*`)."""

import shutil
import socket
import time
from collections.abc import Iterator

from zk0.core.checks import Part, check
from zk0.core.process import find_program, run_program
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, failed, not_applicable, passed

GIB = 1024**3
CONNECT_TIMEOUT = 5.0  # seconds; a federation across continents connects in less than one
READS = (Part.machine,)


@check("machine.memory", reads=READS, aliases={"environment.memory": {}})
def memory(project: Project, *, gib: float = 4) -> Iterator[Finding]:  # noqa: ARG001  the machine's, whatever the project
    """The machine has the memory that policy, frames and processes need."""
    import psutil

    yield _at_least("memory", psutil.virtual_memory().total, gib, "use a smaller preset, or a larger machine")


@check("machine.disk", reads=READS, aliases={"environment.disk": {}})
def disk(project: Project, *, gib: float = 2) -> Iterator[Finding]:
    """There is room for recordings and checkpoints."""
    yield _at_least("free disk", shutil.disk_usage(project.root).free, gib, "free some, or move the project")


@check("machine.accelerator", reads=READS)
def accelerator(project: Project, *, gib: float = 8) -> Iterator[Finding]:
    """A GPU has enough memory for the base preset; the small presets need none."""
    if not find_program("nvidia-smi"):
        yield not_applicable("this machine has no NVIDIA GPU: presets tiny and small train on the CPU")
        return
    ended = run_program(
        "nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits", cwd=project.root
    )
    lines = [line.rpartition(", ") for line in ended.out.strip().splitlines() if ", " in line]
    if ended.status or not lines:
        yield failed(f"nvidia-smi finds no GPU: {ended.reason}", remedy="install the driver")
    for name, _, mebibytes in lines:
        size = int(float(mebibytes) * 1024**2)
        yield _at_least(f"memory of {name}", size, gib, "use a smaller batch_size or preset")


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
            yield failed(f"{one} is not an address HOST:PORT", at=one)
            continue
        try:
            yield _connect(host.strip("[]"), int(port))
        except OSError as error:
            yield failed(f"{one} can't be reached: {error}", at=one, remedy="start the SuperLink, or open the port")


def _at_least(what: str, size: int, wanted: float, remedy: str) -> Finding:
    """Compare a size in bytes with the wanted one in GiB."""
    evidence = [Evidence(name=what, value=size, unit="bytes")]
    message = f"{size / GIB:.1f} GiB of {what}, {wanted:g} wanted"
    if size >= wanted * GIB:
        return passed(message, evidence=evidence)
    return failed(message, evidence=evidence, remedy=remedy)


def _connect(host: str, port: int) -> Finding:
    before = time.perf_counter()
    with socket.create_connection((host, port), timeout=CONNECT_TIMEOUT):
        took = (time.perf_counter() - before) * 1000
    evidence = [Evidence(name="time to connect", value=round(took, 2), unit="ms", at=f"{host}:{port}")]
    return passed(f"{host} answers in {took:.1f} ms", evidence=evidence)


def _addresses(project: Project) -> list[str]:
    table: object = project.pyproject
    for key in ("tool", "flwr", "federations"):
        table = table.get(key, {}) if isinstance(table, dict) else {}
    federations = table.values() if isinstance(table, dict) else ()
    return [str(one["address"]) for one in federations if isinstance(one, dict) and "address" in one]
