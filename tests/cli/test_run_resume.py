"""`zk0 resume` and `zk0 cancel` with real processes that are really killed."""

import json
import os
import signal
import time

import psutil
import pytest

from zk0.core.process_tree import process_entry
from zk0.workflow.lock import MARK

from .conftest import in_flight as found_in_flight
from .conftest import wait_for

SLOW = (
    "  - {id: first, title: The first, uses: trial.note, with: {text: a}}\n"
    "  - {id: slow, title: Slow, run: [sh, -c, 'test -e ready || { echo $$; setsid sleep 60 & exec sleep 60; }']}\n"
    "  - {id: last, title: Last, run: ['true']}\n"
)


@pytest.fixture
def in_flight(program, write):
    """Begin a run that hangs in its second step; return its process, its directory and its programs' pids."""
    write("slow", SLOW)
    process = program.begin("run", "slow")
    run = wait_for(lambda: found_in_flight(program.root, "slow"))
    wait_for(lambda: run.log("slow").exists() and run.log("slow").read_text().strip())
    programs = wait_for(lambda: found if len(found := _marked(run)) >= 2 else None)
    yield process, run, programs
    process.kill()
    process.communicate()
    for pid in _marked(run):
        os.kill(pid, signal.SIGKILL)


def _lives(pid: int) -> bool:
    entry = process_entry(pid)
    return entry is not None and not entry.is_zombie  # whoever gets orphans need not reap them


def _marked(run) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(run.path) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def test_what_a_killed_run_left_running_is_ended_and_the_run_goes_on(program, in_flight):
    process, run, programs = in_flight
    process.kill()
    process.communicate()
    assert all(map(psutil.pid_exists, programs))
    (program.root / "ready").touch()

    ended = program("resume", "latest", "--json")

    assert ended.returncode == 0, ended.stderr
    state = json.loads(ended.stdout)["data"]
    assert state["status"] == "done"
    assert _marked(run) == []
    journal = run.journal.read_text()
    assert journal.count('"step":"first","title"') == 2  # it began once, and its receipt
    assert "The first" not in ended.stderr


BESIDE = "".join(
    f"  - {{id: {name}, title: {name}, needs: [], run: [sh, -c, 'test -e ready || exec sleep 60']}}\n"
    for name in ("one", "two")
)


@pytest.fixture
def side_by_side(program, write):
    """Begin a run in which two programs hang while one step is finished."""
    write("beside", "  - {id: note, title: Note, needs: [], uses: trial.note, with: {text: a}}\n" + BESIDE)
    process = program.begin("run", "beside", "--jobs", "3")
    run = wait_for(lambda: found_in_flight(program.root, "two"))
    wait_for(lambda: len(_marked(run)) == 2 and "step-finished" in run.journal.read_text())
    yield process, run
    process.kill()
    process.communicate()
    for pid in _marked(run):
        os.kill(pid, signal.SIGKILL)


def test_of_several_steps_in_flight_a_killed_run_does_exactly_those_again(program, side_by_side):
    process, run = side_by_side
    process.kill()
    process.communicate()
    assert len(_marked(run)) == 2
    (program.root / "ready").touch()

    ended = program("resume", "latest", "--json", "--jobs", "2")

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["data"]["status"] == "done"
    assert _marked(run) == []
    begun = [json.loads(line)["step"] for line in run.journal.read_text().splitlines() if "step-started" in line]
    assert sorted(begun) == ["note", "one", "one", "two", "two"]


def test_cancel_ends_all_that_runs_side_by_side(program, side_by_side):
    process, run = side_by_side

    cancelled = program("cancel", run.id)
    process.communicate(timeout=20)

    assert cancelled.returncode == 0, cancelled.stderr
    assert process.returncode == 130
    assert run.state().status == "cancelled"
    assert _marked(run) == []


def test_a_second_engine_is_refused(program, in_flight):
    process, run, _ = in_flight

    refused = program("resume", run.id)

    assert refused.returncode == 2
    assert f"run {run.id} is being performed by process {process.pid}" in refused.stderr
    assert process.poll() is None


def test_cancel_ends_a_run_with_all_that_it_started(program, in_flight):
    process, run, _ = in_flight

    cancelled = program("cancel", run.id)
    process.communicate(timeout=20)

    assert cancelled.returncode == 0, cancelled.stderr
    assert process.returncode == 130
    assert run.state().status == "cancelled"
    deadline = time.monotonic() + 5
    while _marked(run) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _marked(run) == []
    assert program("resume", run.id).returncode == 2


def test_resume_from_a_step_that_is_not_there_ends_with_2(command, write):
    write("note", "  - {id: note, title: Note, uses: trial.note, with: {text: a}}\n")
    command("run", "note", "--quiet")

    assert command("resume", "latest")[0] == 2
    status, _, err = command("resume", "latest", "--from", "nite")

    assert status == 2
    assert 'did you mean "note"' in err
    assert command("resume", "latest", "--from", "note", "--quiet")[0] == 0


HIDDEN = """\
setsid sh -c 'sh -c "echo \\$\\$ >> pids; exec sleep 60" & exit' &
setsid sh -c '{trap} echo $$ >> pids; while :; do sleep 1; done' &
while test $(wc -l < pids) -lt 2; do sleep 0.05; done
echo $$ >> pids
exec sleep 60
"""


DEAF = 'trap "" TERM INT HUP;'


@pytest.fixture
def hidden(program, write):
    """Begin a run of a step with children in sessions of their own; return the process and the numbers of those."""

    def begin(trap=DEAF):
        (program.root / "hidden.sh").write_text(HIDDEN.replace("{trap}", trap))
        (program.root / "pids").touch()
        slow = "[sh, -c, 'test -e ready || exec sh hidden.sh']"
        write("hidden", f"  - {{id: a, title: A, run: ['true']}}\n  - {{id: slow, title: Slow, run: {slow}}}\n")
        begun.append(program.begin("run", "hidden", "--json"))
        found = wait_for(lambda: found if len(found := (program.root / "pids").read_text().split()) == 3 else None)
        pids.extend(map(int, found))
        return begun[0], pids

    begun, pids = [], []
    yield begin
    for process in begun:
        process.kill()
        process.communicate()
    for pid in filter(psutil.pid_exists, pids):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("requests", "trap"),
    [
        ([signal.SIGINT], ""),
        ([signal.SIGINT, signal.SIGINT, signal.SIGTERM], DEAF),
        ([signal.SIGTERM], DEAF),
        ([signal.SIGHUP], ""),
    ],
)
def test_an_interruption_ends_all_that_a_step_started(hidden, requests, trap):
    process, pids = hidden(trap)

    for request in requests:
        process.send_signal(request)
        time.sleep(0.3)
    out, _ = process.communicate(timeout=30)

    assert process.returncode == 130
    assert not [pid for pid in pids if _lives(pid)]
    state = json.loads(out)["data"]
    assert (state["status"], state["verdict"]) == ("interrupted", "not-available")
    assert [step["status"] for step in state["steps"]] == ["finished", "interrupted"]


def test_cancel_ends_children_in_sessions_of_their_own_that_ignore_signals(program, hidden):
    process, pids = hidden()

    cancelled = program("cancel", "latest")
    process.communicate(timeout=30)

    assert cancelled.returncode == 0, cancelled.stderr
    assert not [pid for pid in pids if _lives(pid)]


@pytest.mark.parametrize("command", ["resume", "cancel"])
def test_after_a_kill_children_in_sessions_of_their_own_that_ignore_signals_are_ended(program, hidden, command):
    process, pids = hidden()
    process.kill()
    process.communicate()
    assert all(map(psutil.pid_exists, pids))
    (program.root / "ready").touch()

    ended = program(command, "latest")

    assert ended.returncode == 0, ended.stderr
    assert not [pid for pid in pids if _lives(pid)]


SERVED = """\
  - {id: web, title: Web, run: [sh, -c, 'echo $$ >> served; echo up; exec sleep 100'], service: true, ready: {log: up}}
  - {id: slow, title: Slow, run: [sh, -c, 'test -e ready || exec sleep 100']}
"""


@pytest.mark.parametrize("dies", [False, True])
def test_a_service_outlives_an_engine_that_is_killed_and_goes_on_with_the_run(program, write, dies):
    write("served", SERVED)
    process = program.begin("run", "served")
    run = wait_for(lambda: found_in_flight(program.root, "slow"))
    wait_for(lambda: len(_marked(run)) == 2)
    process.kill()
    process.communicate()
    [service] = map(int, (program.root / "served").read_text().split())
    assert psutil.pid_exists(service)
    if dies:
        os.kill(service, signal.SIGKILL)
    (program.root / "ready").touch()

    ended = program("resume", "latest", "--json")

    assert ended.returncode == 0, ended.stdout
    served = list(map(int, (program.root / "served").read_text().split()))
    assert len(served) == (2 if dies else 1)
    assert served[0] == service
    assert _marked(run) == []


def test_cancel_ends_the_service_of_a_run_that_was_killed(program, write):
    write("served", SERVED)
    process = program.begin("run", "served")
    run = wait_for(lambda: found_in_flight(program.root, "slow"))
    wait_for(lambda: len(_marked(run)) == 2)
    process.kill()
    process.communicate()

    assert program("cancel", "latest").returncode == 0

    assert _marked(run) == []


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGTERM, "cancel"])
def test_an_interruption_ends_the_services_too(program, write, way):
    write("served", SERVED)
    process = program.begin("run", "served")
    run = wait_for(lambda: found_in_flight(program.root, "slow"))
    wait_for(lambda: len(_marked(run)) == 2)

    if way == "cancel":
        assert program("cancel", "latest").returncode == 0
    else:
        process.send_signal(way)
    process.communicate(timeout=30)

    assert process.returncode == 130
    assert _marked(run) == []


def test_a_service_that_was_found_again_ends_when_the_resumed_run_is_interrupted(program, write):
    write("served", SERVED)
    process = program.begin("run", "served")
    run = wait_for(lambda: found_in_flight(program.root, "slow"))
    wait_for(lambda: len(_marked(run)) == 2)
    process.kill()
    process.communicate()
    begun = run.journal.read_text().count('"step-started"')
    again = program.begin("resume", "latest")
    wait_for(lambda: run.journal.read_text().count('"step-started"') > begun and len(_marked(run)) == 2)

    again.send_signal(signal.SIGINT)
    again.communicate(timeout=30)

    assert again.returncode == 130
    assert len((program.root / "served").read_text().split()) == 1
    assert _marked(run) == []
