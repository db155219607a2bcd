"""Recordings made side by side are those made one after the other."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from zk0.core.errors import RecordingError
from zk0.core.process_marks import ON_LINUX
from zk0.core.worker_pool import CallOutcome
from zk0.simulator import recording_pool
from zk0.simulator.recorder import cached_recording
from zk0.simulator.recording_pool import record_missing
from zk0.simulator.tasks import task

NAMES = ("lift-left", "touch-far")
pytestmark = pytest.mark.skipif(not ON_LINUX, reason="workers exist on Linux alone")


@pytest.mark.slow
def test_side_by_side_they_are_the_same_bytes_and_tell_of_each_episode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZK0_WORKERS", "2")
    told: list[tuple[str, int]] = []

    record_missing(
        {task(name): 2 for name in NAMES},
        seed=0,
        noise=3.0,
        cache=tmp_path,
        progress=lambda *now: told.append(now),
    )
    one = cached_recording(task("touch-far"), episodes=2, seed=0, cache=tmp_path / "alone")

    other = tmp_path / one.name
    files = [path.relative_to(one) for path in one.rglob("*") if path.suffix in (".mp4", ".parquet")]
    assert len(files) > 3
    assert all((one / file).read_bytes() == (other / file).read_bytes() for file in files)
    assert sorted(told) == [(name, done) for name in NAMES for done in (1, 2)]


def test_one_alone_needs_no_other_process_and_none_is_recorded_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZK0_WORKERS", "2")
    monkeypatch.setattr(recording_pool, "pool_of", None)

    record_missing({task("lift-left"): 2}, seed=0, noise=3.0, cache=tmp_path, progress=lambda *_: None)

    assert not list(tmp_path.iterdir())


def test_an_error_of_one_recording_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = RecordingError("the expert solved lift-left in 0 of 4 tries")
    pool = SimpleNamespace(run=lambda *_: [CallOutcome(None), CallOutcome(error=failed)])
    monkeypatch.setenv("ZK0_WORKERS", "2")
    monkeypatch.setattr(recording_pool, "pool_of", lambda *_: nullcontext(pool))

    with pytest.raises(RecordingError, match="solved lift-left in 0 of 4 tries"):
        record_missing({task(name): 1 for name in NAMES}, seed=0, noise=3.0, cache=tmp_path, progress=lambda *_: None)
