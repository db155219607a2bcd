"""mu is judged by what it does to the gradient, and a growing term is not taken for an explosion."""

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict


def test_a_term_that_outweighs_a_loss_which_does_not_fall_is_too_strong(events, judge):
    held = events.training(proximal_ratio=[0.0] + [40.0] * 19, policy_loss=[1.0] * 20, settings={"proximal-mu": 100.0})
    learning = events.training(
        proximal_ratio=[0.0] + [2.0] * 19,
        policy_loss=[1 - step / 40 for step in range(20)],
        settings={"proximal-mu": 1.0},
    )

    [strong] = judge("mu.strength", held)
    [fine] = judge("mu.strength", learning)

    assert (strong.fault, strong.workflow) == (Fault.proximal_too_strong, "mu-tuning")
    assert strong.remedy == "lower proximal_mu by a factor of 100"
    assert fine.verdict is Verdict.passed
    assert "when tuning mu" in fine.message


def test_growth_by_a_factor_a_step_is_divergence_and_drift_is_none(events, judge):
    exploding = events.proximal([0.0, *(1e-3 * 1.5**step for step in range(20))], learning_rate=[1e-2] * 21)
    drifting = events.proximal([0.0, *(1e-3 * step**1.9 for step in range(1, 21))], learning_rate=[1e-2] * 21)

    assert judge("mu.diverges", exploding)[0].fault == Fault.proximal_diverging
    assert judge("mu.diverges", drifting)[0].verdict is Verdict.passed


def test_a_term_that_holds_nobody_together_is_too_weak(events, judge):
    falling = [4.0 - 3.5 * step / 9 for step in range(10)]
    weak = [0.0] + [0.001] * 9
    rounds = [
        events.training(round=number, policy_loss=falling, proximal_ratio=weak, settings={"proximal-mu": 1e-4})
        for number in (1, 2, 3)
    ]

    [finding] = judge("mu.strength", *rounds)

    assert (finding.fault, finding.workflow) == (Fault.proximal_too_weak, "mu-tuning")
    assert finding.remedy == "raise proximal_mu by a factor of 100"
