"""Data sets fit together: one unit, one rate, no twins, all evaluated, none so wide that it squeezes the others."""

import pytest

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict
from zk0.ledger import ClientData, Faults

RANGES = [(-60.0, 60.0)] * 5 + [(0.0, 90.0)]


def client(name, **changes):
    values = {
        "client": name,
        "partition": 0,
        "dataset": name,
        "digest": name,
        "episodes": 4,
        "training_frames": 90,
        "held_out_episodes": [3],
        "fps": 10.0,
        "robot_type": "so101",
        "tasks": [f"do {name}"],
        "cameras": ["wrist"],
        "state_range": RANGES,
    }
    return ClientData(**values | changes)


@pytest.fixture
def opened(events):
    return lambda *clients: events.opened().model_copy(update={"clients": list(clients)})


def test_data_sets_that_fit_pass(opened, events, judge):
    run = opened(client("left"), client("right"))
    evaluations = [*events.evaluations(0.4, 0.2), *events.evaluations(0.4, 0.2, dataset="right")]

    for name in ("units", "rates", "apart", "covered", "spread"):
        [finding] = judge(f"datasets.{name}", run, *evaluations)
        assert finding.verdict is Verdict.passed, name


@pytest.mark.parametrize(
    ("name", "changes", "fault"),
    [
        ("units", {"state_range": [(-1.0, 1.0)] * 5 + [(0.0, 1.5)]}, Fault.data_units),
        ("units", {"state_range": [(-100.0, 100.0)] * 5 + [(0.0, 90.0)]}, Fault.data_units),
        ("rates", {"fps": 30.0}, Fault.data_rate),
        ("apart", {"digest": "left"}, Fault.data_duplicated),
        ("spread", {"state_range": [(-3000.0, 3000.0), *RANGES[1:]]}, Fault.data_spread),
    ],
)
def test_one_that_does_not_fit_is_found(opened, judge, name, changes, fault):
    [finding] = judge(f"datasets.{name}", opened(client("left"), client("right", **changes)))

    assert (finding.verdict, finding.fault) == (Verdict.failed, fault)


def test_a_gripper_that_stays_closed_is_no_other_unit(opened, judge):
    closed = client("right", state_range=[*RANGES[:5], (0.0, 1.2)])

    assert judge("datasets.units", opened(client("left"), closed))[0].verdict is Verdict.passed


def test_a_task_that_nobody_evaluates_is_named(opened, events, judge):
    [finding] = judge("datasets.covered", opened(client("left"), client("right")), *events.evaluations(0.4, 0.2))

    assert (finding.verdict, finding.message) == (Verdict.warned, "no evaluation covers right")


def test_a_data_set_whose_task_is_evaluated_elsewhere_is_covered(opened, events, judge):
    same = client("right", tasks=["do left"])

    assert (
        judge("datasets.covered", opened(client("left"), same), *events.evaluations(0.4))[0].verdict is Verdict.passed
    )


@pytest.mark.parametrize(
    ("lost", "verdict"), [(0, Verdict.passed), (3, Verdict.warned), (20, Verdict.failed)], ids=["none", "some", "many"]
)
def test_frames_that_can_t_be_decoded_are_counted(events, judge, lost, verdict):
    training = events.training(policy_loss=[1.0] * 10, faults=Faults(undecodable_frames=lost))
    training = training.model_copy(update={"batch_size": 10})

    [finding] = judge("datasets.decoded", training)

    assert finding.verdict is verdict
    assert finding.message == f"{lost} of 100 frames can't be decoded"


def test_one_client_alone_can_t_be_compared(opened, judge):
    for name in ("units", "rates", "apart", "spread"):
        assert judge(f"datasets.{name}", opened(client("left")))[0].verdict is Verdict.not_available
