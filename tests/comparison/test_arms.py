"""Every arm makes the same number of steps, and differs from the others by what its name says."""

import pytest

from zk0.comparison import arms
from zk0.comparison.arms import ARMS, PlannedTraining, _settings, plan_trainings, train
from zk0.federation.configuration import Client, resolve
from zk0.training.parameters import digest_of
from zk0.training.policy import load_policy

CONFIG = resolve({"data": "sim:lift-left;sim:touch-far", "unseen": ""})


def test_local_arms_have_a_policy_for_each_client_and_seed_and_references_have_none():
    planned = plan_trainings(ARMS, [3, 4], CONFIG)

    names = [one.name for one in planned]
    assert len(names) == len(set(names)) == 4 * 2 + 2 * 2
    assert "local-only-touch-far-seed-4" in names
    assert not any(one.arm in ("expert", "blind-replay") for one in planned)
    assert plan_trainings(["expert", "fedavg"], [0], CONFIG) == [PlannedTraining("fedavg", 0)]


@pytest.mark.parametrize(
    ("arm", "strategy", "momentum"), [("fedavg", "fedavg", 0), ("fedprox", "fedprox", 0), ("fedavgm", "fedavg", 0.5)]
)
def test_a_federated_arm_differs_by_its_strategy_alone(arm, strategy, momentum):
    found = _settings(PlannedTraining(arm, 2), {"server-momentum": 0.5, "strategy": "fedprox", "adaptive-mu": True})

    assert found == {"seed": 2, "strategy": strategy, "adaptive-mu": False, "server-momentum": momentum}


def test_each_kind_of_arm_is_trained_and_measured(run_config, recordings, tmp_path):
    values = run_config(data=";".join(f"{name}={path}" for name, path in recordings.items()), rounds=1, local_steps=2)
    own = Client(1, "touch-far", str(recordings["touch-far"]))

    pooled, local, federated = (
        train(one, values, tmp_path / one.name, 5)
        for one in (
            PlannedTraining("centralised", 0),
            PlannedTraining("local-only", 0, own),
            PlannedTraining("fedprox", 0),
        )
    )

    assert [one.steps for one in (pooled, local, federated)] == [4, 2, 4]
    assert [one.client for one in (pooled, local, federated)] == [None, "touch-far", None]
    for one in (pooled, local, federated):
        assert set(one.losses) == set(one.errors) == set(recordings)
        assert all(value > 0 for value in (*one.losses.values(), *one.errors.values()))
    assert len({digest_of(load_policy(one.checkpoint).state_dict()) for one in (pooled, local, federated)}) == 3
    assert [path.name for path in (tmp_path / "fedprox-seed-0" / "checkpoints").iterdir()] == ["round-001"]


def test_the_time_that_is_left_counts_from_the_start_of_the_first_policy(monkeypatch, tmp_path):
    said = []
    monkeypatch.setattr(
        arms, "perform", lambda calls, preload, finished: [finished(done + 1) for done, _ in enumerate(calls)]
    )

    arms.train_all(
        [PlannedTraining("fedavg", 0), PlannedTraining("fedavg", 1)],
        {},
        tmp_path,
        actions=1,
        observe=lambda done, total, note: said.append((done, total)),
    )

    assert said == [(0, 2), (1, 2), (2, 2)]
