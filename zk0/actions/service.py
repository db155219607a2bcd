"""Start, prove, watch and stop a deployment: the steps in which programs run.

A step that fails or is interrupted ends everything that the deployment has started.
"""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from zk0.actions.deployment import LOOPBACK, folder_of, listed_in
from zk0.core.checks import check
from zk0.core.receipts import write_atomically
from zk0.core.verdicts import Evidence, Finding, not_applicable, passed, passed_if
from zk0.federation.configuration import Client, resolve
from zk0.workflow.actions import Context, Inputs, Outputs, action

CANARY_SECONDS = 60.0  # on an idle machine it takes 10


class StartInputs(Inputs):
    """What `deployment.review` resolved."""

    data: str
    host: str = LOOPBACK
    port: int = 0
    names: tuple[str, ...] = ()


class StartOutputs(Outputs):
    """Where the SuperLink is, and who is connected."""

    address: str
    online: list[str]
    local: list[str]
    seconds: float
    table: list[list[str]]


@action("service.start", changes=("processes",))
def start(inputs: StartInputs, context: Context) -> StartOutputs:
    """Start the SuperLink with TLS and node keys, and the clients on this machine."""
    from zk0.federation.deployment import operations
    from zk0.federation.deployment.deployment import Deployment

    began = time.monotonic()
    clients = clients_in(inputs.data)
    deployment = Deployment(folder_of(context.project), inputs.host, inputs.port, inputs.names)
    operations.start(
        deployment, listed_in(context.project), clients, lambda note: context.progress(0, len(clients), note)
    )
    with operations.undone_on_failure(deployment), deployment.control() as control:
        nodes = control.nodes()
    seconds = time.monotonic() - began
    return StartOutputs(
        address=deployment.address,
        online=[node.name for node in nodes if node.is_online],
        local=[client.name for client in clients],
        seconds=seconds,
        table=[["client", "state"], *([node.name, node.status] for node in nodes)],
    )


@check("service.connected")
def connected(outputs: StartOutputs) -> Iterator[Finding]:
    """Every client on this machine is connected."""
    for name in outputs.local:
        yield passed_if(name in outputs.online, "connected", "not connected", at=name, remedy=f"zk0 deploy logs {name}")
    took = [Evidence(name="from nothing to connected", value=round(outputs.seconds, 1), unit="s")]
    yield passed(f"{len(outputs.online)} connected in {outputs.seconds:.0f} s", evidence=took)


class ProveInputs(Inputs):
    """Which clients must take part; none: all that are on this machine or on the list."""

    clients: tuple[str, ...] = ()
    wait_seconds: float = Field(60.0, gt=0, description="how long to wait for them to connect")


class ProveOutputs(Outputs):
    """The digests of what went out and what came back, and the versions at each client."""

    sent: str
    aggregated: str
    clients: dict[str, dict[str, str]]
    seconds: float
    table: list[list[str]]


@action("service.prove")
def prove(inputs: ProveInputs, context: Context) -> ProveOutputs:
    """Send the canary: one tiny round through the ServerApp, every client's ClientApp, and back."""
    from zk0.federation.deployment.deployment import Deployment
    from zk0.federation.deployment.operations import undone_on_failure

    deployment = Deployment.load(folder_of(context.project))
    names = inputs.clients or (*deployment.clients, *listed_in(context.project))
    began = time.monotonic()
    with undone_on_failure(deployment):
        deployment.wait_for(names, inputs.wait_seconds)
        found = deployment.prove(names)
    packages = sorted({package for versions in found.clients.values() for package in versions})
    rows = [[name, *(versions.get(package, "") for package in packages)] for name, versions in found.clients.items()]
    return ProveOutputs(
        **found.model_dump(),
        seconds=time.monotonic() - began,
        table=[["client", *packages], *rows],
    )


@check("service.proved")
def proved(outputs: ProveOutputs) -> Iterator[Finding]:
    """The canary came back from every client with the right numbers, in a minute."""
    took = [Evidence(name="canary", value=round(outputs.seconds, 1), unit="s")]
    message = f"the canary came back from {len(outputs.clients)} clients in {outputs.seconds:.0f} s"
    yield passed_if(
        outputs.seconds <= CANARY_SECONDS, message, evidence=took, doubtful=True, remedy="see zk0 deploy logs"
    )
    yield passed_if(outputs.sent != outputs.aggregated, f"sent {outputs.sent[:8]}, aggregated {outputs.aggregated[:8]}")


class WatchInputs(Inputs):
    """Nothing to choose."""


class WatchOutputs(Outputs):
    """The state of the deployment, as JSON and as metrics in Prometheus's text format."""

    status: dict[str, Any]
    file: Path
    metrics: Path
    table: list[list[str]]


@action("service.watch", changes=("artifacts",))
def watch(inputs: WatchInputs, context: Context) -> WatchOutputs:
    """Look at the deployment: its SuperLink, clients, certificates and training."""
    from zk0.federation.deployment.deployment import Deployment
    from zk0.federation.deployment.status import metrics_of, status_of

    found = status_of(Deployment.load(folder_of(context.project)), listed_in(context.project))
    file, metrics = context.directory / "status.json", context.directory / "metrics.prom"
    write_atomically(file, found.model_dump_json(indent=2) + "\n")
    write_atomically(metrics, metrics_of(found))
    rows = [[client.name, client.status] for client in found.clients]
    return WatchOutputs(
        status=found.model_dump(mode="json"), file=file, metrics=metrics, table=[["client", "state"], *rows]
    )


@check("service.healthy")
def healthy(outputs: WatchOutputs) -> Iterator[Finding]:
    """The alert rules: the SuperLink answers, all clients are connected, nothing expires, no reply was refused."""
    from zk0.federation.deployment.status import DeploymentStatus, findings_of

    yield from findings_of(DeploymentStatus.model_validate(outputs.status))


class StopInputs(Inputs):
    """Whether to leave it running."""

    keep: bool = Field(default=False, description="leave it running")


class StopOutputs(Outputs):
    """What was ended, and what is left."""

    kept: bool
    ended: int
    left: int
    port_is_free: bool


@action("service.stop", changes=("processes",))
def stop(inputs: StopInputs, context: Context) -> StopOutputs:
    """End the SuperLink and all clients on this machine, and look for what is left."""
    from zk0.core.errors import DeploymentError
    from zk0.federation.deployment.deployment import Deployment
    from zk0.federation.deployment.operations import take_down
    from zk0.federation.deployment.programs import running

    try:
        deployment = Deployment.load(folder_of(context.project))
    except DeploymentError:  # nothing was started
        return StopOutputs(kept=False, ended=0, left=0, port_is_free=True)
    ended = 0 if inputs.keep else take_down(deployment)
    with socket.socket() as probe:
        port_is_free = probe.connect_ex((LOOPBACK, deployment.port)) != 0
    return StopOutputs(kept=inputs.keep, ended=ended, left=len(running(deployment.mark)), port_is_free=port_is_free)


@check("service.stopped")
def stopped(outputs: StopOutputs) -> Iterator[Finding]:
    """Nothing is left running, and the port is free."""
    if outputs.kept:
        yield not_applicable("it stays up: zk0 deploy status, zk0 deploy down")
        return
    yield passed_if(
        outputs.left == 0, f"{outputs.ended} processes ended", f"{outputs.left} are left", remedy="zk0 deploy down"
    )
    yield passed_if(outputs.port_is_free, "the port is free", "something listens on the port", remedy="zk0 deploy down")


def clients_in(data: str) -> list[Client]:
    """Return the clients that a `data` value names; none where it is empty."""
    named = resolve({"data": data, "unseen": ""}).clients if data.strip() else ()
    return [Client(partition, name, source) for partition, (name, source) in enumerate(named)]
