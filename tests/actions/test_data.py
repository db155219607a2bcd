"""Data sets are refused before anything is done, and judged by size and cameras."""

import pytest
from pydantic import ValidationError
from training.folders import write_dataset, write_json

from zk0.actions.data import PreparedSet, PrepareInputs, PrepareOutputs, prepare
from zk0.core.errors import ConfigurationError, DatasetError, UnknownNameError
from zk0.core.verdicts import Verdict

DEGREES = [(-90.0, 95.0)] * 5 + [(0.0, 100.0)]


def one(name="left", **fields):
    values = {
        "source": f"sim:{name}",
        "role": "client",
        "digest": "d",
        "episodes": 8,
        "training_episodes": 7,
        "frames": 240,
        "fps": 10.0,
        "robot_type": "so101_follower",
        "tasks": ["Pick it up."],
        "cameras": ["overhead", "wrist"],
        "state_range": DEGREES,
    }
    return PreparedSet(name=name, **values | fields)


def outputs(*sets):
    return PrepareOutputs(data="", unseen="", sets=list(sets), table=[])


def test_enough_episodes_pass_with_how_many_are_held_out(judge):
    client, unseen = judge("data.episodes", outputs(one(), one("far", role="unseen")))

    assert (client.at, client.verdict, client.message) == ("left", "pass", "8 episodes, 1 of them held out")
    assert (unseen.at, unseen.verdict, unseen.message) == ("far", "pass", "8 episodes, 8 of them held out")


def test_a_set_of_fewer_episodes_than_are_wanted_fails_alone(judge, numbers):
    good, short = judge("data.episodes", outputs(one(), one("right", episodes=4, training_episodes=3)), minimum=5)

    assert good.verdict is Verdict.passed
    assert (short.at, short.verdict, short.message) == ("right", "fail", "4 episodes, 5 wanted")
    assert numbers(short) == {"episodes": 4}


def test_sets_with_a_common_camera_pass(judge):
    [finding] = judge("data.features", outputs(one(), one("right", cameras=["wrist", "front"])))

    assert (finding.verdict, finding.message) == ("pass", "6 joints and cameras wrist everywhere")


def test_sets_without_a_common_camera_fail_with_what_each_has(judge):
    [finding] = judge("data.features", outputs(one(), one("right", cameras=["front"])))

    assert (finding.verdict, finding.message) == ("fail", "the data sets share no camera")
    assert [given.value for given in finding.evidence] == ["overhead, wrist", "front"]


def test_good_sources_are_let_through_and_a_hub_id_is_left_to_the_run(context, tmp_path):
    folder = write_dataset(tmp_path / "kitchen")
    inputs = PrepareInputs(data=f"sim:lift-left;{folder};lerobot/pusht", unseen="sim:place-far")

    assert inputs.preflight(context.project) is None


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        ("sim:lift-lefd", UnknownNameError, "there is no task named 'lift-lefd'"),
        ("/absent/kitchen", DatasetError, "there is no data set at /absent/kitchen"),
        ("./absent", DatasetError, "there is no data set at .*/absent"),
        ("a=sim:lift-left;a=sim:lift-right", ConfigurationError, "two clients have one name"),
        ("", ConfigurationError, "data names no data set"),
    ],
)
def test_sources_that_can_t_work_are_refused_before_the_run(context, data, error, words):
    with pytest.raises(error, match=words):
        PrepareInputs(data=data).preflight(context.project)


def test_an_unseen_source_that_can_t_work_is_refused_too(context):
    with pytest.raises(UnknownNameError):
        PrepareInputs(data="sim:lift-left", unseen="sim:nothing").preflight(context.project)


def test_an_old_data_set_is_refused_before_the_run(context, tmp_path):
    write_json(tmp_path / "old" / "meta" / "info.json", {"codebase_version": "v2.1"})

    with pytest.raises(DatasetError, match=r"is a LeRobot v2\.1 data set"):
        PrepareInputs(data=str(tmp_path / "old")).preflight(context.project)


def test_a_folder_that_lacks_a_camera_is_refused_before_the_run(context, tmp_path):
    folder = write_dataset(tmp_path / "kitchen", cameras=("wrist",))

    with pytest.raises(DatasetError, match="camera overhead is missing"):
        PrepareInputs(data=str(folder)).preflight(context.project)


@pytest.mark.parametrize("value", [{"episodes": 1}, {"held_out": 0}, {"held_out": 1}, {"pictures": 3}])
def test_inputs_out_of_bounds_are_refused(value):
    with pytest.raises(ValidationError):
        PrepareInputs(data="sim:lift-left", **value)


def test_a_relative_folder_is_below_the_project_wherever_the_command_was_given(context, monkeypatch, tmp_path):
    folder = write_dataset(context.project.root / "data" / "left", episodes=4)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    found = prepare(PrepareInputs(data="data/left;mine=data/left/../left", episodes=4), context)

    assert found.data == f"{folder};mine={folder}"
    assert found.unseen == ""


def test_folders_are_prepared_clients_first_and_the_unseen_one_last(context, told, tmp_path):
    left, far = (write_dataset(tmp_path / name, episodes=4) for name in ("left", "far"))

    found = prepare(PrepareInputs(data=f"ours={left}", unseen=str(far), episodes=4, held_out=0.25), context)

    assert [(each.name, each.role, each.training_episodes) for each in found.sets] == [
        ("ours", "client", 3),
        ("far", "unseen", 3),
    ]
    assert found.table == [
        ["data set", "for", "episodes", "frames", "fps", "task"],
        ["ours", "client", "4", "8", "10", "Pick up the red cylinder."],
        ["far", "unseen", "4", "8", "10", "Pick up the red cylinder."],
    ]
    assert told == [(4, 8, "ours"), (8, 8, "far")]
