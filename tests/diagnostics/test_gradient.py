"""Gradients that vanish, explode or always meet the clip."""

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict

STEPS = 40


def test_gradients_that_shrink_as_a_policy_converges_pass(events, judge):
    norms = [2.0 * 0.95**step for step in range(STEPS)]

    assert judge("gradient.vanishing", events.training(gradient_norm=norms))[0].verdict is Verdict.passed
    assert judge("gradient.exploding", events.training(gradient_norm=norms))[0].verdict is Verdict.passed


def test_gradients_of_almost_nothing_are_called_vanishing(events, judge):
    [finding] = judge("gradient.vanishing", events.training(gradient_norm=[1e-9] * STEPS))

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.gradient_vanishing)


def test_a_strong_proximal_term_does_not_hide_a_loss_without_gradient(events, judge):
    """The whole gradient is the term's; the loss's own is mu * drift over the ratio."""
    drift = [0.0] + [0.5] * (STEPS - 1)
    hidden = events.training(
        gradient_norm=[1e-11] + [0.05] * (STEPS - 1),
        drift=drift,
        proximal_ratio=[0.0] + [5e9] * (STEPS - 1),
        settings={"proximal-mu": 0.1},
    )

    assert judge("gradient.vanishing", hidden)[0].fault == Fault.gradient_vanishing


def test_gradients_that_grow_a_fifth_a_step_are_called_exploding(events, judge, numbers):
    [finding] = judge("gradient.exploding", events.training(gradient_norm=[1.2**step for step in range(STEPS)]))

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.gradient_exploding)
    assert numbers(finding)["gradient norm, median of the last tenth"] > 900


def test_every_step_at_the_clip_is_warned_of_with_a_clip_that_fits(events, judge):
    clipped = events.training(gradient_norm=[30.0] * STEPS, settings={"clip-norm": 10.0})

    [finding] = judge("gradient.clipping", clipped)

    assert (finding.verdict, finding.fault) == (Verdict.warned, Fault.gradient_clipped)
    assert finding.remedy.startswith("set clip_norm to about 90")


def test_the_odd_clipped_step_is_what_a_clip_is_for(events, judge):
    norms = [1.0] * (STEPS - 2) + [30.0] * 2

    [finding] = judge("gradient.clipping", events.training(gradient_norm=norms, settings={"clip-norm": 10.0}))

    assert (finding.verdict, finding.message) == (Verdict.passed, "5% of the steps are cut")


def test_a_log_without_the_clip_or_with_few_steps_can_t_be_judged(events, judge):
    assert judge("gradient.clipping", events.training(gradient_norm=[1.0] * STEPS))[0].verdict is Verdict.not_available
    few = events.training(gradient_norm=[1.0] * 5, settings={"clip-norm": 10.0})
    for name in ("vanishing", "exploding", "clipping"):
        assert judge(f"gradient.{name}", few)[0].verdict is Verdict.not_available
