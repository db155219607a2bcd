"""In the foreground: what ends is started again, and who else starts or ends parts is not disturbed."""

import os
import signal
import threading
import time
from contextlib import suppress
from types import SimpleNamespace

import pytest

from zk0.core.errors import DeploymentError
from zk0.federation.configuration import Client
from zk0.federation.deployment import supervision
from zk0.federation.deployment.control import FlowerRun, Node, is_healthy, wait_until
from zk0.federation.deployment.deployment import MOST_STARTS, Deployment
from zk0.federation.deployment.operations import start
from zk0.federation.deployment.programs import SUPERLINK, running
from zk0.federation.deployment.supervision import stay, until_asked


def test_a_request_to_end_is_no_error_and_other_errors_are():
    before = signal.getsignal(signal.SIGTERM)
    try:
        with until_asked():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
            pytest.fail("it went on")
        with pytest.raises(DeploymentError), until_asked():
            raise DeploymentError("broken")
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.slow
def test_a_superlink_that_crashed_is_started_again_and_interruption_leaves_nothing(tmp_path, monkeypatch):
    interrupted = threading.Event()

    def sleep(seconds):
        if interrupted.wait(seconds):
            raise KeyboardInterrupt

    monkeypatch.setattr(supervision, "MISSING_SECONDS", 2.0)
    # Its own alone: what ends the processes sleeps too.
    monkeypatch.setattr(supervision, "time", SimpleNamespace(sleep=sleep, monotonic=time.monotonic, time=time.time))
    deployment = Deployment(tmp_path / "deployment", preload="")
    start(deployment, {}, [Client(0, "arm-a", "well")], print)
    notes = []

    def watch():
        with suppress(KeyboardInterrupt):
            stay(deployment, notes.append)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        first = deployment.children[SUPERLINK].pid
        os.kill(first, signal.SIGKILL)
        # For a moment there is none.
        assert wait_until(lambda: (now := deployment.children.get(SUPERLINK)) is not None and now.pid != first, 60)
        assert wait_until(lambda: not is_healthy(deployment.address, deployment.certificate), 60)
        assert [note.partition(":")[0] for note in notes] == ["superlink ended and is started again"]
    finally:
        interrupted.set()
        watcher.join(60)
    assert running(deployment.mark) == []


class Ended:
    """A process that has ended."""

    def __init__(self, status):
        self.returncode = status

    def poll(self):
        return self.returncode

    def wait(self):
        return self.returncode


def test_a_superlink_that_ends_again_and_again_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(supervision, "MISSING_SECONDS", -1.0)
    monkeypatch.setattr(supervision, "POLL_SECONDS", 0.0)
    deployment = Deployment(tmp_path, port=1)
    deployment.secure()
    deployment.children[SUPERLINK] = Ended(-9)
    starts = []

    def start_superlink():
        starts.append(1)
        deployment.starts[SUPERLINK] = len(starts)
        deployment.children[SUPERLINK] = Ended(-9)

    monkeypatch.setattr(deployment, "start_superlink", start_superlink)

    with pytest.raises(DeploymentError, match=f"ended {MOST_STARTS} times"):
        stay(deployment, lambda note: None)

    assert len(starts) == MOST_STARTS


@pytest.mark.parametrize(
    ("online", "in_progress", "in_record", "left_out"),
    [
        (False, False, True, ["arm-a"]),
        (True, False, True, []),  # a training has started it again
        (False, True, True, []),  # a training will, when the round is over
        (False, False, False, []),  # it was removed meanwhile
    ],
)
def test_a_client_is_left_to_who_takes_care_of_it(tmp_path, monkeypatch, online, in_progress, in_record, left_out):
    monkeypatch.setattr(supervision, "MISSING_SECONDS", -1.0)
    deployment = Deployment(tmp_path, port=1, clients={"arm-a": Client(0, "arm-a", "well")} if in_record else {})
    deployment.save()
    deployment.children["arm-a"] = Ended(1)

    class Control:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def runs(self):
            return [FlowerRun(1, "running" if in_progress else "finished", "", "")]

        def nodes(self):
            return [Node(1, "arm-a", "online" if online else "offline", b"")]

    monkeypatch.setattr(Deployment, "control", lambda self: Control())

    assert supervision._overdue(deployment, {}) == left_out
