"""The server is on this machine alone, and its actions and success are those of local inference."""

import os
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zk0.actions.policy_server import (
    CompareServerInputs,
    CompareServerOutputs,
    DriveInputs,
    DriveOutputs,
    ReserveInputs,
    compare,
    drive,
    reserve,
)
from zk0.core.errors import CommandError, InputError
from zk0.core.project import Project
from zk0.serving.checkpoint_policy import CheckpointPolicy
from zk0.serving.results import LatencySummary, TaskResult
from zk0.serving.selection import choose, find_training
from zk0.simulator.environment import Observation
from zk0.simulator.rollout import Rollouts


def verdicts(findings):
    return [str(one.verdict) for one in findings]


def result(successes, episodes=20):
    return TaskResult.of(Rollouts("lift-left", successes, (30,) * episodes, 0))


def driven(**changes):
    latency = LatencySummary(chunks=9, actions=10, period=100.0, p50=9.0, p95=9.0, p99=9.0, longest=9.0)
    values = {
        "tasks": [result(9)],
        "latency": latency,
        "listens": ["::ffff:127.0.0.1:8080"],
        "exchanges": Path("exchanges.npz"),
        "results": [],
        "table": [],
    }
    return DriveOutputs(**values | changes)


def compared(**changes):
    values = {
        "compared": 4,
        "actions": 40,
        "largest": 0.0,
        "local": [result(9)],
        "served": [result(8)],
        "table": [],
    }
    return CompareServerOutputs(**values | changes)


def test_a_free_port_of_this_machine_is_found(context, judge):
    found = reserve(ReserveInputs(), context)

    assert (found.host, found.seed) == ("127.0.0.1", 7)
    assert Path(found.python).is_file()
    assert verdicts(judge("policy-server.free", found)) == ["pass", "pass"]
    with socket.create_server((found.host, found.port)):
        assert verdicts(judge("policy-server.free", found)) == ["pass", "fail"]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "localhost"])
def test_any_other_host_is_refused_before_anything_runs(context, host):
    with pytest.raises(InputError):
        ReserveInputs(host=host).preflight(context.project)


@pytest.mark.parametrize(
    ("listens", "found"),
    [
        (["127.0.0.1:8080"], ["pass"]),
        (["::1:8080"], ["pass"]),
        (["0.0.0.0:8080"], ["fail"]),
        (["127.0.0.1:8080", "10.0.0.4:8080"], ["pass", "fail"]),
        ([], ["not-available"]),
    ],
)
def test_where_the_server_really_listens_is_judged(judge, listens, found):
    assert verdicts(judge("policy-server.loopback", driven(listens=listens))) == found


def test_success_through_the_server_has_a_minimum(judge):
    assert verdicts(judge("policy-server.driven", driven())) == ["pass"]
    assert verdicts(judge("policy-server.driven", driven(), minimum=0.5)) == ["fail"]


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "pass"),
        ({"largest": 0.02}, "fail"),
        ({"largest": float("nan")}, "fail"),
        ({"compared": 0}, "not-available"),
    ],
)
def test_other_actions_than_by_local_inference_fail(judge, changes, verdict):
    assert verdicts(judge("policy-server.equal", compared(**changes))) == [verdict]


def test_intervals_that_do_not_overlap_warn(judge):
    assert verdicts(judge("policy-server.agrees", compared())) == ["pass"]
    assert verdicts(judge("policy-server.agrees", compared(served=[result(0)], local=[result(12)]))) == ["warn"]


@pytest.fixture
def arms(trained, tmp_path, context):
    root = Path(shutil.copytree(trained, tmp_path / "arms", symlinks=True))
    return replace(context, project=Project(root))


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_chunks_are_computed_again_from_what_was_sent(arms, shift):
    checkpoint = choose(find_training(arms.project), "last").path
    image = np.zeros((96, 96, 3), dtype=np.uint8)
    seen = Observation(np.zeros(6, dtype=np.float32), {"wrist": image, "overhead": image}, "Touch.")
    whole = CheckpointPolicy.load(checkpoint, seed=arms.seed)(seen)
    chunk = whole[:10] + np.float32(shift)  # what the arm executes of it
    file = arms.project.root / "exchanges.npz"
    np.savez(
        file, state=seen.state[None], wrist=image[None], overhead=image[None], chunk=chunk[None], sentence=["Touch."]
    )

    found = compare(
        CompareServerInputs(checkpoint=checkpoint, exchanges=file, local=[result(1)], served=[result(2)]), arms
    )

    assert (found.compared, found.actions) == (1, len(chunk))
    assert found.largest == pytest.approx(shift, abs=1e-5)


@pytest.mark.slow  # LeRobot's client takes 10 s to import
def test_a_server_that_is_not_there_is_told(arms, monkeypatch):
    checkpoint = choose(find_training(arms.project), "last").path
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    inputs = DriveInputs(
        checkpoint=checkpoint, host="127.0.0.1", port=port, server=os.getpid(), tasks=("touch-far",), episodes=1
    )

    with pytest.raises(CommandError, match="does not answer"):
        drive(inputs, arms)
