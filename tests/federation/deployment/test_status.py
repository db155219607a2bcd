import re

import pytest
from ruamel.yaml import YAML

from zk0.core.git import GitState
from zk0.core.verdicts import Verdict
from zk0.federation.deployment.alerts import ALERTS, alert_rules
from zk0.federation.deployment.status import (
    METRICS,
    ClientStatus,
    DeploymentStatus,
    TrainingStatus,
    findings_of,
    metrics_of,
    overdue_of,
    progress_of,
)
from zk0.ledger import Aggregation, Evaluation, LedgerWriter, RejectedReply, Resources, RunOpened, read_ledger

WELL = DeploymentStatus(
    address="127.0.0.1:8000",
    running=True,
    trouble="",
    processes=6,
    folder="/srv/project/.zk0/deployment",
    disk_free_gib=100.0,
    certificate_days=300.0,
    clients=[ClientStatus(name="arm-a", status="online", local=True, may_connect=True)],
    training=TrainingStatus(
        status="finished", outcome="completed", details="", round=3, last_loss=0.5, seconds=12.0, refused=0
    ),
)


def client(**changes):
    return [ClientStatus(**{"name": "arm-b", "status": "online", "local": False, "may_connect": True} | changes)]


def alerts(status):
    return [one for one in findings_of(status) if one.verdict is not Verdict.passed]


def test_all_is_well_without_an_alert():
    assert alerts(WELL) == []


def training(**changes):
    return {"training": WELL.training.model_copy(update=changes)}


CASES = [
    ("server-down", {"trouble": "connection refused"}, "fail", "can't be used: connection refused", "zk0 deploy up"),
    ("certificate-ends", {"certificate_days": 12.0}, "warn", "expires in 12 days", "zk0 deploy rotate"),
    ("certificate-ended", {"certificate_days": -1.0}, "fail", "a certificate expired: -1 days", "zk0 deploy rotate"),
    ("client-offline", {"clients": client(status="offline")}, "warn", "offline", "zk0 deploy logs arm-b"),
    ("client-not-listed", {"clients": client(may_connect=False)}, "fail", "arm-b is registered and", "remove-client"),
    ("run-failed", training(outcome="failed", details="no reply"), "fail", "failed: no reply", "zk0 deploy logs"),
    ("round-stalled", training(overdue_seconds=40.0), "fail", "for 40 s longer than a round may take: round 4", "logs"),
    ("refused-replies", training(refused=2, last_refusal="arm-b in round 3: its update's norm"), "warn",
     "2 replies were refused: arm-b in round 3: its update's norm", "diagnose"),
    ("loss-not-finite", training(not_finite=1), "fail", "1 losses of the last round are not finite", "diagnose"),
    ("disk-full", {"disk_free_gib": 0.4}, "fail", "0.4 GiB are free at /srv/project", "zk0 runs prune"),
    ("disk-fills", {"disk_free_gib": 4.0}, "warn", "4.0 GiB are free", "zk0 runs prune"),
]  # fmt: skip


@pytest.mark.parametrize(("id_", "changes", "verdict", "message", "remedy"), CASES, ids=[case[0] for case in CASES])
def test_each_alert_has_its_id_and_remedy(id_, changes, verdict, message, remedy):
    [alert] = alerts(WELL.model_copy(update=changes))

    assert (alert.check, alert.verdict) == (f"deployment.{id_}", verdict)
    assert message in alert.message
    assert remedy in alert.remedy


def test_every_alert_is_tried_and_compares_a_metric_that_is_exported():
    assert {alert.id for alert in ALERTS} == {f"deployment.{case[0]}" for case in CASES}
    assert {alert.metric for alert in ALERTS} <= METRICS.keys()


def test_prometheus_gets_the_same_alerts_with_the_same_thresholds():
    [group] = YAML(typ="safe").load(alert_rules())["groups"]

    assert group["name"] == "zk0"
    assert [set(rule) for rule in group["rules"]] == [{"alert", "expr", "for", "labels", "annotations"}] * len(ALERTS)
    for rule, alert in zip(group["rules"], ALERTS, strict=True):
        assert re.fullmatch(r"[a-z_]+", rule["alert"])
        assert rule["expr"].split() == [alert.metric, alert.compare, f"{alert.threshold:g}"]
        assert re.fullmatch(r"\d+m", rule["for"])
        assert rule["labels"]["severity"] == {"warn": "warning", "fail": "critical"}[alert.verdict]
        assert all(isinstance(text, str) and text for text in rule["annotations"].values())


def samples(text):
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_metrics_are_prometheus_text_and_leave_out_what_is_not_known():
    text = metrics_of(WELL)

    for line in text.splitlines():
        assert re.fullmatch(r"# HELP \w+ .+|# TYPE \w+ gauge|\w+(\{client=\"[a-z-]+\"\})? -?[\d.e+-]+", line)
    named = [line.split("{")[0].split()[0] for line in samples(text)]
    assert [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")] == list(dict.fromkeys(named))
    assert "zk0_clients_online 1\n" in text
    assert 'zk0_client_online{client="arm-a"} 1\n' in text
    assert "zk0_round 3\n" in text
    assert "zk0_round" not in metrics_of(WELL.model_copy(update={"training": None}))


def aggregation(number, seconds, rejected=()):
    return Aggregation(
        round=number,
        sampled=["arm-a"],
        accepted=[],
        rejected=list(rejected),
        digest_in="a",
        digest_out="b",
        update_norm=1.0,
        resources=Resources(seconds=seconds),
    )


@pytest.fixture
def ledger(tmp_path):
    def make(*events):
        opened = RunOpened(
            seed=0,
            configuration={},
            git=GitState(commit=None, branch=None, dirty=False),
            versions={},
            clients=[],
            parameters=1,
            trainable=1,
            tensors=1,
            frozen_digest="f",
            statistics_digest="s",
        )
        writer = LedgerWriter(tmp_path / "ledger.jsonl")
        for event in (opened, *events):
            writer.write(event)
        return read_ledger(writer.path)

    return make


def test_a_round_may_take_its_limit_and_later_three_times_the_longest(ledger):
    first, later = ledger(), ledger(aggregation(1, 100.0), aggregation(2, 40.0))

    assert overdue_of(first, 50.0) == 50.0 - 1.5 * 3600
    assert overdue_of(later, 301.0) == pytest.approx(1.0)
    assert overdue_of(later, None) is None  # the run has ended


def test_a_short_round_may_take_a_minute(ledger):
    assert overdue_of(ledger(aggregation(1, 2.0)), 61.0) == 1.0


def test_refusals_and_losses_that_are_not_finite_are_counted(ledger):
    refused = RejectedReply(client="arm-b", reason="its update's norm 3162 is above 10")
    bad = Evaluation(round=2, dataset="cups", role="held-out", loss=float("nan"), frames=1, digest="b")

    progress = progress_of(ledger(aggregation(1, 1.0, [refused]), aggregation(2, 1.0), bad))

    assert (progress["round"], progress["refused"], progress["not_finite"]) == (2, 1, 1)
    assert progress["last_refusal"] == "arm-b in round 1: its update's norm 3162 is above 10"
