"""Steps far above their neighbours, of losses above 0 and of those that may fall below it."""

from zk0.diagnostics.spikes import spikes_of


def test_a_loss_that_may_be_below_0_spikes_far_outside_of_its_noise():
    """The likelihood of a recommender: from -2.6 to 1,063 in single epochs."""
    likelihood = [-2.2 - 0.02 * n + 0.1 * (n % 3) for n in range(24)]
    spiking = [500.0 * (1 + n % 3) if n % 8 == 4 else value for n, value in enumerate(likelihood)]

    assert spikes_of(likelihood) == []
    assert spikes_of(spiking) == [4, 12, 20]


def test_a_fall_through_0_has_no_spikes():
    assert spikes_of([5.0 - 0.2 * n for n in range(60)]) == []


def test_a_loss_that_is_0_in_most_steps_has_no_noise_to_judge_by():
    assert spikes_of([0.0] * 30 + [4.0]) == []
