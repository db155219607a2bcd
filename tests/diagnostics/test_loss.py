"""A loss falls when its ranks and its ends say so; noise, a jump and too few steps are called by their names."""

import random
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict
from zk0.diagnostics.jumps import jump_of
from zk0.diagnostics.loss import MINIMUM_STEPS
from zk0.ledger import Faults

SEEDS = 300
MEAN = 1.133  # of the noise, exp(0.5**2 / 2)
losses = st.floats(1e-6, 1e6)
distinct = st.lists(losses, min_size=MINIMUM_STEPS, max_size=60, unique=True)


def noise(seed: int, steps: int = 60) -> list[float]:
    """Make a flat loss with the noise of batches: independent, skewed, now and then a large one."""
    return [random.Random(f"{seed} {step}").lognormvariate(0, 0.5) for step in range(steps)]


def test_a_round_of_finite_losses_passes(events, judge, numbers):
    [finding] = judge("loss.finite", events.training(policy_loss=[1.0, 0.9]))

    assert (finding.verdict, finding.message, finding.at) == ("pass", "2 steps, all finite", "left, round 1")
    assert numbers(finding) == {"steps without a finite loss or gradient": 0}


def test_each_round_with_a_step_that_was_not_finite_fails(events, judge, numbers):
    bad = events.training(round=2, policy_loss=[1.0, None, None], faults=Faults(non_finite_losses=2))

    good, finding = judge("loss.finite", events.training(), bad)

    assert good.verdict is Verdict.passed
    assert (finding.verdict, finding.at) == ("fail", "left, round 2")
    assert finding.message == "2 of 3 steps are not finite, and were skipped"
    assert numbers(finding) == {"steps without a finite loss or gradient": 2}


def test_a_falling_loss_passes_with_its_ends_and_its_rank(events, judge, numbers):
    [finding] = judge("loss.trend", events.training(policy_loss=[2 - step / 20 for step in range(20)]))

    assert (finding.verdict, finding.message, finding.at) == ("pass", "falling: 1.98 to 1.08 over 20 steps", "left")
    found = numbers(finding)
    assert found["Kendall's tau over steps"] == pytest.approx(-1)
    assert found["p-value"] < 1e-9
    assert found["policy_loss, median of the first tenth"] == pytest.approx(1.975)
    assert found["policy_loss, median of the last tenth"] == pytest.approx(1.075)


def test_a_rising_loss_fails(events, judge, numbers):
    [finding] = judge("loss.trend", events.training(policy_loss=[0.15 * 1.05**step for step in range(40)]))

    assert finding.verdict is Verdict.failed
    assert finding.message.startswith("rising: ")
    assert numbers(finding)["Kendall's tau over steps"] == pytest.approx(1)
    assert "learning_rate" in finding.remedy


def test_noise_that_could_hide_a_fall_can_t_be_judged(events, judge):
    [finding] = judge("loss.trend", events.training(policy_loss=noise(0)))

    assert finding.verdict is Verdict.not_available
    assert finding.message.startswith("no trend above noise, which could hide a fall of ")


def test_a_long_flat_loss_stands_still(events, judge, numbers):
    flat = [1 + (value - MEAN) / 20 for value in noise(1, 400)]

    [finding] = judge("loss.trend", events.training(policy_loss=flat))

    assert (finding.verdict, finding.fault) == (Verdict.warned, Fault.loss_still)
    assert finding.message.startswith("no change: ")
    assert "raise" not in finding.remedy
    assert numbers(finding)["largest fall that the noise could hide, of the loss"] < 0.1


def test_a_loss_that_never_changes_stands_still_and_has_no_rank(events, judge, numbers):
    [finding] = judge("loss.trend", events.training(policy_loss=[0.5] * 30))

    assert finding.verdict is Verdict.warned
    assert numbers(finding)["Kendall's tau over steps"] is None
    assert numbers(finding)["p-value"] is None


def test_an_explosion_that_comes_partly_back_is_not_called_falling(events, judge):
    exploded = [0.075 * 1.6**step for step in range(14)] + [50 - step / 4 for step in range(90)]

    [finding] = judge("loss.trend", events.training(policy_loss=exploded))

    assert finding.verdict is Verdict.warned
    assert finding.message.startswith("no steady trend: ")


def test_a_loss_that_jumps_for_good_is_no_learning_rate(events, judge):
    jumped = events.training(
        policy_loss=[0.4 + step % 3 / 50 for step in range(30)] + [2.1 + step % 3 / 50 for step in range(30)]
    )

    [finding] = judge("loss.jumps", jumped)

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.loss_jumped)
    assert "at logged value 30 of 60" in finding.message
    assert "not known" in finding.cause
    assert judge("loss.trend", jumped)[0].verdict is Verdict.not_available
    assert judge("loss.explodes", jumped)[0].verdict is not Verdict.failed


def test_a_loss_that_jumps_where_a_training_begins_again_is_no_explosion(events, judge):
    levels = [0.012] * 12 + [0.28] * 12
    falls = [level * share for level in levels for share in (1.6, 0.7)]
    many = events.training(policy_loss=falls, restarts=tuple(range(2, len(falls), 2)))

    [jumped] = judge("loss.jumps", many)

    assert (jumped.verdict, jumped.fault) == (Verdict.warned, Fault.loss_jumped)
    assert judge("loss.explodes", many)[0].verdict is Verdict.not_available
    assert judge("loss.trend", many)[0].verdict is Verdict.not_available
    assert judge("loss.explodes", events.training(policy_loss=falls))[0].verdict is Verdict.failed


def test_a_loss_that_grows_from_training_to_training_explodes(events, judge):
    grows = [0.01 * 1.4**training * share for training in range(24) for share in (1.6, 0.7)]
    many = events.training(policy_loss=grows, restarts=tuple(range(2, len(grows), 2)))

    assert judge("loss.explodes", many)[0].verdict is Verdict.failed


def test_a_jump_where_the_rate_changed_says_so(events, judge):
    [finding] = judge(
        "loss.jumps",
        events.training(policy_loss=[0.4] * 10 + [2.0] * 10, learning_rate=[1e-4] * 10 + [1e-3] * 10),
    )

    assert finding.cause == "the learning rate changed at the same step"


@pytest.mark.parametrize("series", [[0.4] * 20, [0.1 * 1.5**step for step in range(20)], [3.0] + [0.4] * 19])
def test_a_steady_a_growing_and_a_falling_loss_do_not_jump(events, judge, series):
    assert judge("loss.jumps", events.training(policy_loss=series))[0].verdict is Verdict.passed


def test_a_loss_that_converged_in_its_first_steps_is_no_loss_that_stands_still(events, judge):
    converged = [2.0, 1.5, 0.9, 0.6, 0.5, 0.45] + [0.4 + (step * 7 % 5) / 100 for step in range(100)]

    [finding] = judge("loss.trend", events.training(policy_loss=converged))

    assert finding.verdict is Verdict.passed


def test_six_losses_that_all_fall_are_a_fall_and_six_that_rise_are_too_few(events, judge):
    falling = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5]

    assert judge("loss.trend", events.training(policy_loss=falling))[0].verdict is Verdict.passed
    assert judge("loss.trend", events.training(policy_loss=falling[::-1]))[0].verdict is Verdict.not_available


def test_a_late_drop_does_not_make_a_rise_a_fall(events, judge):
    [finding] = judge("loss.trend", events.training(policy_loss=[1 + step / 100 for step in range(90)] + [0.5] * 10))

    assert finding.verdict is Verdict.warned
    assert finding.message.startswith("no steady trend: ")


def test_two_spikes_do_not_hide_a_fall(events, judge):
    falling = [2 - step / 50 for step in range(50)]
    falling[-1] = falling[25] = 100.0

    [finding] = judge("loss.trend", events.training(policy_loss=falling))

    assert finding.verdict is Verdict.passed


def test_a_client_s_rounds_are_one_series_in_the_order_of_rounds(events, judge):
    later = events.training("left", 2, policy_loss=[1 - step / 100 for step in range(10)])
    earlier = events.training("left", 1, policy_loss=[2 - step / 100 for step in range(10)])

    [finding] = judge("loss.trend", later, earlier)

    assert (finding.verdict, finding.message) == ("pass", "falling: 2 to 0.915 over 20 steps")


def test_each_client_is_judged_alone(events, judge):
    falling = events.training("left", policy_loss=[2 - step / 20 for step in range(20)])
    rising = events.training("right", policy_loss=[2 + step / 20 for step in range(20)])

    found = {finding.at: finding.verdict for finding in judge("loss.trend", rising, falling)}

    assert found == {"left": Verdict.passed, "right": Verdict.failed}


def test_too_few_measured_steps_are_not_available(events, judge):
    [finding] = judge("loss.trend", events.training(policy_loss=[1.0] * 19 + [None] * 50))

    assert (finding.verdict, finding.message) == ("not-available", "needs 20 steps of policy_loss, has 19")


def test_the_total_loss_can_be_asked_for(events, judge):
    inert = events.training(
        policy_loss=[2 - step / 20 for step in range(20)], total_loss=[2 + step for step in range(20)]
    )

    assert judge("loss.trend", inert)[0].verdict is Verdict.passed
    assert judge("loss.trend", inert, series="total_loss")[0].verdict is Verdict.failed


@settings(deadline=None, max_examples=50)
@given(distinct)
def test_whatever_falls_at_every_step_is_falling_and_its_reverse_is_rising(events, judge, values):
    falling = sorted(values, reverse=True)

    assert judge("loss.trend", events.training(policy_loss=falling))[0].verdict is Verdict.passed
    reverse = judge("loss.trend", events.training(policy_loss=falling[::-1]))[0]
    assert reverse.verdict is (Verdict.failed if jump_of(falling[::-1]) is None else Verdict.not_available)


@settings(deadline=None, max_examples=50)
@given(distinct, st.integers(-20, 20))
def test_the_unit_of_the_loss_does_not_matter(events, judge, values, power):
    scaled = [value * 2.0**power for value in values]

    [one], [other] = (judge("loss.trend", events.training(policy_loss=series)) for series in (values, scaled))

    assert one.verdict is other.verdict


@pytest.mark.parametrize("steps", [20, 200])
def test_noise_is_called_falling_in_a_few_seeds_of_a_hundred_at_most(events, judge, steps):
    found = [judge("loss.trend", events.training(policy_loss=noise(seed, steps)))[0] for seed in range(SEEDS)]

    assert sum(finding.verdict is Verdict.passed for finding in found) <= 0.03 * SEEDS
    assert sum(finding.verdict is Verdict.failed for finding in found) <= 0.03 * SEEDS


def test_a_loss_that_wanders_is_called_by_where_it_went(events, judge, numbers):
    """A random walk has no drift, yet it goes somewhere: that is what the run's loss did, and is what is said."""
    found = [
        judge("loss.trend", events.training(policy_loss=list(accumulate(value - MEAN for value in noise(seed)))))[0]
        for seed in range(SEEDS)
    ]

    for finding in found:
        if finding.verdict is Verdict.not_available:
            continue
        first, last, *_ = numbers(finding).values()
        assert (last < first) or finding.verdict is not Verdict.passed
        assert (last > first) or finding.verdict is not Verdict.failed
    assert sum(finding.verdict is Verdict.passed for finding in found) < 0.5 * SEEDS


def test_an_explosion_is_reported_with_its_size(events, judge, numbers):
    """A learning rate of 5e-4 once took the loss from 0.075 to over 50."""
    [finding] = judge("loss.explodes", events.training(policy_loss=[0.075 * 1.2**step for step in range(40)]))

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.learning_rate_too_high)
    assert numbers(finding)["policy_loss in the worst round"] > 50


def test_a_loss_that_wobbles_does_not_explode(events, judge):
    assert judge("loss.explodes", events.training(policy_loss=noise(3, 60)))[0].verdict is Verdict.passed


def test_one_batch_in_ten_that_stands_out_is_called_spiking(events, judge):
    spiking = [9.0 if step % 10 == 5 else 1 + 0.1 * (step % 3) for step in range(60)]

    [finding] = judge("loss.spikes", events.training(policy_loss=spiking))

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.loss_spiking)
    assert finding.message == "6 of 60 steps are over 5 times their neighbours"


def test_a_divergence_that_falls_to_0_beside_a_reconstruction_is_a_posterior_that_collapsed(diagnose_text):
    row = "TRAIN Batch {n:04}/0099, Loss    {loss:.4f}, Recon-Loss    {loss:.4f}, KL-Loss    {kl:.4f}, KL-Weight  1.0\n"

    def told(last: float, row: str) -> set[str]:
        kl = [0.05, 0.003, *[last] * 40]
        return diagnose_text("".join(row.format(n=n, loss=9 - 0.1 * n, kl=value) for n, value in enumerate(kl))).faults

    assert Fault.latent_unused in told(0.0, row)
    assert Fault.latent_unused not in told(0.7, row)
    assert Fault.latent_unused not in told(0.0, row.replace("Recon-Loss", "Actor-Loss"))  # a policy that did not move


def test_spikes_far_below_where_the_loss_began_cost_nothing(events, judge):
    fallen = [*(2 * 0.8**step for step in range(40)), *(0.01 if step % 10 == 5 else 1e-4 for step in range(60))]

    assert judge("loss.spikes", events.training(policy_loss=fallen))[0].verdict is Verdict.passed


def test_skewed_noise_has_no_spikes(events, judge):
    found = [judge("loss.spikes", events.training(policy_loss=noise(seed, 200)))[0] for seed in range(50)]

    assert all(finding.verdict is Verdict.passed for finding in found)


def test_a_loss_of_absurd_size_is_the_data_s(events, judge):
    [finding] = judge("loss.magnitude", events.training(policy_loss=[1.7e21, 2.0e20]))

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.data_units)


@pytest.mark.parametrize("losses", [[4.2e10, 3.9e10], [1e15, 2.0], [-3e9, -4e9]])
def test_large_losses_of_prices_and_one_odd_step_pass(events, judge, losses):
    assert judge("loss.magnitude", events.training(policy_loss=losses))[0].verdict is Verdict.passed


def test_a_training_that_begins_again_in_its_log_has_no_spike(judge, events):
    """Keras, one after the other: each begins at 3.6 and ends at 0.05."""
    once = [3.55, 1.09, 0.70, 0.61, 0.56, 0.55, 0.54, 0.52, 0.51, 0.50, 0.48, 0.21, 0.13, 0.11, 0.09, 0.07, 0.06, 0.05]

    [finding] = judge("loss.spikes", events.training(policy_loss=[*once, *once, *once]))

    assert finding.verdict is Verdict.passed


@pytest.mark.parametrize(
    ("trained", "judged", "metrics", "verdict"),
    [
        ((0.975, 0.96), (0.965, 0.97), {}, Verdict.warned),
        ((0.975, 0.96), (0.965, 0.92), {}, Verdict.not_available),  # the evaluation falls
        ((0.975, 0.96), (0.965, 0.97), {"f1": 0.5}, Verdict.not_available),  # which says more
    ],
    ids=["both stay", "one falls", "a score"],
)
def test_a_loss_that_hardly_changes_beside_evaluations_that_do_not(judge, events, trained, judged, metrics, verdict):
    losses, evaluated = ([first + (last - first) * n / 29 for n in range(30)] for first, last in (trained, judged))
    evaluations = [one.model_copy(update={"metrics": metrics}) for one in events.evaluations(*evaluated)]

    assert judge("loss.trend", events.training(policy_loss=losses), *evaluations)[0].verdict is verdict


def test_a_loss_that_runs_away_below_0_has_no_floor(judge, events):
    likelihood = [1.5 - 90 * n for n in range(60)]

    assert judge("loss.magnitude", events.training(policy_loss=[1.5, *(-(10.0**n) for n in range(10))]))[0].fault == (
        Fault.loss_unbounded
    )
    assert judge("loss.magnitude", events.training(policy_loss=likelihood))[0].verdict is Verdict.passed


@pytest.mark.parametrize(
    ("second", "fault"),
    [([2.1 - 0.01 * n for n in range(60)], None), ([2.1 + 0.01 * n for n in range(60)], Fault.learning_rate_too_high)],
    ids=["falls as the first", "rises by itself"],
)
def test_a_second_training_in_a_log_that_begins_higher_is_no_rise(judge, events, second, fault):
    first = [1.6 - 0.01 * n for n in range(60)]

    [finding] = judge("loss.trend", events.training(policy_loss=[*first, *second], restarts=(60,)))

    assert (finding.fault, finding.verdict is Verdict.passed) == (fault, False)
