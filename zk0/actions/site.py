"""A client's side of a deployment, on its own machine: the kit, the connection, and the rounds it takes part in."""

import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from zk0.core.checks import check
from zk0.core.errors import InputError
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, failed, not_applicable, passed, passed_if
from zk0.workflow.actions import Context, Inputs, Outputs, action

SITES = "sites"  # in the project's state directory, which git ignores; one folder a client, with its private key


def site_folder(project: Project, name: str) -> Path:
    """Return the folder of a client on this machine."""
    return project.state_dir / SITES / name


class AcceptInputs(Inputs):
    """The kit that the server's owner sent."""

    kit: str = Field(description="NAME.kit.json")

    def preflight(self, project: Project) -> None:
        """Refuse a kit that is not there."""
        if not project.path(self.kit).is_file():
            raise InputError(f"there is no kit {self.kit}", remedy="zk0 deploy request NAME, and send the request")


class AcceptOutputs(Outputs):
    """What the kit says, and what was verified."""

    name: str
    server: str
    authority: str = Field(description="SHA-256 fingerprint; compare it with the server's owner")
    days_left: int
    key_mode: str
    table: list[list[str]]


@action("site.accept", changes=("state",))
def accept(inputs: AcceptInputs, context: Context) -> AcceptOutputs:
    """Check the kit against this machine's key and versions, and the server against the kit."""
    from zk0.federation.deployment import authority
    from zk0.federation.deployment.admission import Kit, read_message
    from zk0.federation.deployment.site import Site, fingerprint

    kit = read_message(Kit, context.project.path(inputs.kit))
    site = Site(site_folder(context.project, kit.name))
    site.accept(kit)
    shown = fingerprint(site.certificate)
    return AcceptOutputs(
        name=kit.name,
        server=kit.server,
        authority=shown,
        days_left=authority.require_valid(site.certificate).days,
        key_mode=f"{site.key.stat().st_mode & 0o777:03o}",
        table=[["client", "server", "authority"], [kit.name, kit.server, shown]],
    )


@check("site.accepted")
def accepted(outputs: AcceptOutputs) -> Iterator[Finding]:
    """The server proved itself by the kit's authority, and the client's key is its owner's alone."""
    left = [Evidence(name="authority valid for", value=outputs.days_left, unit="days")]
    yield passed(f"{outputs.server} proved itself over TLS", evidence=left)
    yield passed_if(outputs.key_mode == "600", f"the key has mode {outputs.key_mode}", remedy="chmod 600 its file")


class ConnectInputs(Inputs):
    """The kit, and the data set that the client trains on."""

    kit: str
    data: str = Field(description="a folder, a hub id or sim:TASK")


class ConnectOutputs(Outputs):
    """The client, connected."""

    name: str
    server: str
    log: Path
    seconds: float


@action("site.connect", changes=("processes",))
def connect(inputs: ConnectInputs, context: Context) -> ConnectOutputs:
    """Start the SuperNode, and wait until the server has accepted its key."""
    from zk0.federation.deployment.admission import Kit, read_message
    from zk0.federation.deployment.site import Site
    from zk0.federation.sources import absolute_source

    kit = read_message(Kit, context.project.path(inputs.kit))
    site = Site(site_folder(context.project, kit.name))
    began = time.monotonic()
    site.connect(kit, absolute_source(inputs.data, context.project.root))
    return ConnectOutputs(name=kit.name, server=kit.server, log=site.log, seconds=time.monotonic() - began)


@check("site.connected")
def connected(outputs: ConnectOutputs) -> Iterator[Finding]:
    """The server has accepted the client."""
    took = [Evidence(name="to connect", value=round(outputs.seconds, 1), unit="s")]
    yield passed(f"{outputs.name} is connected to {outputs.server}", evidence=took)


class ParticipateInputs(Inputs):
    """How many answers to wait for."""

    name: str
    replies: int = Field(0, ge=0, description="answers to wait for; 0 to look once")
    wait_seconds: float = Field(3600.0, gt=0)


class ParticipateOutputs(Outputs):
    """How many messages came, how many answers went, and whether the SuperNode still runs."""

    received: int
    sent: int
    wanted: int
    running: bool
    trouble: str
    remedy: str
    log: Path
    table: list[list[str]]


@action("site.participate")
def participate(inputs: ParticipateInputs, context: Context) -> ParticipateOutputs:
    """Take part in rounds until so many answers were sent; a client that can't is disconnected."""
    from zk0.federation.deployment.site import Site

    site = Site(site_folder(context.project, inputs.name))
    try:
        site.wait_for_answers(inputs.replies, inputs.wait_seconds, context.progress)
    except BaseException:
        site.leave()
        raise
    received, sent = site.counts()
    reason = site.reason()
    return ParticipateOutputs(
        received=received,
        sent=sent,
        wanted=inputs.replies,
        running=site.is_running,
        trouble=reason.message if reason else "",
        remedy=reason.remedy if reason else "",
        log=site.log,
        table=[["messages", "answers"], [str(received), str(sent)]],
    )


@check("site.answered")
def answered(outputs: ParticipateOutputs) -> Iterator[Finding]:
    """Every message was answered; the one that is being worked on may be open."""
    if not outputs.received:
        yield not_applicable("no message came yet")
        return
    yield passed_if(
        outputs.received - outputs.sent <= 1,
        f"{outputs.sent} of {outputs.received} messages were answered",
        evidence=[Evidence(name="messages", value=outputs.received), Evidence(name="answers", value=outputs.sent)],
        remedy="zk0 deploy logs NAME",
    )


@check("site.healthy")
def healthy(outputs: ParticipateOutputs) -> Iterator[Finding]:
    """The client is connected, and its log tells of no known trouble."""
    if not outputs.running:
        yield failed("the SuperNode does not run", remedy="zk0 deploy join KIT")
    elif outputs.trouble:
        yield failed(outputs.trouble, remedy=outputs.remedy)
    else:
        yield passed("connected; its log tells of no known trouble")
