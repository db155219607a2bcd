import pytest

from zk0.core.verdicts import Verdict
from zk0.federation.deployment.status import ClientStatus, DeploymentStatus, TrainingStatus, findings_of, metrics_of

WELL = DeploymentStatus(
    address="127.0.0.1:8000",
    running=True,
    trouble="",
    processes=6,
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


@pytest.mark.parametrize(
    ("changes", "verdict", "message", "remedy"),
    [
        ({"trouble": "connection refused"}, "fail", "can't be used: connection refused", "zk0 deploy up"),
        ({"certificate_days": 12.0}, "warn", "expires in 12 days", "zk0 deploy rotate"),
        ({"certificate_days": -1.0}, "fail", "expires in -1 days", "zk0 deploy rotate"),
        ({"clients": client(status="offline")}, "warn", "offline", "zk0 deploy logs arm-b"),
        ({"clients": client(may_connect=False)}, "fail", "arm-b is registered and not on the list", "remove-client"),
        (
            {"training": TrainingStatus(status="finished", outcome="failed", details="no valid reply")},
            "fail",
            "the last run failed: no valid reply",
            "zk0 deploy logs",
        ),
        ({"training": WELL.training.model_copy(update={"refused": 2})}, "warn", "2 replies were refused", "diagnose"),
    ],
)
def test_each_alert_has_its_remedy(changes, verdict, message, remedy):
    [alert] = alerts(WELL.model_copy(update=changes))

    assert (alert.verdict, message in alert.message, remedy in alert.remedy) == (verdict, True, True)


def test_metrics_are_prometheus_text_and_leave_out_what_is_not_known():
    text = metrics_of(WELL)

    lines = text.splitlines()
    assert len(lines) % 3 == 0
    for help_line, type_line, value_line in zip(lines[::3], lines[1::3], lines[2::3], strict=True):
        name, value = value_line.split(" ")
        assert help_line.startswith(f"# HELP {name} ")
        assert type_line == f"# TYPE {name} gauge"
        float(value)
    assert "zk0_clients_online 1\n" in text
    assert "zk0_round 3\n" in text
    assert "zk0_round" not in metrics_of(WELL.model_copy(update={"training": None}))
