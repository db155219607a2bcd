"""The rate that was configured is the rate of every step."""

import pytest

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict
from zk0.diagnostics.learning_rate import planned

ROUNDS, STEPS = 3, 20
CONFIGURED = {
    "learning_rate": 1e-3,
    "final_learning_rate": 1e-4,
    "warmup_steps": 5,
    "rounds": ROUNDS,
    "local_steps": STEPS,
}


def rates(number: int, *, first: int | None = None, total: int = ROUNDS * STEPS, warmup: int = 5) -> list[float]:
    begin = (number - 1) * STEPS if first is None else first
    return [planned(begin + step, 1e-3, 1e-4, warmup, total) for step in range(STEPS)]


def rounds(events, **how):
    return [events.training(round=number, learning_rate=rates(number, **how)) for number in range(1, ROUNDS + 1)]


def test_a_schedule_over_all_rounds_passes_all_three(events, judge):
    ledger = [events.opened(**CONFIGURED), *rounds(events)]

    for name in ("warm-up", "restarts", "as-configured"):
        assert {finding.verdict for finding in judge(f"learning-rate.{name}", *ledger)} == {Verdict.passed}


def test_a_warm_up_of_a_thousand_steps_is_never_left(events, judge, numbers):
    """The field's rounds of a few steps, whose rate stayed at a ten-thousandth of what was configured."""
    ledger = [events.opened(**CONFIGURED), *rounds(events, first=0, warmup=1000)]

    [finding] = judge("learning-rate.warm-up", *ledger)

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.learning_rate_warming)
    assert numbers(finding)["highest over configured"] < 0.03


def test_a_schedule_that_begins_again_each_round_is_called_restarted(events, judge):
    ledger = [events.opened(**CONFIGURED), *rounds(events, first=0, total=STEPS, warmup=2)]

    [finding] = judge("learning-rate.restarts", *ledger)

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.learning_rate_restarted)
    assert finding.message.startswith("every round begins at 0.000333")


def test_another_program_may_mean_to_restart(events, judge):
    [finding] = judge("learning-rate.restarts", *rounds(events, first=0, total=STEPS, warmup=2))

    assert finding.verdict is Verdict.warned
    assert finding.confidence < 0.95


def test_a_constant_rate_does_not_restart(events, judge):
    constant = [events.training(round=number, learning_rate=[1e-3] * STEPS) for number in (1, 2, 3)]

    assert judge("learning-rate.restarts", *constant)[0].verdict is Verdict.passed


def test_a_rate_off_the_schedule_is_named_with_step_and_plan(events, judge, numbers):
    flat = events.training(round=3, learning_rate=[1e-3] * STEPS)

    [finding] = judge("learning-rate.as-configured", events.opened(**CONFIGURED), flat)

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.learning_rate_unplanned)
    assert finding.message.startswith("0.001 at step 19, where ")
    assert numbers(finding)["learning rate planned for step 19"] == pytest.approx(1e-4, rel=0.02)


def test_a_plan_of_another_program_is_not_known(events, judge):
    assert judge("learning-rate.as-configured", *rounds(events))[0].verdict is Verdict.not_available
