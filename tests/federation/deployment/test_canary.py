import pytest

from zk0.core.errors import DeploymentError
from zk0.federation.deployment.canary import judge

VERSIONS = {"zk0": "0.1.0", "flwr": "1.42.0", "lerobot": "0.6.1"}
NAMES = {11: "arm-a", 12: "arm-b"}


def report(**changes):
    """Return the events of a canary that came back, with some of arm-b's reply changed."""
    reply = {"event": "reply", "received": "s", "sent": "x", "arrived": "x", "wanted": "x", **VERSIONS}
    return [
        {"event": "started", **VERSIONS},
        {"event": "sent", "nodes": [11, 12], "digest": "s"},
        {**reply, "node": 11},
        {**reply, "node": 12, **changes},
        {"event": "aggregated", "digest": "m", "wanted": "m"},
    ]


def silent(part):
    return ""


def test_a_canary_that_came_back_gives_digests_and_versions():
    result = judge(report(), NAMES, reason=silent)

    assert (result.sent, result.aggregated) == ("s", "m")
    assert result.clients == {"arm-a": VERSIONS, "arm-b": VERSIONS}


@pytest.mark.parametrize(
    ("changes", "message", "remedy"),
    [
        ({"lerobot": "0.6.0"}, "client arm-b has lerobot 0.6.0, the server 0.6.1", "pip install lerobot==0.6.1"),
        ({"flwr": "1.41.0"}, "client arm-b has flwr 1.41.0, the server 1.42.0", "pip install flwr==1.42.0"),
        ({"zk0": "0.0.9"}, "client arm-b has zk0 0.0.9, the server 0.1.0", "pip install zk0==0.1.0"),
        ({"received": "t"}, "what arm-b received is not what was sent", "proxy"),
        ({"arrived": "y"}, "the answer of arm-b is not what was asked for", "zk0 deploy logs arm-b"),
        ({"wanted": "y"}, "the answer of arm-b is not what was asked for", "zk0 deploy logs arm-b"),
        ({"error": "no module"}, "the ClientApp of arm-b fails: no module", "zk0 deploy logs arm-b"),
    ],
)
def test_the_broken_link_is_named_with_its_remedy(changes, message, remedy):
    with pytest.raises(DeploymentError) as caught:
        judge(report(**changes), NAMES, reason=silent)

    assert message in caught.value.message
    assert remedy in caught.value.remedy


def test_a_client_without_an_answer_is_named_with_what_its_log_says():
    events = [event for event in report() if event.get("node") != 12]

    with pytest.raises(DeploymentError, match="client arm-b does not answer: its key is not registered"):
        judge(events, NAMES, reason=lambda part: "its key is not registered")


def test_a_client_that_never_connected_is_told_from_one_that_does_not_answer():
    events = report()
    events[1]["nodes"] = [11]

    with pytest.raises(DeploymentError, match="client arm-b is not connected: no heartbeat"):
        judge(events, NAMES, reason=silent)


def test_a_wrong_mean_is_found():
    events = report()
    events[-1]["digest"] = "n"

    with pytest.raises(DeploymentError, match="the aggregate is not the mean"):
        judge(events, NAMES, reason=silent)
