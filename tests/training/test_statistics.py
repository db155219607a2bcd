import numpy as np
import pytest

from zk0.training.statistics import KEYS, merged_statistics, statistics_digest, to_plain, training_statistics

FEATURES = ("observation.state", "action")


def test_the_statistics_are_those_of_the_training_frames_alone(dataset, frames):
    found = training_statistics(dataset, [0, 1])
    [batch] = frames.batches([list(range(len(frames)))])
    state = batch.data["observation.state"].double().numpy()

    np.testing.assert_allclose(found["observation.state"]["mean"], state.mean(0), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found["observation.state"]["std"], state.std(0), rtol=1e-3, atol=1e-3)
    assert found["action"]["count"].item() == len(frames)


def test_a_held_out_episode_does_not_change_them(dataset):
    without, with_it = training_statistics(dataset, [0, 1]), training_statistics(dataset, [0, 1, 2])

    assert statistics_digest(without) != statistics_digest(with_it)


def test_merging_clients_is_as_if_their_frames_were_one_data_set(dataset):
    parts = [training_statistics(dataset, [0]), training_statistics(dataset, [1, 2])]

    merged, whole = merged_statistics(parts), training_statistics(dataset, [0, 1, 2])

    for feature in FEATURES:
        for key in KEYS:
            assert merged[feature][key] == pytest.approx(whole[feature][key], rel=1e-9, abs=1e-9)


def test_relative_actions_are_those_that_the_policy_is_trained_on(dataset, frames):
    horizon = 4
    found = training_statistics(dataset, [0, 1], relative_over=horizon)["action"]
    [batch] = frames.batches([list(range(len(frames)))])
    action, state = batch.data["action"][:, :horizon].double(), batch.data["observation.state"][:, None].double()
    way = action - state
    way[..., -1] = action[..., -1]  # the gripper's are as they were
    way = way[~batch.data["action_is_pad"][:, :horizon]].numpy()

    assert found["count"].item() == len(way)
    np.testing.assert_allclose(found["mean"], way.mean(0), atol=1e-4)
    np.testing.assert_allclose(found["std"], way.std(0), atol=1e-4)
    np.testing.assert_allclose([found["min"], found["max"]], [way.min(0), way.max(0)], atol=1e-4)


def test_what_was_sent_as_lists_is_merged_alike(dataset):
    found = training_statistics(dataset, [0])

    assert statistics_digest(merged_statistics([to_plain(found)])) == statistics_digest(merged_statistics([found]))


def test_the_statistics_of_a_whole_data_set_are_lerobots(dataset):
    import json

    theirs = json.loads((dataset.root / "meta" / "stats.json").read_text())
    ours = training_statistics(dataset, list(range(dataset.episodes)))

    assert ours["action"]["mean"] == pytest.approx(np.array(theirs["action"]["mean"]), rel=1e-6)
