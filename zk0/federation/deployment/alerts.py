"""What is wrong with a deployment: one table of alerts, for the findings of `zk0 deploy status` and for Prometheus.

An alert compares a metric with a threshold. The findings apply it to the metrics of this moment; the rules file says
the same in Prometheus's words, for metrics that are collected by `zk0 deploy status --metrics`.
"""

import io
import operator
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ruamel.yaml import YAML

from zk0.core.verdicts import Evidence, Finding, Verdict, passed
from zk0.federation.deployment import authority

RULES = "zk0-alerts.yaml"
COMPARE = {"<": operator.lt, ">": operator.gt, "==": operator.eq}
SEVERITY = {Verdict.warned: "warning", Verdict.failed: "critical"}
EXPIRES_SOON = float(authority.EXPIRES_SOON.days)
DISK_SOON = 5.0  # GiB; a checkpoint of the largest preset has 1.7, and one is written each round
DISK_FULL = 1.0  # GiB: less than a checkpoint and the messages of a round


@dataclass(frozen=True)
class Sample:
    """A metric's value now, of one client or of the whole, and what a person wants to know besides."""

    metric: str
    value: float
    client: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Alert:
    """A comparison that must not hold; `message` may name `{value}`, `{client}` and `{detail}`, `remedy` the client."""

    id: str
    verdict: Verdict
    metric: str
    compare: str
    threshold: float
    minutes: int  # that it has to hold before Prometheus reports it
    title: str  # for Prometheus, which knows no details
    message: str
    remedy: str

    def holds(self, sample: Sample) -> bool:
        """Return whether a sample is what the alert warns of."""
        return sample.metric == self.metric and bool(COMPARE[self.compare](sample.value, self.threshold))

    def finding(self, sample: Sample) -> Finding:
        """Return the finding of a sample for which it holds."""
        words = {"value": sample.value, "client": sample.client, "detail": sample.detail}
        return Finding(
            verdict=self.verdict,
            message=self.message.format(**words),
            check=self.id,
            at=sample.client,
            evidence=(Evidence(name=self.metric, value=sample.value),),
            remedy=self.remedy.format(**words),
        )


ALERTS: tuple[Alert, ...] = (
    Alert("deployment.server-down", Verdict.failed, "zk0_superlink_up", "==", 0, 1, "the SuperLink can't be used",
          "the SuperLink can't be used: {detail}", "zk0 deploy up, or zk0 deploy logs"),
    Alert("deployment.certificate-ended", Verdict.failed, "zk0_certificate_expires_days", "<", 0, 0,
          "a certificate has expired", "a certificate expired: {value:.0f} days", "zk0 deploy rotate"),
    Alert("deployment.certificate-ends", Verdict.warned, "zk0_certificate_expires_days", "<", EXPIRES_SOON, 0,
          "a certificate expires soon", "a certificate expires in {value:.0f} days", "zk0 deploy rotate"),
    Alert("deployment.client-not-listed", Verdict.failed, "zk0_client_admitted", "==", 0, 0,
          "a client is registered and not on the list", "{client} is registered and not on the list",
          "zk0 deploy remove-client {client}"),
    Alert("deployment.client-offline", Verdict.warned, "zk0_client_online", "==", 0, 5, "a client is not connected",
          "{detail}", "zk0 deploy logs {client}"),
    Alert("deployment.run-failed", Verdict.failed, "zk0_run_failed", "==", 1, 0, "the last run failed",
          "the last run failed: {detail}", "zk0 deploy logs superlink"),
    Alert("deployment.round-stalled", Verdict.failed, "zk0_round_overdue_seconds", ">", 0, 1,
          "a run does not get on", "nothing was written for {value:.0f} s longer than a round may take: {detail}",
          "zk0 deploy logs, and look at the clients; a round ends after round-seconds without those that are missing"),
    Alert("deployment.refused-replies", Verdict.warned, "zk0_refused_replies", ">", 0, 0, "replies were refused",
          "{value:.0f} replies were refused: {detail}", "zk0 diagnose the run's ledger"),
    Alert("deployment.loss-not-finite", Verdict.failed, "zk0_losses_not_finite", ">", 0, 0,
          "losses are not finite", "{value:.0f} losses of the last round are not finite: {detail}",
          "zk0 diagnose the run's ledger; zk0 run train with a lower learning rate"),
    Alert("deployment.disk-full", Verdict.failed, "zk0_disk_free_gib", "<", DISK_FULL, 0, "the disk is full",
          "{value:.1f} GiB are free at {detail}", "remove old runs: zk0 runs prune"),
    Alert("deployment.disk-fills", Verdict.warned, "zk0_disk_free_gib", "<", DISK_SOON, 5, "the disk is nearly full",
          "{value:.1f} GiB are free at {detail}", "remove old runs: zk0 runs prune"),
)  # fmt: skip


def judge(samples: Iterable[Sample], good: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the first alert of each sample; where none holds, a pass with the metric's message in `good`, if any."""
    for sample in samples:
        alert = next((one for one in ALERTS if one.holds(sample)), None)
        if alert:
            yield alert.finding(sample)
        elif sample.metric in good:
            yield passed(good[sample.metric].format(detail=sample.detail), at=sample.client)


def alert_rules() -> str:
    """Return the alerts as a file of Prometheus's rules."""
    rules = [
        {
            "alert": alert.id.replace(".", "_").replace("-", "_"),
            "expr": f"{alert.metric} {alert.compare} {alert.threshold:g}",
            "for": f"{alert.minutes}m",
            "labels": {"severity": SEVERITY[alert.verdict]},
            "annotations": {
                "summary": alert.title,
                "description": "{{ $labels.client }} {{ $labels.instance }}: {{ $value }}",
                "remedy": alert.remedy.format(client="{{ $labels.client }}"),
            },
        }
        for alert in ALERTS
    ]
    stream = io.StringIO()
    stream.write("# Written by `zk0 deploy files`: the alerts of `zk0 deploy status`, for Prometheus.\n")
    writer = YAML()
    writer.default_flow_style = False
    writer.width = 200
    writer.dump({"groups": [{"name": "zk0", "rules": rules}]}, stream)
    return stream.getvalue()
