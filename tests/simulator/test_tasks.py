import re
import subprocess
import sys

import pytest

from zk0.core.errors import UnknownNameError
from zk0.simulator import CLIENT_TASKS, UNSEEN_TASK, task


def test_importing_the_simulator_imports_nothing_heavy() -> None:
    heavy = "mujoco lerobot torch gymnasium so101_nexus scipy av"
    program = f"import sys, zk0.simulator; print(*set(sys.modules) & set({heavy.split()}))"

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
