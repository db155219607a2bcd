"""A data set is described as it is, or refused with what is wrong, where, and what to do."""

import json
import math
import shutil
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from training.folders import STATE, info, write_dataset, write_json, write_table
from zk0.core.errors import DatasetError
from zk0.training.dataset_inspection import DatasetDescription, describe


@pytest.fixture
def root(tmp_path):
    return write_dataset(tmp_path / "left")


def rewrite(path, change):
    content = json.loads(path.read_text())
    change(content)
    write_json(path, content)


def refusal(root, **wanted):
    with pytest.raises(DatasetError) as raised:
        describe(root, **wanted)
    return raised.value


def described(episodes):
    """Return a description of which only the number of episodes matters."""
    return DatasetDescription(None, "left", 10.0, None, episodes, 2 * episodes, (), {}, (), "")


def test_a_data_set_is_described_by_what_its_metadata_say(root):
    found = describe(root)

    assert (found.root, found.name, found.fps, found.robot_type) == (root, "left", 10.0, "so101_follower")
    assert (found.episodes, found.frames) == (3, 6)
    assert found.tasks == ("Pick up the red cylinder.", "Touch the purple cube.")
    assert found.cameras == {"wrist": (96, 128), "overhead": (96, 128)}
    assert found.state_range == tuple((value, value + 1) for value in STATE)
    assert len(found.digest) == 16


def test_a_data_set_can_be_called_otherwise_and_asked_for_its_cameras(root):
    found = describe(root, name="kitchen", cameras=["wrist"])

    assert found.name == "kitchen"


def test_the_statistics_of_each_episode_are_read_in_order(root):
    found = describe(root).episode_statistics(["action"], ["mean"])

    assert [one["action"]["mean"][0] for one in found] == [0.0, 1.0, 2.0]


def test_v2_1_is_refused_with_the_command_that_converts_it(root):
    rewrite(root / "meta" / "info.json", lambda content: content.update(codebase_version="v2.1"))

    error = refusal(root)

    assert error.message == f"{root} is a LeRobot v2.1 data set; zk0 reads v3.0"
    assert error.remedy == f"python -m lerobot.scripts.convert_dataset_v21_to_v30 --repo-id=left --root={root}"


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    error = refusal(tmp_path / "absent")

    assert error.message == f"there is no data set at {tmp_path / 'absent'}"
    assert error.remedy == "give the folder that holds meta/info.json"


def test_a_folder_of_something_else_is_refused(tmp_path):
    assert refusal(tmp_path).message == f"{tmp_path} is not a LeRobot data set: it has no meta/info.json"


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "left").touch()

    assert refusal(tmp_path / "left").message.startswith("there is no data set at")


@pytest.mark.parametrize("broken", ["info.json", "stats.json"])
@pytest.mark.parametrize("text", ["", '{"fps": 10', "[]", "\udcff"], ids=["empty", "cut off", "a list", "no UTF-8"])
def test_broken_json_is_named_with_its_file(root, broken, text):
    (root / "meta" / broken).write_text(text, errors="surrogateescape")

    error = refusal(root)

    assert str(root / "meta" / broken) in error.message
    assert error.remedy == "fetch the data set again, or record again"


@pytest.mark.parametrize("key", ["fps", "total_episodes", "total_frames", "features"])
def test_an_info_that_lacks_a_key_is_refused_with_it(root, key):
    rewrite(root / "meta" / "info.json", lambda content: content.pop(key))

    assert refusal(root).message == f"{root / 'meta' / 'info.json'}: {key}: Field required"


def test_a_data_set_without_statistics_is_refused(root):
    (root / "meta" / "stats.json").unlink()

    assert f"{root / 'meta' / 'stats.json'} can't be read" in refusal(root).message


def test_a_state_that_is_not_finite_is_refused_with_its_joint(root):
    rewrite(root / "meta" / "stats.json", lambda content: content["observation.state"]["max"].__setitem__(2, math.nan))

    message = refusal(root).message

    assert message == f"{root / 'meta' / 'stats.json'}: observation.state.max.2: Input should be a finite number"


@pytest.mark.parametrize("key", ["observation.state", "action"])
def test_other_joints_are_refused_with_their_names(root, key):
    names = ["main_shoulder_pan", "main_gripper"]
    rewrite(root / "meta" / "info.json", lambda content: content["features"][key].update(names=names))

    error = refusal(root)

    assert f"{key} holds main_shoulder_pan, main_gripper; an SO-100/SO-101 arm has shoulder_pan.pos" in error.message
    assert "lerobot-edit-dataset" in error.remedy


def test_a_data_set_without_actions_is_refused(root):
    rewrite(root / "meta" / "info.json", lambda content: content["features"].pop("action"))

    assert "action holds nothing" in refusal(root).message


def test_a_missing_camera_is_named_with_those_there_are(root):
    error = refusal(root, cameras=["wrist", "front"])

    assert error.message == f"{root}: camera front is missing; it has wrist, overhead"
    assert error.remedy.endswith("-i cameras=wrist,overhead")


def test_a_data_set_without_cameras_is_refused(tmp_path):
    root = write_dataset(tmp_path / "blind", cameras=())

    assert refusal(root).message == f"{root}: camera any is missing; it has none"


def test_a_missing_video_is_named_with_how_to_fetch_it(root):
    (root / "videos" / "observation.images.wrist" / "chunk-000" / "file-000.mp4").unlink()

    error = refusal(root)

    assert "1 of 2 video files are missing or empty" in error.message
    assert error.message.endswith("e.g. videos/observation.images.wrist/chunk-000/file-000.mp4")
    assert "git lfs pull" in error.remedy


def test_empty_videos_are_missing_too(root):
    for video in root.rglob("*.mp4"):
        video.write_bytes(b"")

    assert "2 of 2 video files are missing or empty" in refusal(root).message


@pytest.mark.parametrize("folder", ["data", "meta/episodes"])
def test_a_table_whose_recorder_was_killed_is_named(root, folder):
    path = root / folder / "chunk-000" / "file-000.parquet"
    path.write_bytes(path.read_bytes()[:-8])  # the footer's length and the magic number

    error = refusal(root)

    assert error.message.startswith(f"{path} can't be read: ")
    assert "dataset.finalize()" in error.remedy


@pytest.mark.parametrize("folder", ["data", "meta/episodes"])
def test_missing_tables_are_named(root, folder):
    shutil.rmtree(root / folder)

    error = refusal(root)

    assert (error.message, error.remedy) == (f"{root} has no {folder}/*/*.parquet", "fetch the whole data set")


def test_one_episode_is_too_few(tmp_path):
    error = refusal(write_dataset(tmp_path / "short", episodes=1))

    assert error.message.endswith("has 1 episodes; zk0 needs 2, one of them to hold out")


@pytest.mark.parametrize(
    ("key", "words"),
    [("total_episodes", "4 episodes and meta/episodes has 3"), ("total_frames", "4 frames and data has 6")],
)
def test_counts_that_differ_are_refused_with_both(root, key, words):
    rewrite(root / "meta" / "info.json", lambda content: content.update({key: 4}))

    error = refusal(root)

    assert error.message == f"{root}: meta/info.json counts {words}"
    assert "dataset.finalize()" in error.remedy


def test_a_data_set_of_several_files_is_read_whole(root):
    write_json(root / "meta" / "info.json", info(3, ("wrist", "overhead")) | {"total_frames": 8})
    write_table(root / "data", [{"observation.state": STATE, "episode_index": 2}] * 2, file=1)

    assert describe(root).frames == 8


@given(st.integers(2, 1000), st.integers(1, 99))
@example(100, 7)  # 7.000000000000001 as a product of floats
@example(2, 99)
def test_at_least_one_episode_is_held_out_and_at_most_all_but_one(episodes, percent):
    training = described(episodes).training_episodes(percent / 100)
    held_out = described(episodes).held_out_episodes(percent / 100)

    assert training + held_out == list(range(episodes))
    assert len(held_out) == min(math.ceil(Fraction(percent, 100) * episodes), episodes - 1)
    assert training
    assert held_out


def test_the_digest_is_that_of_the_content_and_not_of_the_folder(root, tmp_path):
    moved = shutil.copytree(root, tmp_path / "elsewhere" / "right")

    assert describe(moved).digest == describe(root).digest


def test_another_state_makes_another_digest(root, tmp_path):
    other = write_dataset(tmp_path / "other", state=[*STATE[:5], 5.5])

    assert describe(other).digest != describe(root).digest


@pytest.mark.parametrize("hidden", [".git/index", ".cache/huggingface/download/meta.json.metadata", ".gitattributes"])
def test_what_git_or_the_hub_keep_beside_a_copy_does_not_change_its_digest(root, hidden):
    before = describe(root).digest
    (root / hidden).parent.mkdir(parents=True, exist_ok=True)
    (root / hidden).write_text("fetched at noon")

    assert describe(root).digest == before


def test_a_video_of_another_size_makes_another_digest(root):
    before = describe(root).digest
    next(root.rglob("*.mp4")).write_bytes(b"\0" * 101)

    assert describe(root).digest != before
