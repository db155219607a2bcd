"""A run is a program or zk0's federation; its held-out losses are the measurement."""

import os
import signal
import sys
import time

import pytest

from zk0.core.errors import CommandError, InputError, LedgerError
from zk0.tuning.measurements import Measurement
from zk0.tuning.runs import FederatedRun, ProgramRun, processes

PROGRAM = """\
import sys
print("round,client,step,loss,eval_loss")
print("1,a,0,1.0,")
print(f"1,,,,{float(sys.argv[1]) + float(sys.argv[2]) / 10}")
"""


def program(folder, text):
    (folder / "train.py").write_text(text)
    return ProgramRun((sys.executable, "train.py", "{mu}", "{seed}"), folder, folder / "runs")


def test_a_program_is_measured_by_what_it_prints(tmp_path):
    found = program(tmp_path, PROGRAM)(0.5, 3)

    assert found.loss == pytest.approx(0.8)
    assert found.rounds == pytest.approx({1: 0.8})
    assert found.steps == 1


def test_a_program_that_fails_is_no_measurement(tmp_path):
    with pytest.raises(CommandError, match="exit status 3"):
        program(tmp_path, "raise SystemExit(3)")(0.5, 3)


def test_a_loss_that_is_not_finite_is_a_failed_run(tmp_path):
    text = PROGRAM.replace("{float(sys.argv[1]) + float(sys.argv[2]) / 10}", "nan")

    found = program(tmp_path, text)(0.5, 3)

    assert found.failure == "a held-out loss is not finite"


def test_a_program_without_held_out_loss_is_refused(tmp_path):
    with pytest.raises(LedgerError, match="no loss on held-out data"):
        program(tmp_path, PROGRAM.replace("eval_loss", "other"))(0.5, 3)


@pytest.mark.parametrize(("argv", "message"), [(("x", "{seed}"), r"\{mu\}"), (("x", "{mu}"), r"\{seed\}")])
def test_a_command_takes_mu_and_seed(tmp_path, argv, message):
    with pytest.raises(InputError, match=message):
        ProgramRun(argv, tmp_path, tmp_path)


def threads(mu, seed):
    return Measurement(mu=mu, seed=int(os.environ["OMP_NUM_THREADS"]), losses={"a": float(seed)})


def test_processes_have_one_thread_and_answer_in_order():
    with processes(threads, 2) as run:
        found = list(run([(1.0, 5), (1.0, 6), (1.0, 7)]))

    assert [(one.loss, one.seed) for one in found] == [(5.0, 1), (6.0, 1), (7.0, 1)]


def dies(mu, seed):
    os.kill(os.getpid(), 9)
    return Measurement(mu=mu, seed=seed)


def test_a_process_that_is_killed_is_named():
    with pytest.raises(CommandError, match="was killed"), processes(dies, 1) as run:
        list(run([(1.0, 0)]))


def sleeps(mu, seed):
    time.sleep(60)
    return Measurement(mu=mu, seed=seed)


def test_an_interruption_does_not_wait_for_the_runs():
    def interrupted():
        with processes(sleeps, 1) as run:
            pending = run([(1.0, 0)])
            signal.setitimer(signal.ITIMER_REAL, 3)
            next(pending)

    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    signal.signal(signal.SIGALRM, before)

    assert time.monotonic() - begun < 30


@pytest.mark.slow
def test_a_federation_is_measured_by_its_last_evaluation(run_config, tmp_path):
    run = FederatedRun(run_config(rounds=1, local_steps=2), tmp_path)

    first, again, other = run(0.01, 1), run(0.01, 1), run(10.0, 1)

    assert [name.partition("-3x")[0] for name in sorted(first.losses)] == ["lift-left", "touch-far"]
    assert (first.steps, set(first.rounds)) == (4, {1})
    assert first.drift > 0
    assert first.losses == again.losses
    assert first.losses != other.losses
