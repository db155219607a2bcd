import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zk0.core.errors import UnknownNameError
from zk0.simulator.tasks import CLIENT_TASKS, EPISODES_APART, UNSEEN_TASK, episode_seed, task

tasks = st.sampled_from(CLIENT_TASKS)
seeds = st.integers(0, 2**32)
indices = st.integers(0, EPISODES_APART - 1)


def test_importing_the_simulator_imports_nothing_heavy() -> None:
    heavy = "mujoco lerobot torch gymnasium so101_nexus scipy av"
    program = (
        f"import sys, zk0.simulator.recorder, zk0.simulator.rollout; print(*set(sys.modules) & set({heavy.split()}))"
    )

    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == ""


def test_an_unknown_task_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(UnknownNameError, match="lift-lefft") as caught:
        task("lift-lefft")

    assert caught.value.remedy is not None
    assert caught.value.remedy.startswith("name one of: lift-left")


def test_a_task_like_no_other_is_answered_with_all_names() -> None:
    with pytest.raises(UnknownNameError) as caught:
        task("xyz")

    assert all(name in str(caught.value.remedy) for name in (*CLIENT_TASKS, UNSEEN_TASK))


def test_clients_differ_in_verb_place_and_object() -> None:
    clients = [task(name) for name in CLIENT_TASKS]

    assert {client.verb for client in clients} == {"lift", "place", "touch"}
    assert len({client.spawn_centre for client in clients}) == len(clients) >= 4
    assert len({client.colour for client in clients}) == len(clients)
    assert len({client.sentence for client in clients}) == len(clients)


def test_the_unseen_task_is_no_client_s_in_sentence_or_place() -> None:
    unseen = task(UNSEEN_TASK)

    for client in map(task, CLIENT_TASKS):
        assert unseen.sentence != client.sentence
        assert unseen.spawn_centre != client.spawn_centre
        assert (unseen.shape, unseen.colour) != (client.shape, client.colour)


@pytest.mark.parametrize("name", [*CLIENT_TASKS, UNSEEN_TASK])
def test_names_are_kebab_case_and_frames_come_ten_times_a_second(name: str) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
    assert task(name).name == name
    assert task(name).rate == 10


@given(tasks, seeds, indices, tasks, seeds, indices)
def test_no_rollout_begins_like_a_recording(
    recorded: str, seed: int, index: int, rolled: str, other_seed: int, other_index: int
) -> None:
    recording = episode_seed(recorded, seed, index, "recording")
    assert recording >= 0
    assert recording != episode_seed(rolled, other_seed, other_index, "rollout")


@given(tasks, seeds, indices, seeds, indices)
def test_episodes_of_a_task_share_a_seed_only_with_themselves(
    name: str, seed: int, index: int, other_seed: int, other_index: int
) -> None:
    same = episode_seed(name, seed, index, "rollout") == episode_seed(name, other_seed, other_index, "rollout")
    assert same == ((seed, index) == (other_seed, other_index))


def test_a_task_s_first_seed_is_the_same_everywhere() -> None:
    assert episode_seed("lift-left", 0, 0, "recording") == 2 * 100_000 * 0x895D3847  # CRC-32 of the name
