"""Data sets fit together: one unit, one rate, no twins, all evaluated, none so wide that it squeezes the others."""

from types import SimpleNamespace

import pytest

from zk0.core.checks import CHECKS, CheckContext
from zk0.core.faults import Fault
from zk0.core.project import Project
from zk0.core.verdicts import Verdict
from zk0.diagnostics.datasets import DatasetSummary
from zk0.diagnostics.diagnosis import diagnose
from zk0.ledger import ClientData, Faults, Ledger, LedgerWriter

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
    for name in ("apart", "spread"):
        assert judge(f"datasets.{name}", opened(client("left")))[0].verdict is Verdict.not_available


def prepared(*sets):
    """Return the context of a step that prepared these data sets."""
    return CheckContext(Project.find(), SimpleNamespace(sets=[DatasetSummary(*values) for values in sets]))


def test_the_sets_that_a_step_prepared_are_judged_under_the_older_ids():
    step = prepared(("left", 10.0, RANGES), ("right", 30.0, RANGES))

    [units] = CHECKS.get("data.units").run(step, {})
    [rates] = CHECKS.get("data.format").run(step, {})

    assert (units.verdict, units.check) == (Verdict.passed, "data.units")
    assert (rates.verdict, rates.check, rates.fault) == (Verdict.failed, "data.format", Fault.data_rate)
    assert [(one.at, one.value, one.unit) for one in rates.evidence] == [("left", 10.0, "1/s"), ("right", 30.0, "1/s")]


def test_the_sets_that_a_step_prepared_may_be_a_single_one():
    for name in ("data.units", "data.format"):
        assert [one.verdict for one in CHECKS.get(name).run(prepared(("left", 10.0, RANGES)), {})] == [Verdict.passed]


@pytest.mark.parametrize("name", ["data.units", "data.format"])
def test_the_summaries_of_a_step_with_a_ledger_are_its_clients(name, opened, tmp_path):
    writer = LedgerWriter(tmp_path / "ledger.jsonl")
    writer.write(opened(client("left"), client("right", fps=30.0, state_range=[(-1.0, 1.0)] * 5 + [(0.0, 1.5)])))

    [finding] = CHECKS.get(name).run(CheckContext(Project.find(), SimpleNamespace(ledger=writer.path)), {})

    assert finding.verdict is Verdict.failed


@pytest.mark.parametrize("joints", [RANGES, [(-100.0, 100.0)] * 5 + [(-3.0, 104.0)]], ids=["degrees", "normalised"])
def test_lerobot_s_units_pass(numbers, joints):
    [finding] = CHECKS.get("datasets.units").run(prepared(("left", 10.0, joints)), {})

    assert finding.verdict is Verdict.passed
    assert numbers(finding)["largest joint position"] in (60.0, 100.0)


@pytest.mark.parametrize(
    ("joints", "sign"),
    [
        ([(-1.5, 1.57)] * 5 + [(0.0, 100.0)], "radians"),
        ([(-90.0, 2048.0)] * 5 + [(0.0, 100.0)], "2048"),
        ([(-90.0, 90.0)] * 5 + [(0.0, 180.0)], "0 to 180"),
        ([(-90.0, 90.0)] * 5 + [(-45.0, 45.0)], "-45 to 45"),
    ],
    ids=["radians everywhere", "motor steps", "gripper in degrees", "gripper below zero"],
)
def test_implausible_units_fail_with_what_they_look_like(numbers, joints, sign):
    [finding] = CHECKS.get("datasets.units").run(prepared(("left", 10.0, joints)), {})

    assert (finding.at, finding.verdict, finding.fault) == ("left", Verdict.failed, Fault.data_units)
    assert sign in finding.message
    assert numbers(finding)["gripper, highest"] == joints[-1][1]
    assert finding.remedy


def test_one_set_beyond_a_half_turn_fails_by_itself():
    motor = [(-90.0, 2048.0)] * 5 + [(0.0, 100.0)]

    [finding] = CHECKS.get("datasets.units").run(prepared(("left", 10.0, RANGES), ("right", 10.0, motor)), {})

    assert (finding.at, finding.verdict) == ("right", Verdict.failed)


def test_an_alias_does_not_judge_a_second_time(opened):
    found = diagnose(Ledger((opened(client("left"), client("right", fps=30.0)),)))

    rates = [one for one in (*found.problems, *(each.finding for each in found.suppressed)) if one.fault == "data-rate"]
    assert [one.check for one in rates] == ["datasets.rates"]
    assert not {"data.units", "data.format"} & {one.check for one in found.findings}
