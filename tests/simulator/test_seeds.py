from hypothesis import given
from hypothesis import strategies as st

from zk0.simulator import CLIENT_TASKS
from zk0.simulator.seeds import EPISODES_APART, episode_seed

tasks = st.sampled_from(CLIENT_TASKS)
seeds = st.integers(0, 2**32)
indices = st.integers(0, EPISODES_APART - 1)


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
