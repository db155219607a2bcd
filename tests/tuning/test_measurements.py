import math

import pytest

from zk0.tuning.measurements import InOrder, Measurement, noise_floor


def arm(*losses):
    return {seed: Measurement(mu=1, seed=seed, losses={"a": loss} if loss else {}) for seed, loss in enumerate(losses)}


def test_every_client_counts_the_same():
    assert Measurement(mu=1, seed=0, losses={"a": 1.0, "b": 3.0}).loss == 2.0


def test_a_run_that_diverged_loses_every_comparison():
    diverged = Measurement(mu=1, seed=0, failure="round 1 has no valid reply")

    assert diverged.loss == math.inf
    assert diverged.loss_of("a") == math.inf


def test_the_noise_is_that_of_the_calmest_arm():
    assert noise_floor([arm(1.0, 1.2, 0.8), arm(1.0, 5.0, 9.0)]) == pytest.approx(0.2)


def test_the_noise_of_arms_that_diverged_is_not_known():
    assert noise_floor([arm(1.0, None), arm(None, None)]) is None
    assert noise_floor([arm(1.0)]) is None


def test_runs_are_measured_in_order_when_they_are_asked_for():
    measured = []
    runner = InOrder(lambda mu, seed: measured.append((mu, seed)) or Measurement(mu=mu, seed=seed))

    units = iter(runner([(1.0, 0), (1.0, 1)]))
    next(units)

    assert measured == [(1.0, 0)]
