"""Parameters come back: what is sent is what was aggregated, what is trained is what was sent, and it moves."""

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict

A, B, C = "9f31c2aa00000000", "41bb07de00000000", "c606217100000000"


def test_rounds_that_go_on_from_each_other_pass_with_their_digests(events, judge, numbers):
    rounds = [
        events.training(digest_in=A, digest_out=B),
        events.aggregation(1, A, B),
        events.training(round=2, digest_in=B, digest_out=C),
        events.aggregation(2, B, C, norm=0.25),
    ]

    first, second = judge("rounds.parameters-move", *rounds)

    assert (first.verdict, second.verdict) == (Verdict.passed, Verdict.passed)
    assert (second.at, second.message) == ("round 2", "41bb07de to c6062171, moved by 0.25")
    assert numbers(second) == {"digest sent": B, "digest aggregated": C, "update norm": 0.25}


def test_a_round_that_sends_what_was_not_aggregated_fails(events, judge, numbers):
    """The field's lost return: every round started from the parameters of the first."""
    rounds = [events.aggregation(1, A, B), events.aggregation(2, A, C)]

    first, second = judge("rounds.parameters-move", *rounds)

    assert first.verdict is Verdict.passed
    assert (second.verdict, second.message) == ("fail", "round 1 ended with 41bb07de and 9f31c2aa was sent")
    assert second.cause == "the strategy does not return what it aggregated"
    assert numbers(second)["digest the round before ended with"] == B


def test_a_client_that_trains_from_other_parameters_is_named(events, judge):
    rounds = [
        events.training("left", digest_in=A),
        events.training("right", digest_in=C),
        events.aggregation(1, A, B),
    ]

    [finding] = judge("rounds.parameters-move", *rounds)

    assert finding.verdict is Verdict.failed
    assert finding.message == "right started from other parameters than were sent"
    assert "does not put what it receives into its policy" in finding.cause


def test_an_aggregate_that_is_what_was_sent_has_learnt_nothing(events, judge, numbers):
    rounds = [events.training("left", digest_in=A, digest_out=A), events.aggregation(1, A, A, norm=0.0)]

    [finding] = judge("rounds.parameters-move", *rounds)

    assert (finding.verdict, finding.message) == ("fail", "the aggregate is what was sent: nothing was learnt")
    assert numbers(finding)["digest left returned"] == A


def test_a_round_without_an_aggregate_fails(events, judge):
    refused = events.aggregation(1, A, None, norm=None, accepted=(), rejected={"left": "out of memory"})

    [finding] = judge("rounds.parameters-move", refused)

    assert (finding.verdict, finding.message) == ("fail", "the round has no aggregate")


def test_a_round_after_one_without_an_aggregate_starts_where_that_one_did(events, judge):
    refused = events.aggregation(1, A, None, norm=None, accepted=(), rejected={"left": "out of memory"})

    _, kept = judge("rounds.parameters-move", refused, events.aggregation(2, A, B))
    _, lost = judge("rounds.parameters-move", refused, events.aggregation(2, C, B))

    assert kept.verdict is Verdict.passed
    assert (lost.verdict, lost.message) == ("fail", "round 1 ended with 9f31c2aa and c6062171 was sent")


def test_a_distance_that_was_not_measured_is_not_told(events, judge):
    [finding] = judge("rounds.parameters-move", events.aggregation(1, A, B, norm=None))

    assert (finding.verdict, finding.message) == ("pass", "9f31c2aa to 41bb07de")


def test_without_digests_an_aggregate_that_stands_still_while_clients_move_is_the_old_one(events, judge):
    """What an older log tells: norms, and no digests."""
    silent = events.aggregation(norm=0.0).model_copy(
        update={"digest_in": None, "digest_out": None, "missing": {"digest_out": "not in this log"}}
    )

    [still] = judge("rounds.parameters-move", events.training(update_norm={"all": 1.4}), silent)
    [unknown] = judge("rounds.parameters-move", events.training(), silent)

    assert (still.verdict, still.fault) == (Verdict.failed, Fault.aggregate_not_returned)
    assert unknown.verdict is Verdict.not_available


def test_rounds_that_all_begin_at_one_loss_start_from_one_policy(events, judge):
    """The field's identical start losses."""
    rounds = [
        events.training(name, number, policy_loss=[loss, loss - 0.1 * number])
        for name, loss in (("left", 0.62), ("right", 0.71))
        for number in (1, 2, 3)
    ]

    [finding] = judge("rounds.start-losses", *rounds)

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.aggregate_not_returned)
    assert finding.workflow == "aggregation-fix"


def test_losses_that_nobody_measured_are_not_taken_for_one_policy(events, judge):
    rounds = [events.training(round=number, policy_loss=[0.0, 0.0]) for number in (1, 2, 3)]

    assert judge("rounds.start-losses", *rounds)[0].verdict is Verdict.not_available


def test_rounds_that_begin_lower_and_lower_pass(events, judge):
    rounds = [events.training(round=number, policy_loss=[0.9 / number, 0.1]) for number in (1, 2, 3)]

    assert judge("rounds.start-losses", *rounds)[0].verdict is Verdict.passed
