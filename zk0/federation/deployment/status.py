"""How a deployment stands: for people, as JSON, as metrics in Prometheus's text format, and as findings."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from zk0.core.errors import CertificateError, DeploymentError
from zk0.core.verdicts import Finding, failed, passed, warned
from zk0.federation.deployment import authority
from zk0.federation.deployment.control import FlowerRun, Node, is_healthy
from zk0.federation.deployment.deployment import Deployment
from zk0.federation.deployment.programs import SUPERLINK, running
from zk0.ledger import Ledger, read_ledger


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class ClientStatus(_Model):
    """A client: `status` is the SuperLink's word (online, offline, registered, or absent where it knows none)."""

    name: str
    status: str
    local: bool
    may_connect: bool


class TrainingStatus(_Model):
    """The newest run, with what its ledger says; None where there is none, or it can't be read here."""

    status: str
    outcome: str
    details: str
    round: int | None = None
    last_loss: float | None = None
    seconds: float | None = None  # of the last round
    refused: int | None = None  # replies, in all rounds


class DeploymentStatus(_Model):
    """How a deployment stands."""

    address: str
    running: bool
    trouble: str  # why the SuperLink can't be used; empty where it can
    processes: int
    certificate_days: float | None  # until the first certificate expires; negative where one has
    clients: list[ClientStatus]
    training: TrainingStatus | None

    @property
    def online(self) -> int:
        """How many clients are connected."""
        return sum(client.status == "online" for client in self.clients)


def status_of(deployment: Deployment, listed: Mapping[str, str]) -> DeploymentStatus:
    """Look at a deployment: its processes, its SuperLink over TLS, its certificates, and the ledger of its run."""
    alive = deployment.is_alive(SUPERLINK)
    trouble = is_healthy(deployment.address, deployment.certificate) if alive else "it is not running"
    nodes: list[Node] = []
    runs: list[FlowerRun] = []
    if not trouble:
        try:
            with deployment.control() as control:
                nodes, runs = control.nodes(), control.runs()
        except DeploymentError as error:
            trouble = error.message
    found = {node.name: node.status for node in nodes}
    names = sorted({*found, *listed, *deployment.clients})
    return DeploymentStatus(
        address=deployment.address,
        running=alive,
        trouble=trouble,
        processes=len(running(deployment.mark)),
        certificate_days=_days_left(deployment),
        clients=[
            ClientStatus(
                name=name,
                status=found.get(name, "absent"),
                local=name in deployment.clients,
                may_connect=name in deployment.clients or name in listed,
            )
            for name in names
        ],
        training=_training(runs[0], deployment.ledger) if runs else None,
    )


def findings_of(status: DeploymentStatus) -> Iterator[Finding]:
    """Judge a status: the alert rules of a deployment."""
    if status.trouble:
        yield failed(f"the SuperLink can't be used: {status.trouble}", remedy="zk0 deploy up, or zk0 deploy logs")
    else:
        yield passed(f"the SuperLink answers at {status.address}")
    days = status.certificate_days
    if days is not None and days < authority.EXPIRES_SOON.days:
        report = failed if days <= 0 else warned
        yield report(f"a certificate expires in {days:.0f} days", remedy="zk0 deploy rotate")
    for client in status.clients:
        if not client.may_connect:
            yield failed(
                f"{client.name} is registered and not on the list", remedy=f"zk0 deploy remove-client {client.name}"
            )
        elif client.status == "online":
            yield passed("connected", at=client.name)
        elif not status.trouble:
            yield warned(f"{client.status}", at=client.name, remedy=f"zk0 deploy logs {client.name}")
    training = status.training
    if training and training.outcome == "failed":
        yield failed(f"the last run failed: {training.details}", remedy="zk0 deploy logs superlink")
    if training and training.refused:
        yield warned(f"{training.refused} replies were refused", remedy="zk0 diagnose the run's ledger")


def metrics_of(status: DeploymentStatus) -> str:
    """Return a status in Prometheus's text format; what is not known is left out, since 0 would be a value."""
    training = status.training or TrainingStatus(status="", outcome="", details="")
    values: dict[str, tuple[str, float | None]] = {
        "zk0_superlink_up": ("1 if the SuperLink answers over TLS", float(not status.trouble)),
        "zk0_clients_online": ("clients that are connected", status.online),
        "zk0_clients_admitted": ("clients that may connect", sum(one.may_connect for one in status.clients)),
        "zk0_certificate_expires_days": ("days until a certificate expires", status.certificate_days),
        "zk0_round": ("rounds that the last run has done", training.round),
        "zk0_round_seconds": ("duration of its last round", training.seconds),
        "zk0_refused_replies": ("replies that it refused", training.refused),
        "zk0_held_out_loss": ("mean loss on held-out episodes after its last round", training.last_loss),
    }
    lines = [
        f"# HELP {name} {meaning}\n# TYPE {name} gauge\n{name} {value:g}\n"
        for name, (meaning, value) in values.items()
        if value is not None
    ]
    return "".join(lines)


def _days_left(deployment: Deployment) -> float | None:
    left: list[timedelta] = []
    for path in (deployment.certificate, deployment.authority / authority.SERVER_CERTIFICATE):
        try:
            left.append(authority.read_certificate(path).not_valid_after_utc - datetime.now(UTC))
        except CertificateError:
            return None
    return min(left) / timedelta(days=1)


def _training(run: FlowerRun, ledger: Path) -> TrainingStatus:
    plain = TrainingStatus(status=run.status, outcome=run.outcome, details=run.details)
    if not ledger.is_file():
        return plain
    return plain.model_copy(update=_progress(read_ledger(ledger)))


def _progress(ledger: Ledger) -> dict[str, float | int | None]:
    rounds = ledger.aggregations
    last = ledger.last_round
    losses = [one.loss for one in ledger.evaluations if one.round == last and one.loss is not None]
    return {
        "round": last,
        "refused": sum(len(one.rejected) for one in rounds),
        "seconds": rounds[-1].resources.seconds if rounds and rounds[-1].resources else None,
        "last_loss": sum(losses) / len(losses) if losses else None,
    }
