"""A small run with one event of each kind."""

from datetime import UTC, datetime

import pytest

from zk0.core.git import GitState
from zk0.ledger import (
    Aggregation,
    ClientData,
    Evaluation,
    Ledger,
    Reply,
    Resources,
    RolloutResult,
    RunClosed,
    RunOpened,
    Setting,
    Training,
)
from zk0.ledger.schema import Event

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def events() -> tuple[Event, ...]:
    """One client, one round, and what came of it; the client's name is no ASCII."""
    client = "Zürich-机器人"
    return (
        RunOpened(
            seed=7,
            configuration={"rounds": Setting(value=1, source="run-config")},
            git=GitState(commit="f" * 40, branch="main", dirty=False),
            versions={"zk0": "0"},
            clients=[
                ClientData(
                    client=client,
                    partition=0,
                    dataset="left",
                    digest="d" * 16,
                    episodes=4,
                    training_frames=90,
                    held_out_episodes=[3],
                    fps=10.0,
                    robot_type=None,
                    tasks=["Pick up the red cylinder."],
                    cameras=["wrist"],
                    state_range=[(-90.0, 90.0)] * 6,
                )
            ],
            parameters=1000,
            trainable=100,
            tensors=3,
            frozen_digest="e" * 16,
            statistics_digest="c" * 16,
            resources=Resources(at=NOON),
        ),
        Evaluation(round=0, dataset="left", role="held-out", loss=1.5, frames=30, digest="a"),
        Training(
            round=1,
            client=client,
            partition=0,
            steps=2,
            batch_size=8,
            examples=90,
            settings={"proximal-mu": 0.01, "seed": 7},
            policy_loss=[1.5, 1.25],
            proximal_loss=[0.0, 0.125],
            total_loss=[1.5, 1.375],
            gradient_norm=[2.0, 1.0],
            proximal_ratio=[0.0, 0.5],
            learning_rate=[1e-3, 1e-4],
            drift=[0.0, 5.0],
            update_norm={"expert": 5.0},
            digest_in="a",
            digest_out="b",
            resources=Resources(seconds=2.5, peak_memory=2**30, at=NOON),
        ),
        Aggregation(
            round=1,
            sampled=[client],
            accepted=[Reply(client=client, weight=1.0, digest="b")],
            rejected=[],
            digest_in="a",
            digest_out="b",
            update_norm=5.0,
            resources=Resources(seconds=3.0),
        ),
        Evaluation(
            round=1, dataset="left", role="held-out", loss=0.75, frames=30, digest="b", resources=Resources(seconds=1.0)
        ),
        RolloutResult(
            round=1, dataset="left", task="lift-left", episodes=20, successes=5, low=0.11, high=0.47, digest="b"
        ),
        RunClosed(outcome="done", rounds=1, resources=Resources(seconds=9.0, at=NOON)),
    )


@pytest.fixture(scope="session")
def ledger(events: tuple[Event, ...]) -> Ledger:
    return Ledger(events)
