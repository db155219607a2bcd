"""How a deployment stands: for people, as JSON, as metrics in Prometheus's text format, and as findings."""

import shutil
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from zk0.core.errors import CertificateError, DeploymentError
from zk0.core.verdicts import Finding
from zk0.federation.configuration import RunConfig
from zk0.federation.deployment import authority
from zk0.federation.deployment.alerts import Sample, judge
from zk0.federation.deployment.control import FlowerRun, Node, is_healthy
from zk0.federation.deployment.deployment import Deployment
from zk0.federation.deployment.programs import SUPERLINK, running
from zk0.ledger import Ledger, read_ledger

GIB = 1024**3
METRICS = {
    "zk0_superlink_up": "1 if the SuperLink answers over TLS",
    "zk0_clients_online": "clients that are connected",
    "zk0_clients_admitted": "clients that may connect",
    "zk0_client_online": "1 if the client is connected",
    "zk0_client_admitted": "1 if the client may connect",
    "zk0_certificate_expires_days": "days until a certificate expires; negative since it has",
    "zk0_disk_free_gib": "free disk space where the deployment lies, GiB",
    "zk0_run_failed": "1 if the last run failed",
    "zk0_round": "rounds that the last run has done",
    "zk0_round_seconds": "duration of its last round",
    "zk0_round_overdue_seconds": "how long its ledger has not grown, beyond what a round may take; else negative",
    "zk0_refused_replies": "replies that it refused",
    "zk0_held_out_loss": "mean loss on held-out episodes after its last round",
    "zk0_losses_not_finite": "losses of its last round that are not finite, of clients and of evaluations",
}
USUAL = 3.0  # times the longest round so far, a round may take
SHORT_ROUND = 60.0  # seconds; a shorter round may take this long, since a client that was killed blocks it for a minute
EVALUATION = 1.5  # times a round's limit: what comes after the last reply


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
    last_refusal: str = ""
    not_finite: int | None = None  # losses of the last round
    overdue_seconds: float | None = None  # of a run in progress: beyond what a round may take; negative while it may


class DeploymentStatus(_Model):
    """How a deployment stands."""

    address: str
    running: bool
    trouble: str  # why the SuperLink can't be used; empty where it can
    processes: int
    folder: str
    disk_free_gib: float
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
        folder=str(deployment.folder),
        disk_free_gib=shutil.disk_usage(deployment.folder).free / GIB,
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


def samples_of(status: DeploymentStatus) -> Iterator[Sample]:
    """Yield the metrics of a status; what is not known is left out, since 0 would be a value."""
    training = status.training
    yield Sample("zk0_superlink_up", float(not status.trouble), detail=status.trouble or status.address)
    values: dict[str, float | None] = {
        "zk0_clients_online": status.online,
        "zk0_clients_admitted": sum(one.may_connect for one in status.clients),
        "zk0_certificate_expires_days": status.certificate_days,
        "zk0_disk_free_gib": status.disk_free_gib,
    }
    details = {"zk0_disk_free_gib": status.folder}
    if training:
        values |= {
            "zk0_run_failed": float(training.outcome == "failed"),
            "zk0_round": training.round,
            "zk0_round_seconds": training.seconds,
            "zk0_round_overdue_seconds": training.overdue_seconds,
            "zk0_refused_replies": training.refused,
            "zk0_held_out_loss": training.last_loss,
            "zk0_losses_not_finite": training.not_finite,
        }
        details |= {
            "zk0_run_failed": training.details,
            "zk0_round_overdue_seconds": f"round {(training.round or 0) + 1}",
            "zk0_refused_replies": training.last_refusal,
            "zk0_losses_not_finite": f"round {training.round}",
        }
    for name, value in values.items():
        if value is not None:
            yield Sample(name, value, detail=details.get(name, ""))
    for client in status.clients:
        yield Sample("zk0_client_admitted", float(client.may_connect), client.name)
        if client.may_connect and not status.trouble:  # a server that is down knows of nobody
            yield Sample("zk0_client_online", float(client.status == "online"), client.name, client.status)


def findings_of(status: DeploymentStatus) -> Iterator[Finding]:
    """Judge a status by the alerts."""
    good = {"zk0_superlink_up": "the SuperLink answers at {detail}", "zk0_client_online": "connected"}
    yield from judge(samples_of(status), good)


def metrics_of(status: DeploymentStatus) -> str:
    """Return a status in Prometheus's text format."""
    samples = list(samples_of(status))
    lines: list[str] = []
    for name in dict.fromkeys(sample.metric for sample in samples):
        lines += [f"# HELP {name} {METRICS[name]}", f"# TYPE {name} gauge"]
        for sample in samples:
            if sample.metric == name:
                label = f'{{client="{sample.client}"}}' if sample.client else ""
                lines.append(f"{name}{label} {sample.value:g}")
    return "".join(f"{line}\n" for line in lines)


def _days_left(deployment: Deployment) -> float | None:
    left: list[timedelta] = []
    for path in (deployment.certificate, deployment.authority / authority.SERVER_CERTIFICATE):
        try:
            left.append(authority.read_certificate(path).not_valid_after_utc - datetime.now(UTC))
        except CertificateError:
            return None
    return min(left) / timedelta(days=1)


def _training(run: FlowerRun, path: Path) -> TrainingStatus:
    plain = TrainingStatus(status=run.status, outcome=run.outcome, details=run.details)
    if not path.is_file():
        return plain
    ledger = read_ledger(path)
    waited = None if run.is_finished else time.time() - path.stat().st_mtime
    return plain.model_copy(update={**progress_of(ledger), "overdue_seconds": overdue_of(ledger, waited)})


def progress_of(ledger: Ledger) -> dict[str, float | int | str | None]:
    """Return what a ledger says of a run's progress, by the fields of `TrainingStatus`."""
    rounds = ledger.aggregations
    last = ledger.last_round
    evaluations = [one for one in ledger.evaluations if one.round == last]
    losses = [one.loss for one in evaluations if one.loss is not None]
    refusals = [f"{one.client} in round {each.round}: {one.reason}" for each in rounds for one in each.rejected]
    trained = [one for one in ledger.trainings if rounds and one.round == rounds[-1].round]
    return {
        "round": last,
        "refused": len(refusals),
        "last_refusal": refusals[-1] if refusals else "",
        "seconds": rounds[-1].resources.seconds if rounds else None,
        "last_loss": sum(losses) / len(losses) if losses else None,
        "not_finite": sum("policy_loss" in one.missing or None in one.policy_loss for one in trained)
        + sum(one.missing.get("loss") == "not finite" for one in evaluations),
    }


def overdue_of(ledger: Ledger, waited: float | None) -> float | None:
    """Return for how many seconds too long a ledger has not grown; None where no run is in progress.

    A round may take as long as its limit, and where rounds were done, three times the longest of them.
    """
    if waited is None or ledger.opened is None:
        return None
    setting = ledger.opened.configuration.get("round-seconds")
    limit = EVALUATION * float(setting.value if setting else RunConfig().round_seconds)
    known = [one.resources.seconds for one in ledger.aggregations if one.resources.seconds]
    return waited - (min(limit, max(SHORT_ROUND, USUAL * max(known))) if known else limit)
