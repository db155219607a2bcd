"""What went through the server is noted: each chunk with the observation it answers, and the time between them."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import torch

from zk0.serving.client import KEPT, DriveRequest, Exchanges, _stop_when_over
from zk0.simulator.units import FEATURE_NAMES


def observation(number, value=0.0):
    images = {name: np.full((4, 4, 3), number, dtype=np.uint8) for name in ("wrist", "overhead")}
    raw = {**dict.fromkeys(FEATURE_NAMES, value), **images, "task": "Touch."}
    return SimpleNamespace(get_timestep=lambda: number, get_observation=lambda: raw)


def chunk(number, value):
    return [SimpleNamespace(get_timestep=lambda: number, get_action=lambda: torch.full((6,), value)) for _ in range(10)]


def test_a_chunk_is_noted_with_the_first_observation_of_its_number(tmp_path):
    exchanges = Exchanges()
    exchanges.begin("touch-far")
    exchanges.send(observation(0, value=1.0))
    exchanges.send(observation(0, value=2.0))  # LeRobot's client repeats itself while it waits
    exchanges.receive(chunk(0, 5.0))
    exchanges.receive(chunk(0, 6.0))  # an answer to the repetition
    exchanges.receive(chunk(9, 7.0))  # to nothing that was sent
    exchanges.receive([])

    exchanges.save(tmp_path / "exchanges.npz")

    with np.load(tmp_path / "exchanges.npz") as found:
        assert found["chunk"].shape == (1, 10, 6)
        assert found["state"].tolist() == [[1.0] * 6]
        assert found["wrist"].shape == (1, 4, 4, 3)
        assert found["sentence"].tolist() == ["Touch."]
    assert len(exchanges.latencies) == 1


def test_a_task_keeps_so_many_and_an_episode_its_own_times():
    exchanges = Exchanges()
    for name in ("touch-far", "lift-left"):
        exchanges.begin(name)
        for number in range(KEPT + 5):
            exchanges.send(observation(number))
            exchanges.receive(chunk(number, 0.0))

    assert len(exchanges.rows) == 2 * KEPT
    assert len(exchanges.latencies) == KEPT + 5


def test_the_request_is_a_file(tmp_path):
    (tmp_path / "drive.json").write_text(
        '{"address": "127.0.0.1:1", "checkpoint": "/c", "tasks": ["lift-left"], "episodes": 1, "seed": 0, '
        '"rate": 10, "chunk": 10, "threshold": 0.0, "device": "cpu"}'
    )

    assert DriveRequest.read(tmp_path / "drive.json").tasks == ["lift-left"]


def test_a_server_that_falls_silent_ends_the_episode_and_one_that_answers_does_not():
    client, over, exchanges = SimpleNamespace(shutdown_event=threading.Event()), threading.Event(), Exchanges()
    exchanges.begin("touch-far")
    watch = threading.Thread(target=_stop_when_over, args=(client, over, exchanges, 0.6))
    watch.start()
    for number in range(10):  # a second of answers
        exchanges.send(observation(number))
        exchanges.receive(chunk(number, 0.0))
        time.sleep(0.1)
    assert not client.shutdown_event.is_set()

    watch.join(5)

    assert client.shutdown_event.is_set()
    assert not over.is_set()
