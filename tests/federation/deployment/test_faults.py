"""What can go wrong while a deployment trains: each fault ends with the part, the cause and the remedy named.

One SuperLink and two clients serve all tests of this folder; a file says what each client does in which round.
"""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from zk0.core.errors import DeploymentError, RoundFailedError
from zk0.federation.configuration import Client
from zk0.federation.deployment.control import is_healthy
from zk0.federation.deployment.deployment import MOST_STARTS
from zk0.federation.deployment.operations import admit, remove_client
from zk0.federation.deployment.programs import SUPERLINK, running
from zk0.federation.deployment.training import train
from zk0.ledger import Ledger, read_ledger

from .conftest import small_app, small_run

pytestmark = pytest.mark.slow

ROUND_SECONDS = 15.0  # a round takes 1 s on an idle machine, and up to 7 s on a busy one


@dataclass
class BadRun:
    """A run in which arm-b does wrong in every way that a round survives."""

    ledger: Ledger
    notes: list[str]

    def reason(self, number: int) -> str:
        """Return why arm-b's reply of a round was refused; arm-a's was accepted."""
        aggregation = self.ledger.aggregations[number - 1]
        assert [one.client for one in aggregation.accepted] == ["arm-a"]
        [rejected] = aggregation.rejected
        assert rejected.client == "arm-b"
        [note] = [one for one in self.notes if one.startswith(f"round {number}: 1 of 2 replies; arm-b: ")]
        return f"{rejected.reason} | {note}"


@pytest.fixture(scope="module")
def bad_run(fleet, tmp_path_factory):
    fleet.behave()
    times = fleet.connections("arm-b")
    fleet.behave(
        arm_b="nan@1 shape@2 dtype@3 raise@4 slow@5 large@6 die@7 orphan@9",
        arm_a=f"arm-b:{times + 1}@8 arm-b:{times + 2}@10",
    )
    limited = fleet.deployment.folder / SUPERLINK / "limited"
    limited.touch()
    config = small_run(tmp_path_factory.mktemp("bad") / "output", rounds=11, round_seconds=ROUND_SECONDS)
    try:
        return BadRun(fleet.train(config), fleet.notes.copy())
    finally:
        limited.unlink()


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (1, "tensor a has 1 values that are not finite"),
        (2, "tensor b is (3,) float32, not (4,) float32"),
        (3, "tensor a is (2, 3) float64, not (2, 3) float32"),
        (4, "the camera is gone"),
        (5, "no reply in 15 s"),
        (6, "(a proxy in between refuses messages of this size)"),
        (7, "Node Unavailable"),
        (9, "Node Unavailable"),
    ],
    ids=["nan", "shape", "dtype", "raises", "slow", "too-large", "dies", "supernode-killed"],
)
def test_a_bad_reply_is_refused_with_client_and_reason_and_the_round_goes_on(bad_run, number, reason):
    assert reason in bad_run.reason(number)


def test_each_round_ends_in_its_time_and_starts_from_the_one_before(bad_run):
    rounds = bad_run.ledger.aggregations

    assert all(one.resources.seconds < ROUND_SECONDS + 30 for one in rounds)
    assert [one.digest_in for one in rounds[1:]] == [one.digest_out for one in rounds[:-1]]


def test_a_client_that_died_is_started_again_when_its_round_is_over(bad_run):
    assert bad_run.notes.count("client arm-b ended and is started again") == 2
    assert len(bad_run.ledger.aggregations[-1].accepted) == 2


def test_a_flipped_and_a_scaled_update_are_survived_by_the_median_and_the_bound(fleet, small_config):
    fleet.behave(arm_b="flip@1 scale@2")
    deployment = fleet.deployment
    deployment.clients["arm-d"] = Client(2, "arm-d", "well")
    admit(deployment, {})
    try:
        deployment.start_client(deployment.clients["arm-d"])
        deployment.wait_for(["arm-d"])
        config = small_config(data="arm-a=well;arm-b=well;arm-d=well", aggregation="median", update_norm_factor=5)
        ledger = fleet.train(config)
    finally:
        remove_client(deployment, "arm-d", {})

    flipped, scaled = ledger.aggregations
    assert ([reply.client for reply in flipped.accepted], flipped.rejected) == (["arm-a", "arm-b", "arm-d"], [])
    assert [reply.client for reply in scaled.accepted] == ["arm-a", "arm-d"]
    [rejected] = scaled.rejected
    assert rejected.client == "arm-b"
    assert rejected.reason == "its update's norm 3162 is above 15.81 (5 x the round's median)"
    for aggregation in (flipped, scaled):
        assert aggregation.update_norm == pytest.approx(10**0.5, rel=1e-5)  # each of ten numbers moved by 1
        assert (aggregation.rule, aggregation.deviation) == ("median", pytest.approx(0, abs=1e-6))
    assert scaled.digest_in == flipped.digest_out


def test_if_all_clients_die_the_run_stops_at_once_and_names_them(fleet, small_config):
    fleet.behave(arm_a="die@2", arm_b="die@2")
    before = time.monotonic()

    with pytest.raises(RoundFailedError, match=r"round 2 has no valid reply \(arm-a: .*arm-b: ") as caught:
        fleet.train(small_config())

    assert time.monotonic() - before < 60  # the round's limit
    assert "resume=true" in caught.value.remedy
    output = small_config()["output"]
    assert [one.round for one in read_ledger(Path(output) / "ledger.jsonl").aggregations if one.accepted] == [1]


def test_a_superlink_that_is_killed_comes_back_and_no_accepted_round_is_lost(fleet, small_config):
    fleet.behave()
    killed = []

    def kill_after_round_one(note):
        if note.startswith("round 1") and not killed:
            killed.append(fleet.deployment.children[SUPERLINK].pid)
            os.kill(killed[0], signal.SIGKILL)

    rounds = fleet.train(small_config(rounds=3), kill_after_round_one).aggregations

    assert [one.round for one in rounds] == [1, 2, 3]
    assert [one.digest_in for one in rounds[1:]] == [one.digest_out for one in rounds[:-1]]
    assert any("going on" in note for note in fleet.notes)


def test_a_superlink_that_was_started_too_often_ends_the_training(fleet, small_config):
    fleet.behave()

    def kill(note):
        fleet.deployment.starts[SUPERLINK] = MOST_STARTS
        os.kill(fleet.deployment.children[SUPERLINK].pid, signal.SIGKILL)

    with pytest.raises(DeploymentError, match=f"the SuperLink ended {MOST_STARTS} times"):
        fleet.train(small_config(rounds=3), kill)


def test_a_server_app_that_fails_says_why(fleet, small_config):
    fleet.behave()

    with pytest.raises(RoundFailedError, match="the server has no policy"):
        fleet.train(small_config(unseen="never"))


def test_two_clients_of_one_name_are_refused(fleet, small_config):
    fleet.behave(arm_b="twin")

    with pytest.raises(RoundFailedError, match="two clients have one name: arm-a, arm-a"):
        fleet.train(small_config())


def test_a_client_with_another_backbone_is_named(fleet, small_config):
    fleet.behave(arm_b="backbone")

    with pytest.raises(RoundFailedError, match="client arm-b has other frozen weights than the server"):
        fleet.train(small_config())


def test_a_client_that_does_not_come_is_waited_for_to_the_limit(fleet, small_config):
    fleet.behave()

    with pytest.raises(RoundFailedError, match="2 of at least 3 clients came within 1 s"):
        fleet.train(small_config(data="arm-a=x;arm-b=y;arm-c=z", wait_seconds=1.0))


def test_a_client_removed_in_a_run_is_shut_out_and_one_that_comes_late_waits_for_the_next(fleet, small_config):
    deployment = fleet.deployment
    fleet.behave()
    times = fleet.connections("arm-b")
    fleet.behave(arm_a=f"arm-b:{times + 1}@3")

    def then(note):
        if note.startswith("round 1"):
            remove_client(deployment, "arm-b", {})
            assert fleet.online() == {"arm-a"}
        if note.startswith("round 2"):
            deployment.clients["arm-b"] = fleet.client("arm-b")
            admit(deployment, {})  # a new key: the old one was removed for good
            deployment.start_client(fleet.client("arm-b"))

    ledger = fleet.train(small_config(rounds=4), then)

    assert [[one.client for one in round_.accepted] for round_ in ledger.aggregations[1:]] == [["arm-a"]] * 3
    assert "client arm-b came late; the next run asks it" in fleet.notes


def test_a_full_disk_on_the_server_stops_the_run_and_is_named(fleet, small_config, tmp_path):
    fleet.behave()
    full = tmp_path / "full"
    full.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(full)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may make a small disk")
    try:
        with pytest.raises(RoundFailedError, match="No space left on device"):
            fleet.train(small_config(rounds=4, output=str(full)))
    finally:
        subprocess.run(["umount", str(full)], check=True)


def test_a_server_app_that_never_starts_is_found_while_all_health_is_green(fleet, small_config, monkeypatch):
    fleet.behave()
    for process in running(fleet.deployment.mark, SUPERLINK):
        if process.parent == fleet.deployment.children[SUPERLINK].pid:  # the SuperExec
            os.kill(process.pid, signal.SIGKILL)
    monkeypatch.setattr("zk0.federation.deployment.canary.START_SECONDS", 3.0)
    monkeypatch.setattr("zk0.federation.deployment.training.START_SECONDS", 3.0)
    assert is_healthy(fleet.deployment.address, fleet.deployment.certificate) == ""

    with pytest.raises(DeploymentError, match="the ServerApp does not start") as caught:
        fleet.deployment.prove(["arm-a", "arm-b"])
    with pytest.raises(DeploymentError, match="its ServerApp does not start"):
        train(fleet.deployment, small_config(), lambda *_: None, app=small_app)

    assert caught.value.remedy == "zk0 deploy logs superlink"
    fleet.deployment.end_part(SUPERLINK)
