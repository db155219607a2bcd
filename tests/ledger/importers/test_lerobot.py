"""LeRobot's training log."""

import pytest

from zk0.ledger import IncidentKind
from zk0.ledger.importers.streams import StepCounter


def test_steps_beyond_999_are_counted_though_they_are_printed_as_1k(recorded):
    found = recorded("lerobot.log")

    [training] = found.ledger.trainings
    add_measurements = [step for step, value in enumerate(training.policy_loss) if value is not None]
    assert add_measurements == [200 * number - 1 for number in range(1, 41)]
    assert (training.client, training.round, training.steps) == ("local", 1, 8000)
    assert training.learning_rate[199] == 2e-05
    assert training.memory_allocated[199] == pytest.approx(3.1 * 2**30)
    assert found.ledger.closed.outcome == "done"
    assert found.unknown == 0
    assert "read as round 1 of a client named local" in found.notes[0]


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ([(400, 1), (800, 1), (1, 1000), (2, 1000), (2, 1000)], [400, 800, 1200, 1600, 2000]),
        ([(5, 1000), (10, 1000)], [5000, 10000]),  # a log that begins beyond 999: only thousands are known
        ([(500, 1), (1, 1000), (2, 1000), (40, 1000)], [500, 1000, 1500, 40000]),
    ],
)
def test_the_count_holds_as_long_as_it_agrees_with_what_is_printed(printed, expected):
    steps = StepCounter()

    assert [steps.next(number, scale) for number, scale in printed] == expected


def test_evaluations_during_training_are_counted_and_no_baseline_is_made_up(import_text):
    found = import_text(
        "INFO 2026-01-02 03:04:05 ot_train.py:673 step 500: eval_loss=0.6000\n"
        "INFO 2026-01-02 03:05:05 ot_train.py:673 step 1000: eval_loss=0.4000\n"
    )

    assert [(one.round, one.loss) for one in found.ledger.evaluations] == [(1, 0.6), (2, 0.4)]


def test_frames_out_of_time_are_an_incident(import_text):
    found = import_text(
        "INFO 2026-01-02 03:04:05 ot_train.py:641 step:200 smpl:2K ep:4 epch:0.1 loss:0.5 grdn:1.0 lr:1.0e-04\n"
        "x.Y: One or several query timestamps unexpectedly violate the tolerance (tensor([0.1]) > 0.0001).\n"
    )

    assert [one.kind for one in found.ledger.incidents] == [IncidentKind.timestamps]


def test_a_training_that_begins_again_in_the_same_log_is_the_next_round(import_text):
    head = "INFO 2026-01-02 03:0{}:05 ot_train.py:641 step:{} smpl:2K ep:4 epch:0.1 loss:0.5 grdn:1.0 lr:1.0e-04\n"

    found = import_text(head.format(1, 200) + head.format(2, 400) + head.format(3, 200))

    assert [(one.round, one.steps) for one in found.ledger.trainings] == [(1, 400), (2, 200)]
