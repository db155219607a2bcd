"""Functions called side by side: in order, with their errors, and never left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zk0.core.errors import CommandError, ConfigurationError, DatasetError
from zk0.core.process_marks import ON_LINUX
from zk0.core.process_tree import process_entry
from zk0.core.worker_pool import WorkerCall, WorkerPool, cores, most_workers, perform, pool_of

from . import worker_samples as samples

pytestmark = pytest.mark.skipif(not ON_LINUX, reason="workers exist on Linux alone")
SECONDS = 30.0  # how long a program may take to start or to be gone on a busy machine


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with pool_of(2, [samples.__name__]) as made:
        yield made


def gone(pid: int) -> bool:
    entry = process_entry(pid)
    return entry is None or entry.is_zombie


def until(condition: Callable[[], bool]) -> bool:
    """Return whether something becomes true in time."""
    deadline = time.monotonic() + SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def test_results_come_in_the_order_asked_from_at_most_so_many_processes(pool: WorkerPool) -> None:
    found = [outcome.get() for outcome in pool.run([WorkerCall(samples.square, (number,)) for number in range(6)])]

    assert [value for value, _ in found] == [0, 1, 4, 9, 16, 25]
    assert len({process for _, process in found}) == 2
    assert os.getpid() not in {process for _, process in found}


def test_a_task_goes_to_the_worker_that_served_its_like_before(pool: WorkerPool) -> None:
    tasks = [WorkerCall(samples.square, (number,), affinity=number) for number in (3, 4)]

    rounds = [[outcome.get()[1] for outcome in pool.run(order)] for order in (tasks, tasks, tasks[::-1])]

    assert rounds[0] == rounds[1] == rounds[2][::-1]


def test_notes_arrive_while_it_works(pool: WorkerPool) -> None:
    heard: list[tuple[str, int]] = []

    pool.run(
        [WorkerCall(samples.speak, ("a",)), WorkerCall(samples.speak, ("b",))], lambda *values: heard.append(values)
    )

    assert sorted(heard) == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]


def test_an_error_is_raised_here_with_its_remedy(pool: WorkerPool) -> None:
    ours, odd, fine = pool.run(
        [WorkerCall(samples.fail, ("ours",)), WorkerCall(samples.fail, ("odd",)), WorkerCall(samples.square, (3,))]
    )

    with pytest.raises(DatasetError, match="the data set is gone") as caught:
        ours.get()
    assert caught.value.remedy == "fetch it"
    with pytest.raises(CommandError, match="OddError: one and two"):
        odd.get()
    assert fine.get()[0] == 9


def test_a_worker_that_is_killed_costs_its_task_alone(pool: WorkerPool) -> None:
    killed, *others = pool.run(
        [WorkerCall(samples.die, ()), *(WorkerCall(samples.square, (number,)) for number in range(4))]
    )

    with pytest.raises(CommandError, match="its process ended without an answer"):
        killed.get()
    assert [outcome.get()[0] for outcome in others] == [0, 1, 4, 9]


def test_a_worker_killed_while_idle_is_replaced(pool: WorkerPool) -> None:
    tasks = [WorkerCall(samples.square, (number,)) for number in range(4)]
    victim = pool.run(tasks)[0].get()[1]
    os.kill(victim, signal.SIGKILL)
    assert until(lambda: gone(victim))

    assert [outcome.get()[0] for outcome in pool.run(tasks)] == [0, 1, 4, 9]


def test_a_worker_computes_with_one_thread_and_waits_without_spinning(pool: WorkerPool) -> None:
    [found] = pool.run([WorkerCall(samples.environment, ())])

    assert found.get() == ("1", "PASSIVE", 1)


@pytest.mark.parametrize(("given", "most"), [("0", 0), ("3", 3), ("", None)])
def test_workers_are_one_a_core_or_as_many_as_the_environment_says(
    given: str, most: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZK0_WORKERS", given)

    assert most_workers() == (cores() if most is None else most)
    assert 1 <= cores() <= (os.cpu_count() or 1)


def test_a_number_of_workers_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZK0_WORKERS", "many")

    with pytest.raises(ConfigurationError, match="ZK0_WORKERS is 'many'"):
        most_workers()


OWNER = """
import sys
from pathlib import Path
from core import worker_samples as samples
from zk0.core.worker_pool import WorkerCall, pool_of

with pool_of(2, ["core.worker_samples"]) as pool:
    pool.run([WorkerCall(samples.hang, (Path(sys.argv[1]),))] * 2)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_an_owner_that_ends_however_it_does(how: signal.Signals, tmp_path: Path) -> None:
    root = Path(__file__).parents[1]
    with subprocess.Popen([sys.executable, "-c", OWNER, tmp_path], cwd=root, stderr=subprocess.DEVNULL) as owner:
        assert until(lambda: len(list(tmp_path.iterdir())) == 2)
        workers = [int(path.name) for path in tmp_path.iterdir()]
        entry = process_entry(workers[0])
        assert entry is not None
        owner.send_signal(how)

    assert until(lambda: all(gone(pid) for pid in [*workers, entry.parent]))


@pytest.mark.parametrize("workers", ["0", "2"])
def test_calls_are_performed_here_or_side_by_side_with_the_same_results(
    monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    monkeypatch.setenv("ZK0_WORKERS", workers)
    done: list[int] = []

    found = perform([WorkerCall(samples.square, (number,)) for number in range(3)], [samples.__name__], done.append)

    assert [value for value, _ in found] == [0, 1, 4]
    assert done == [1, 2, 3]
    assert (os.getpid() in {process for _, process in found}) == (workers == "0")


@pytest.mark.parametrize("workers", ["0", "2"])
def test_the_first_error_of_a_call_is_raised(monkeypatch: pytest.MonkeyPatch, workers: str) -> None:
    monkeypatch.setenv("ZK0_WORKERS", workers)
    calls = [WorkerCall(samples.square, (2,)), WorkerCall(samples.fail, ("ours",))]

    with pytest.raises(DatasetError):
        perform(calls, [samples.__name__])
