import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.context import ForkServerContext
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from threading import RLock
from time import sleep
from typing import Any

import numpy as np
import pytest
from tqdm import tqdm  # type: ignore[import-untyped]

from zk0.core.errors import DependencyMissingError, RecordingError
from zk0.simulator import recorder as recorder_module
from zk0.simulator.recorder import cached_recording, record
from zk0.simulator.tasks import Task, task

Load = Callable[[Path], Any]
PATIENCE = 120  # seconds; importing LeRobot takes 10 to 30


def content(data: Any) -> str:
    """Digest all states, actions and decoded pixels."""
    digest = hashlib.sha256()
    for index in range(len(data)):
        for key in ("observation.state", "action", "observation.images.wrist", "observation.images.overhead"):
            digest.update(data[index][key].numpy().tobytes())
    return digest.hexdigest()


def test_the_same_arguments_give_the_same_states_actions_and_pixels(
    lift: Task, recorded: Path, tmp_path: Path, load: Load
) -> None:
    again = record(lift, episodes=2, seed=0, root=tmp_path / "again")

    assert content(load(again)) == content(load(recorded))


def test_another_seed_gives_other_episodes_and_progress_is_told(
    lift: Task, recorded: Path, tmp_path: Path, load: Load
) -> None:
    told: list[tuple[int, int]] = []

    other = record(
        lift, episodes=2, seed=1, root=tmp_path / "other", image_size=64, progress=lambda *now: told.append(now)
    )

    assert told == [(1, 2), (2, 2)]
    ours, theirs = (np.stack(load(root).hf_dataset["action"]) for root in (recorded, other))
    assert np.abs(ours - theirs).max() > 1


def test_a_recording_tells_what_it_was_made_from(recorded: Path) -> None:
    recipe = json.loads((recorded / "recording.json").read_text())

    assert recipe["task"]["name"] == "lift-left"
    assert recipe["seed"] == 0
    assert set(recipe["packages"]) == {"so101-nexus", "mujoco", "lerobot"}


def test_recording_is_silent(lift: Task, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    record(lift, episodes=1, seed=2, root=tmp_path / "data", image_size=32)

    assert capfd.readouterr() == ("", "")


def test_an_impossible_task_is_given_up_with_numbers(lift: Task, tmp_path: Path) -> None:
    beyond_reach = replace(lift, name="lift-far", spawn_centre=(0.45, 0.0))

    with pytest.raises(RecordingError, match="solved lift-far in 0 of 6 tries; 2 successes were asked for"):
        record(beyond_reach, episodes=2, seed=0, root=tmp_path / "data", image_size=32)

    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_never_added_to(lift: Task, recorded: Path) -> None:
    with pytest.raises(RecordingError, match="exists already"):
        record(lift, episodes=1, seed=0, root=recorded)


def test_an_interrupt_leaves_nothing(lift: Task, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(lift, episodes=2, seed=0, root=tmp_path / "data", image_size=32, progress=interrupt)

    assert list(tmp_path.iterdir()) == []


def test_a_cached_recording_is_recorded_once(lift: Task, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    first, second = (
        cached_recording(
            lift, episodes=1, seed=3, cache=tmp_path, image_size=32, progress=lambda *now: told.append(now)
        )
        for _ in range(2)
    )

    assert first == second
    assert first.name.startswith("lift-left-1x32px-seed3-")
    assert told == [(1, 1)]


def test_a_missing_package_is_named_with_what_brings_it(
    lift: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "DECIDING_PACKAGES", ("so101-nonexistent",))

    with pytest.raises(DependencyMissingError, match="so101-nonexistent") as caught:
        cached_recording(lift, episodes=1, seed=0, cache=tmp_path)

    assert caught.value.remedy == "pip install 'zk0[simulator]'"


def test_whatever_decides_the_content_decides_the_folder(
    lift: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fake_record(task: Task, *, root: Path, **arguments: Any) -> None:
        root.mkdir()

    monkeypatch.setattr(recorder_module, "record", fake_record)
    ours: dict[str, Any] = {"episodes": 1, "seed": 0, "cache": tmp_path, "image_size": 32}
    names = {
        cached_recording(lift, **ours).name,
        cached_recording(lift, **{**ours, "episodes": 2}).name,
        cached_recording(lift, **{**ours, "seed": 1}).name,
        cached_recording(lift, **{**ours, "image_size": 64}).name,
        cached_recording(lift, **{**ours, "noise": 0.0}).name,
        cached_recording(replace(lift, spawn_radii=(0.0, 0.04)), **ours).name,
        cached_recording(task("lift-right"), **ours).name,
    }
    monkeypatch.setattr(recorder_module, "RECORDER_VERSION", 0)
    names.add(cached_recording(lift, **ours).name)
    monkeypatch.setattr(recorder_module, "version", lambda package: "another")
    names.add(cached_recording(lift, **ours).name)

    assert len(names) == 9


def test_a_killed_recording_leaves_nothing_that_is_reused(
    lift: Task,
    tmp_path: Path,
    processes: ForkServerContext,
    load: Load,
) -> None:
    one_is_kept = processes.Event()
    process = processes.Process(target=_record_and_stop_after_one, args=(lift, tmp_path, one_is_kept))
    process.start()
    assert one_is_kept.wait(PATIENCE)
    process.kill()
    process.join(PATIENCE)
    left = [path.name for path in tmp_path.iterdir()]

    root = cached_recording(lift, episodes=2, seed=0, cache=tmp_path, image_size=32)

    assert any(name.endswith(".partial") for name in left)
    assert root.name not in left
    assert len(load(root)) == 60
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == [root.name]


def test_of_two_processes_at_once_one_records_and_both_get_the_data_set(
    lift: Task,
    tmp_path: Path,
    processes: ForkServerContext,
    load: Load,
) -> None:
    answers: Queue[tuple[Path, int]] = processes.Queue()
    racers = [processes.Process(target=_record, args=(lift, tmp_path, answers)) for _ in range(2)]
    for racer in racers:
        racer.start()
    roots, recordings = zip(*(answers.get(timeout=PATIENCE) for _ in racers), strict=True)
    for racer in racers:
        racer.join(PATIENCE)

    assert sum(recordings) == 1
    assert roots[0] == roots[1]
    assert len(load(roots[0])) == 30


def _record_and_stop_after_one(task: Task, cache: Path, one_is_kept: Event) -> None:
    tqdm.set_lock(RLock())  # its own is a semaphore of the system, which a killed process can't give back

    def stop(done: int, total: int) -> None:
        one_is_kept.set()
        sleep(PATIENCE)

    cached_recording(task, episodes=2, seed=0, cache=cache, image_size=32, progress=stop)


def _record(task: Task, cache: Path, answers: "Queue[tuple[Path, int]]") -> None:
    told: list[int] = []
    root = cached_recording(
        task, episodes=1, seed=0, cache=cache, image_size=32, progress=lambda done, total: told.append(done)
    )
    answers.put((root, len(told)))
