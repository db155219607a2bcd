"""Bring a deployment up step by step, prove it, look at it, and take it down."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from zk0.core.checks import check
from zk0.core.process import run_program
from zk0.core.project import Project, package_versions
from zk0.core.verdicts import Evidence, Finding, failed, passed_if, warned
from zk0.federation.configuration import resolve
from zk0.workflow.actions import Context, Inputs, Outputs, action

if TYPE_CHECKING:  # Flower's client takes 2 s to import
    from zk0.federation.deployment.deployment import Deployment

LOOPBACK = "127.0.0.1"
GIB = 1024**3
MEMORY_EACH = 1.5  # GiB: a ClientApp with LeRobot and the tiny policy; SuperLink and ServerApp need as much
DISK_EACH = 1.0  # GIB: recordings, messages that wait, checkpoints
PRESETS = {"tiny": 1.0, "small": 2.0, "base": 6.0, "base-shape": 6.0}  # times the memory


def folder_of(project: Project) -> Path:
    """Return the folder of the project's deployment; ignored by git, since keys are in it."""
    return project.state_dir / "deployment"


def listed_in(project: Project) -> dict[str, str]:
    """Return the clients that the repository lists, with their public keys."""
    from zk0.federation.deployment.admission import CLIENTS, admitted

    return admitted(project.root / CLIENTS)


def standing_in(project: Project) -> "Deployment | None":
    """Return the project's deployment if it is up."""
    from zk0.federation.deployment.operations import standing

    return standing(folder_of(project))


class ReviewInputs(Inputs):
    """What is to be deployed."""

    data: str = Field("", description="the clients on this machine, NAME=SOURCE with `;` between; empty for none")
    clients: int = Field(0, ge=0, description="use only the first so many; 0 for all")
    host: str = Field(LOOPBACK, description="where the SuperLink listens; 0.0.0.0 for all interfaces")
    port: int = Field(0, ge=0, le=65535, description="0 for a free one")
    names: tuple[str, ...] = Field((), description="names or addresses by which other machines reach it")


class ReviewOutputs(Outputs):
    """The deployment as it will be, and whether it listens beyond this machine."""

    data: str
    host: str
    port: int
    names: tuple[str, ...]
    exposed: bool
    local: list[str]
    listed: list[str]
    versions: dict[str, str]
    table: list[list[str]]


@action("deployment.review")
def review(inputs: ReviewInputs, context: Context) -> ReviewOutputs:
    """Resolve what will be deployed: who connects, where the SuperLink listens, and with which versions."""
    sources = [item for item in inputs.data.split(";") if item.strip()]
    data = ";".join(sources[: inputs.clients or None])
    local = [name for name, _ in resolve({"data": data, "unseen": ""}).clients] if data else []
    listed = sorted(listed_in(context.project))
    return ReviewOutputs(
        data=data,
        host=inputs.host,
        port=inputs.port,
        names=inputs.names,
        exposed=inputs.host not in (LOOPBACK, "localhost", "::1"),
        local=local,
        listed=listed,
        versions=package_versions(),
        table=[
            ["listens on", "clients here", "clients elsewhere", "reached as"],
            [f"{inputs.host}:{inputs.port or 'a free port'}", ", ".join(local), ", ".join(listed),
             ", ".join(inputs.names)],
        ],
    )  # fmt: skip


@check("deployment.reviewed")
def reviewed(outputs: ReviewOutputs) -> Iterator[Finding]:
    """There is a client, each has one name, and a SuperLink that others reach has a name they know."""
    everyone = [*outputs.local, *outputs.listed]
    yield passed_if(
        bool(everyone), f"{len(everyone)} clients", "nobody may connect", remedy="give data, or zk0 deploy approve"
    )
    twice = sorted(set(outputs.local) & set(outputs.listed))
    yield passed_if(not twice, "each name is used once", f"{', '.join(twice)}: here and on the list", remedy="rename")
    if outputs.exposed:
        yield passed_if(
            bool(outputs.names),
            f"other machines reach it as {', '.join(outputs.names)}",
            f"it listens on {outputs.host}, and its certificate would name no host that others know",
            remedy="give names, such as fl.example.org",
        )
        yield warned("it listens beyond this machine", remedy="open the port in the firewall for the clients only")


class SecureInputs(Inputs):
    """Where the SuperLink will listen."""

    host: str = LOOPBACK
    names: tuple[str, ...] = ()


class SecureOutputs(Outputs):
    """Certificates and keys, without anything secret."""

    authority: str = Field(description="SHA-256 fingerprint, for people on both sides to compare")
    names: list[str]
    days_left: float
    modes: dict[str, str]
    tracked: list[str] = Field(description="private keys that git would commit")
    wanted: list[str]
    table: list[list[str]]


@action("deployment.secure", changes=("state",))
def secure(inputs: SecureInputs, context: Context) -> SecureOutputs:
    """Make what is missing of authority and server certificate, and inspect what is there."""
    from zk0.federation.deployment import authority
    from zk0.federation.deployment.deployment import Deployment
    from zk0.federation.deployment.folder import LOCAL_NAMES
    from zk0.federation.deployment.site import fingerprint

    folder = folder_of(context.project)
    deployment = Deployment(folder, host=inputs.host, names=inputs.names)
    deployment.secure()
    certificate = authority.read_certificate(deployment.authority / authority.SERVER_CERTIFICATE)
    left = min(
        authority.require_valid(deployment.authority / name).days
        for name in (authority.AUTHORITY_CERTIFICATE, authority.SERVER_CERTIFICATE)
    )
    keys = sorted(path for path in folder.rglob("*key") if path.is_file())
    names = authority.names_of(certificate)
    return SecureOutputs(
        authority=fingerprint(deployment.certificate),
        names=names,
        days_left=left,
        modes={path.relative_to(folder).as_posix(): f"{path.stat().st_mode & 0o777:03o}" for path in keys},
        tracked=_tracked(context.project, keys),
        wanted=[*LOCAL_NAMES, *inputs.names],
        table=[["certificate for", "valid for"], [", ".join(names), f"{left} days"]],
    )


@check("deployment.secured")
def secured(outputs: SecureOutputs, *, days: float = 30) -> Iterator[Finding]:
    """Certificates are valid and name the server; private keys are their owner's alone, and not in the repository."""
    missing = sorted(set(outputs.wanted) - set(outputs.names))
    yield passed_if(
        not missing, "the certificate names the server", f"it does not name {', '.join(missing)}",
        remedy="zk0 deploy rotate --name NAME",
    )  # fmt: skip
    left = [Evidence(name="valid for", value=outputs.days_left, unit="days")]
    yield passed_if(
        outputs.days_left > days, f"valid for {outputs.days_left:.0f} days", evidence=left, doubtful=True,
        remedy="zk0 deploy rotate",
    )  # fmt: skip
    for name, mode in outputs.modes.items():
        yield passed_if(mode == "600", f"mode {mode}", at=name, remedy=f"chmod 600 {name}")
    for name in outputs.tracked:
        yield failed("git would commit this private key", at=name, remedy="add .zk0/ to .gitignore")


class ResourcesInputs(Inputs):
    """How many clients train on this machine, and what they train."""

    data: str
    preset: str = "tiny"


class ResourcesOutputs(Outputs):
    """What is needed and what is there, in GiB; cores and accelerator as they are."""

    clients: int
    memory_needed: float
    memory_free: float
    disk_needed: float
    disk_free: float
    cores: int
    accelerator: str | None
    table: list[list[str]]


@action("deployment.resources")
def resources(inputs: ResourcesInputs, context: Context) -> ResourcesOutputs:
    """Compare the processors, memory, disk and accelerator that the clients here need with what there is."""
    import shutil

    import psutil

    from zk0.actions.environment import accelerator

    clients = len([item for item in inputs.data.split(";") if item.strip()])
    needed = (clients + 1) * MEMORY_EACH * PRESETS.get(inputs.preset, 1.0)
    free, disk = psutil.virtual_memory().available / GIB, shutil.disk_usage(context.project.root).free / GIB
    cores, found = psutil.cpu_count() or 1, accelerator()
    return ResourcesOutputs(
        clients=clients,
        memory_needed=needed,
        memory_free=free,
        disk_needed=(clients + 1) * DISK_EACH,
        disk_free=disk,
        cores=cores,
        accelerator=found,
        table=[
            ["", "needed", "there"],
            ["memory", f"{needed:.1f} GiB", f"{free:.1f} GiB"],
            ["disk", f"{(clients + 1) * DISK_EACH:.1f} GiB", f"{disk:.1f} GiB"],
            ["cores", str(clients + 1), str(cores)],
            ["accelerator", "none" if inputs.preset in ("tiny", "small") else "GPU", found or "none"],
        ],
    )


@check("deployment.resources")
def enough(outputs: ResourcesOutputs) -> Iterator[Finding]:
    """Memory and disk suffice; with fewer cores than programs, rounds only take longer."""
    for what, needed, free in (
        ("memory", outputs.memory_needed, outputs.memory_free),
        ("disk", outputs.disk_needed, outputs.disk_free),
    ):
        amounts = [Evidence(name="needed", value=needed, unit="GiB"), Evidence(name="free", value=free, unit="GiB")]
        yield passed_if(
            free >= needed, f"{free:.1f} GiB of {what} free, {needed:.1f} needed", evidence=amounts,
            remedy="fewer clients, or a smaller preset",
        )  # fmt: skip
    programs = outputs.clients + 1
    yield passed_if(
        outputs.cores >= programs, f"{outputs.cores} cores for {programs} programs", doubtful=True,
        remedy="rounds take longer; put clients on machines of their own",
    )  # fmt: skip


def _tracked(project: Project, keys: list[Path]) -> list[str]:
    """Return the keys that git does not ignore; without a repository nothing is committed."""
    names = [path.relative_to(project.root).as_posix() for path in keys]
    ended = run_program("git", "check-ignore", "--stdin", cwd=project.root, stdin="\n".join(names).encode())
    return sorted(set(names) - set(ended.out.splitlines())) if ended.status in (0, 1) else []
