"""Whatever a program starts ends with it: in sessions of its own, orphaned, deaf to signals, without an environment."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zk0.core.process import end_tree, run_program, start, wait
from zk0.core.process_tree import ProcessEntry, own_children, process_entry, unclaimed_children, with_descendants

SLEEP = "import time; time.sleep(60)"
DEAF = f"import signal; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; print('deaf', flush=True); {SLEEP}"
READY = "until test -s pids; do sleep 0.02; done"
# Writes the numbers of processes, which then sleep; each way is one that a plain kill of the group does not see.
WAYS = {
    "child": "sh -c 'echo $$ >> pids; exec sleep 60' &",
    "own session": "setsid sh -c 'echo $$ >> pids; exec sleep 60' &",
    "two forks": "(setsid sh -c 'sh -c \"echo \\$\\$ >> pids; exec sleep 60\" & exit' &) &",
    "no environment": "env -i /usr/bin/setsid /bin/sh -c 'echo $$ >> pids; exec /bin/sleep 60' &",
    "deaf": "setsid sh -c 'trap \"\" TERM INT HUP; echo $$ >> pids; while :; do sleep 1; done' &",
    "stopped": "setsid sh -c 'echo $$ >> pids; kill -STOP $$; sleep 60' &",
}


def lives(pid: int) -> bool:
    entry = process_entry(pid)
    return entry is not None and not entry.is_zombie


def numbers(directory: Path, count: int = 1) -> list[int]:
    """Return the numbers of the processes that a program started, when there are so many."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = (directory / "pids").read_text().split() if (directory / "pids").exists() else []
        if len(found) >= count:
            return list(map(int, found))
        time.sleep(0.02)
    raise AssertionError("they did not start")


def begin(script: str, cwd: Path) -> "subprocess.Popen[bytes]":
    return start(["sh", "-c", script], cwd=cwd, env=os.environ, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("outlives", [True, False])
def test_what_a_program_starts_ends_with_it(tmp_path, way, outlives):
    process = begin(
        f"{WAYS[way]} until test -s pids; do sleep 0.02; done; {'exit 0' if outlives else 'sleep 60'}", tmp_path
    )
    [child] = numbers(tmp_path)
    if outlives:
        assert wait(process, 10) == 0

    left = end_tree(process, grace=0.5)

    assert not lives(child)
    # A shell whose child is gone first may end by itself, with 128 and the signal.
    assert process.returncode in ((0,) if outlives else (-signal.SIGTERM, 128 + signal.SIGTERM))
    assert bool(left) is outlives
    assert process_entry(child) is None, "it is a zombie"


def test_parents_are_ended_before_what_they_started():
    table = {pid: ProcessEntry(pid, parent, 1, 0.0, False) for pid, parent in ((9, 1), (4, 9), (2, 4), (3, 1))}

    assert [entry.pid for entry in with_descendants({2, 4, 9}, table)] == [9, 4, 2]


def test_what_ends_by_itself_in_a_moment_is_not_left_over(tmp_path):
    process = begin("setsid sleep 0.1 & exit 0", tmp_path)
    wait(process, 10)

    assert end_tree(process) == []


def test_of_two_programs_only_the_children_of_the_one_that_ended_are_ended(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = begin(f"{WAYS['two forks']} sleep 60", tmp_path / "a")
    second = begin(f"{WAYS['two forks']} sleep 60", tmp_path / "b")
    [of_first], [of_second] = numbers(tmp_path / "a"), numbers(tmp_path / "b")

    end_tree(first)

    assert not lives(of_first)
    assert lives(of_second)
    assert lives(second.pid)
    end_tree(second)
    assert not lives(of_second)


def test_a_child_that_is_no_program_is_left_alone(tmp_path):
    before = own_children()
    with subprocess.Popen(["sleep", "60"]) as own:
        process = begin("exit 0", tmp_path)
        wait(process)

        assert end_tree(process) == []

        assert own.poll() is None
        assert [entry.pid for entry in unclaimed_children(before)] == [own.pid]
        assert unclaimed_children(own_children()) == []
        own.kill()


def test_a_program_that_leaves_a_child_with_its_output_is_not_waited_for(tmp_path):
    began = time.monotonic()

    ended = run_program(
        "sh", "-c", f"{WAYS['own session']} until test -s pids; do sleep 0.02; done; echo out", cwd=tmp_path
    )

    assert (ended.status, ended.out) == (0, "out\n")
    assert time.monotonic() - began < 20
    assert not lives(numbers(tmp_path)[0])


def test_a_program_of_a_program_that_is_killed_is_ended_too(tmp_path):
    inner = f"""
import os, subprocess, sys
from pathlib import Path
from zk0.core.process import start
process = start([sys.executable, "-c", {DEAF!r}], cwd=Path(), env=os.environ, stdout=subprocess.DEVNULL)
Path("pids").write_text(f"{{process.pid}}\\n")
process.wait()
"""
    process = start([sys.executable, "-c", inner], cwd=tmp_path, env=os.environ, stdout=subprocess.DEVNULL)
    [child] = numbers(tmp_path)
    process.kill()
    wait(process)

    end_tree(process, grace=0.2)

    assert not lives(child)


def test_a_wait_with_a_limit_ends_in_time_and_not_later_than_the_program(tmp_path):
    process = begin("sleep 60", tmp_path)
    with pytest.raises(subprocess.TimeoutExpired):
        wait(process, 0.1)
    end_tree(process)
    quick = begin("exit 3", tmp_path)

    assert wait(quick, 1e9) == 3
    end_tree(quick)
