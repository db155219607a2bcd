"""An aggregate is the mean of the clients by examples: finite, between them, in full precision."""

import pytest

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict
from zk0.ledger import Reply

NAMES = ("finite", "range", "weights", "one-client", "type", "complete")


@pytest.fixture
def aggregate(events):
    def make(**changes):
        replies = [
            Reply(client=name, weight=share, digest="d", update_norm=1.0, cosine=0.8)
            for name, share in (("left", 0.75), ("right", 0.25))
        ]
        measured = {
            "accepted": replies,
            "sampled": ["left", "right"],
            "weight_norm": 30.0,
            "deviation": 1e-6,
            "outside": 0.0,
            "not_finite": 0,
            "tensors": 1,
            "dtypes": ["float32"],
            "bits": 23,
        }
        return events.aggregation().model_copy(update=measured | changes)

    return make


def trained(events, left=300, right=100):
    return [
        events.training(name).model_copy(update={"examples": count})
        for name, count in (("left", left), ("right", right))
    ]


def test_a_weighted_mean_passes_all(events, judge, aggregate):
    for name in NAMES:
        [finding] = judge(f"aggregation.{name}", events.opened(), *trained(events), aggregate())
        assert finding.verdict is Verdict.passed, name


@pytest.mark.parametrize(
    ("name", "changes", "fault"),
    [
        ("finite", {"not_finite": 3}, Fault.aggregate_not_finite),
        ("range", {"outside": 0.9}, Fault.aggregate_outside),
        ("weights", {"deviation": 0.2}, Fault.aggregate_weights),
        ("type", {"bits": 7}, Fault.aggregate_type),
        ("type", {"dtypes": ["float32", "float64"]}, Fault.aggregate_type),
        ("complete", {"tensors": 0}, Fault.exchange_incomplete),
    ],
)
def test_what_is_not_a_mean_is_named(events, judge, aggregate, name, changes, fault):
    [finding] = judge(f"aggregation.{name}", events.opened(), *trained(events), aggregate(**changes))

    assert (finding.verdict, finding.fault) == (Verdict.failed, fault)
    assert finding.workflow == "aggregation-fix"


def test_weights_that_are_not_the_shares_of_examples_are_named_with_both(events, judge, aggregate):
    [finding] = judge("aggregation.weights", *trained(events, 100, 300), aggregate())

    assert finding.message == "left has 25.0% of the examples and a weight of 75.0%"
    assert finding.fault == Fault.aggregate_weights


def test_one_client_s_reply_in_everybody_s_place_is_found(events, judge, aggregate):
    alone = [
        Reply(client="left", weight=0.75, digest="d", update_norm=0.9, cosine=0.5),
        Reply(client="right", weight=0.25, digest="d", update_norm=1.5, cosine=1.0),
    ]

    [finding] = judge("aggregation.one-client", aggregate(accepted=alone))

    assert (finding.message, finding.fault) == ("the aggregate is right's reply", Fault.aggregate_of_one)


def test_a_single_reply_is_nobody_s_fault(events, judge, aggregate):
    only = [Reply(client="left", weight=1.0, digest="d", update_norm=1.5, cosine=1.0)]

    assert judge("aggregation.one-client", aggregate(accepted=only))[0].verdict is Verdict.not_applicable


def test_rounding_is_no_deviation_where_the_weights_hardly_move(events, judge, aggregate):
    still = aggregate(update_norm=1e-4, deviation=0.02)

    assert judge("aggregation.weights", *trained(events), still)[0].verdict is Verdict.passed


def test_a_log_that_tells_none_of_it_is_not_called_healthy(events, judge):
    bare = events.aggregation(accepted=("left", "right"))

    for name in NAMES:
        assert judge(f"aggregation.{name}", bare)[0].verdict is Verdict.not_available, name


@pytest.mark.parametrize("rule", ["trimmed-mean", "median", "krum", "multi-krum"])
def test_a_robust_rule_is_judged_by_what_it_gives(events, judge, aggregate, rule):
    weights = (1.0, 0.0) if rule == "krum" else (0.5, 0.5)
    replies = [
        Reply(client=name, weight=weight, digest="d", update_norm=1.0, cosine=0.8)
        for name, weight in zip(("left", "right"), weights, strict=True)
    ]

    def verdict(**changes):
        [finding] = judge(
            "aggregation.weights",
            events.opened(),
            *trained(events),
            aggregate(rule=rule, **{"accepted": replies} | changes),
        )
        return finding

    assert verdict().verdict is Verdict.passed
    assert ("not chosen: right" in verdict().message) is (rule == "krum")
    assert (verdict(deviation=0.2).fault, verdict(deviation=None).verdict) == (
        Fault.aggregate_weights,
        Verdict.not_available,
    )
    uneven = [reply.model_copy(update={"weight": share}) for reply, share in zip(replies, (0.7, 0.3), strict=True)]
    assert verdict(accepted=uneven).fault == Fault.aggregate_weights


def test_krum_takes_one_client_s_reply_on_purpose(events, judge, aggregate):
    one = Reply(client="left", weight=1.0, digest="d", update_norm=1.0, cosine=1.0)
    replies = [one, one.model_copy(update={"client": "right", "weight": 0.0, "cosine": 0.1})]
    changes = {"accepted": replies, "update_norm": 1.0}

    [of_krum] = judge("aggregation.one-client", events.opened(), aggregate(rule="krum", **changes))
    [of_median] = judge("aggregation.one-client", events.opened(), aggregate(rule="median", **changes))

    assert (of_krum.verdict, of_median.fault) == (Verdict.not_applicable, Fault.aggregate_of_one)
