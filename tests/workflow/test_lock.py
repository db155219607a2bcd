"""One engine at a time performs a run, whatever else opens the lock's file."""

import multiprocessing
import os
import subprocess
import sys

import pytest

from zk0.core.errors import RunBusyError
from zk0.core.process_tree import process_entry
from zk0.core.receipts import file_digest
from zk0.workflow.lock import MARK, acquire, kill_orphans, owner
from zk0.workflow.run import RunDirectory

TRY = """
import sys
from pathlib import Path
from zk0.core.errors import RunBusyError
from zk0.workflow.lock import acquire
from zk0.workflow.run import RunDirectory
try:
    with acquire(RunDirectory(Path(sys.argv[1]))):
        print("in")
except RunBusyError as error:
    print(error.message)
"""


@pytest.fixture
def directory(tmp_path):
    return RunDirectory(tmp_path)


def second(directory):
    command = [sys.executable, "-c", TRY, str(directory.path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_a_second_engine_is_refused_after_the_lock_was_read_and_closed(directory):
    with acquire(directory):
        file_digest(directory.path)
        directory.lock.read_bytes()
        os.close(os.open(directory.lock, os.O_RDWR))
        assert owner(directory) == os.getpid()

        assert second(directory) == f"run {directory.id} is being performed by process {os.getpid()}"

    assert second(directory) == "in"
    assert owner(directory) is None


def test_a_second_engine_in_one_process_is_refused(directory):
    with acquire(directory), pytest.raises(RunBusyError, match=f"process {os.getpid()}"), acquire(directory):
        pass


def test_a_process_that_was_forked_does_not_keep_the_lock(directory):
    context = multiprocessing.get_context("fork")
    go = context.Event()
    with acquire(directory):
        child = context.Process(target=go.wait)
        child.start()
    try:
        assert second(directory) == "in"
    finally:
        go.set()
        child.join()


KILLED = """
import multiprocessing, os, signal, sys, time
from pathlib import Path
from zk0.workflow.lock import acquire
from zk0.workflow.run import RunDirectory
def work():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.setsid()
    print(os.getpid(), flush=True)
    time.sleep(60)
with acquire(RunDirectory(Path(sys.argv[1]))):
    multiprocessing.get_context("fork").Process(target=work).start()
    time.sleep(60)
"""


def test_a_fork_of_a_killed_engine_does_not_keep_the_lock_and_is_found(directory, monkeypatch):
    monkeypatch.setattr("zk0.workflow.lock.GRACE", 0.2)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", KILLED, str(directory.path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as engine:
        fork = int(engine.stdout.readline())
        assert owner(directory) == engine.pid
        engine.kill()
    assert process_entry(fork) is not None
    assert owner(directory) is None

    with acquire(directory):
        assert kill_orphans(directory) == 1

    assert process_entry(fork) is None or process_entry(fork).is_zombie


def test_to_ask_who_holds_a_lock_needs_no_permission_to_write_and_changes_nothing(directory, monkeypatch):
    with acquire(directory):
        pass
    opened = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, flags, *mode: opened.append(flags) or real(path, flags, *mode))

    assert owner(directory) is None

    assert opened == [os.O_RDONLY | os.O_CLOEXEC]


def test_the_marks_of_a_run_are_in_the_environment_while_it_is_held(directory):
    before = dict(os.environ)

    with acquire(directory):
        assert os.environ[MARK] == str(directory.path)

    assert dict(os.environ) == before
