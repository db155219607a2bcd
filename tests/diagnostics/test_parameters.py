"""The trained tensors move, the frozen ones do not, and what is learnt survives the average."""

import pytest

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict


def moved(events, norm, **changes):
    training = events.training(update_norm={"expert": norm}, **changes)
    return training, events.aggregation().model_copy(update={"weight_norm": 10.0})


def test_a_round_that_moves_a_tenth_of_the_weights_passes(events, judge):
    [finding] = judge("parameters.trained", *moved(events, 1.0))

    assert (finding.verdict, finding.message) == (Verdict.passed, "moved by 0.1 of the weights' norm")


@pytest.mark.parametrize(
    ("norm", "verdict", "fault"),
    [(1e-7, Verdict.failed, Fault.learning_rate_too_low), (30.0, Verdict.warned, Fault.learning_rate_too_high)],
)
def test_a_round_that_moves_nothing_or_everything_blames_the_rate(events, judge, norm, verdict, fault):
    [finding] = judge("parameters.trained", *moved(events, norm))

    assert (finding.verdict, finding.fault) == (verdict, fault)


def test_a_client_that_returns_what_it_got_has_not_trained(events, judge):
    [finding] = judge("parameters.trained", *moved(events, 0.0, digest_in="a", digest_out="a"))

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.parameters_not_trained)


def test_frozen_tensors_that_changed_are_found_by_their_digest(events, judge):
    same = events.training("left").model_copy(update={"frozen_digest": "f"})
    other = events.training("right").model_copy(update={"frozen_digest": "g"})

    left, right = judge("parameters.frozen", events.opened(), same, other)

    assert left.verdict is Verdict.passed
    assert (right.verdict, right.fault) == (Verdict.failed, Fault.frozen_moved)


def test_a_module_that_stands_still_beside_others_is_named(events, judge):
    [finding] = judge("parameters.modules", events.training(update_norm={"expert": 1.0, "projections": 0.0}))

    assert finding.verdict is Verdict.warned
    assert finding.message == "projections did not move, and the rest did"


def sawtooth(events, high, low, rounds=4):
    falling = [high + (low - high) * step / 9 for step in range(10)]
    return [events.training(round=number, policy_loss=falling) for number in range(1, rounds + 1)]


def test_rounds_that_begin_far_above_where_the_last_ended_show_clients_drifting_apart(events, judge):
    [finding] = judge("parameters.drift", *sawtooth(events, 4.0, 0.5))

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.client_drift)
    assert finding.workflow == "mu-tuning"


def test_a_little_lost_in_the_average_is_healthy(events, judge):
    assert judge("parameters.drift", *sawtooth(events, 1.2, 1.0))[0].verdict is Verdict.passed


def test_two_rounds_are_too_few_to_tell(events, judge):
    assert judge("parameters.drift", *sawtooth(events, 4.0, 0.5, rounds=2))[0].verdict is Verdict.not_available
