import sys
import time
from pathlib import Path

import pytest
from flwr.superlink.cli.flower_superlink import _parse_args_run_superlink
from flwr.supernode.cli.flower_supernode import _parse_args_run_supernode

from zk0.core.errors import DependencyMissingError
from zk0.federation.deployment.programs import (
    MARK,
    PART,
    Program,
    end,
    environment,
    launch,
    running,
    superlink_argv,
    supernode_argv,
)

# Starts a child in a session of its own, as Flower does; both ignore SIGTERM.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('child', flush=True); time.sleep(99)"
subprocess.Popen([sys.executable, "-c", child], start_new_session=True)
print("parent", flush=True)
time.sleep(99)
"""


def program(folder, part="superlink", code="import time; time.sleep(99)"):
    return Program(part, (sys.executable, "-c", code), folder / part, folder / f"{part}.log")


@pytest.fixture
def mark(tmp_path):
    yield str(tmp_path)
    end(str(tmp_path), grace=0)


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_nothing_survives_not_even_in_another_session_and_deaf_to_sigterm(tmp_path, mark):
    parent = launch(program(tmp_path, code=STUBBORN), mark)
    wait_for(lambda: set((tmp_path / "superlink.log").read_text().split()) == {"parent", "child"})
    assert len(running(mark)) == 2

    assert end(mark, grace=0.2) == 2

    assert running(mark) == []
    parent.wait(1)


def test_one_part_ends_and_the_others_stay(tmp_path, mark):
    one = launch(program(tmp_path, "superlink"), mark)
    other = launch(program(tmp_path, "arm-a"), mark)

    assert end(mark, "superlink") == 1

    one.wait(1)
    assert [process.pid for process in running(mark)] == [other.pid]
    end(mark)
    other.wait(1)


def test_a_program_that_ended_is_not_running(tmp_path, mark):
    child = launch(program(tmp_path, code="pass"), mark)

    wait_for(lambda: not running(mark))
    child.wait(1)


def test_its_environment_is_quiet_and_depends_on_no_directory(tmp_path):
    made = environment(program(tmp_path), "here", {"PATH": "/bin", "PYTHONPATH": "src"})

    assert made["FLWR_TELEMETRY_ENABLED"] == "0"
    assert made["FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION"] == "1"
    assert made["FLWR_HOME"] == str(tmp_path / "superlink")
    assert (made[MARK], made[PART]) == ("here", "superlink")
    assert Path(made["PYTHONPATH"]).is_absolute()
    assert made["PATH"].startswith(str(Path(sys.executable).parent))


def test_flower_that_is_not_installed_is_said(tmp_path, mark):
    missing = Program("superlink", ("flower-nothing",), tmp_path, tmp_path / "log")

    with pytest.raises(DependencyMissingError, match="flower-nothing is not installed"):
        launch(missing, mark)


def test_flower_takes_the_commands(tmp_path):
    superlink = superlink_argv(host="127.0.0.1", port=1, certificates=tmp_path, database=tmp_path)
    supernode = supernode_argv(superlink="a:1", authority=tmp_path, key=tmp_path, port=1, configuration="a=1")

    for parser, argv in ((_parse_args_run_superlink(), superlink), (_parse_args_run_supernode(), supernode)):
        assert parser.parse_args(argv[3:])  # an option that it does not know would end this process
