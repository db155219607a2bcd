"""A source is a task, a folder or a hub id, and what can't be had is refused with what helps."""

import os

import pytest
from training.folders import write_dataset

from zk0.core.errors import AssetMissingError, DatasetError, UnknownNameError
from zk0.federation.sources import is_folder, locate


@pytest.fixture
def find(tmp_path):
    """Locate a source, with nothing in the cache."""

    def located(source, cameras=("wrist",)):
        return locate(source, name="left", episodes=2, seed=0, noise=3.0, cache=tmp_path / "cache", cameras=cameras)

    return located


def test_a_folder_is_described_under_the_client_s_name(find, tmp_path):
    root = write_dataset(tmp_path / "recorded")

    found = find(str(root))

    assert (found.root, found.name, found.episodes) == (root, "left", 3)


def test_a_folder_below_here_is_not_taken_for_a_hub_id(find, tmp_path, monkeypatch):
    write_dataset(tmp_path / "sets" / "left")
    monkeypatch.chdir(tmp_path)

    assert find("sets/left").episodes == 3


def test_a_folder_of_the_home_is_found(find, tmp_path, monkeypatch):
    write_dataset(tmp_path / "left")
    monkeypatch.setenv("HOME", str(tmp_path))

    assert find("~/left").root == tmp_path / "left"


def test_a_folder_without_the_camera_is_refused(find, tmp_path):
    with pytest.raises(DatasetError, match="camera front is missing"):
        find(str(write_dataset(tmp_path / "recorded")), cameras=("front",))


@pytest.mark.parametrize("source", ["/absent", "./absent", "../absent", "~/absent", "absent", "a/b/absent"])
def test_an_absent_folder_is_refused_without_asking_the_hub(find, source):
    assert is_folder(source)
    with pytest.raises(DatasetError, match=r"there is no data set at .*absent"):
        find(source)


@pytest.mark.skipif(os.environ.get("HF_HUB_OFFLINE") != "1", reason="would ask the hub")
@pytest.mark.parametrize("source", ["zk0-nobody/nothing", "owner/na me"])
def test_a_data_set_that_can_t_be_fetched_says_how_to_fetch_it(find, source):
    with pytest.raises(AssetMissingError) as raised:
        find(source)

    assert raised.value.message.startswith(f"{source} is neither ")
    assert "\n" not in raised.value.message
    assert raised.value.remedy.endswith(f"hf download --repo-type dataset {source}")


def test_an_unknown_task_is_answered_with_the_nearest_and_nothing_is_recorded(find, tmp_path):
    with pytest.raises(UnknownNameError, match="there is no task named 'lift-lefd'") as raised:
        find("sim:lift-lefd")

    assert "lift-left" in raised.value.remedy
    assert not (tmp_path / "cache").exists()
