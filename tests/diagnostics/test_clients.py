"""Who was asked to train and was not averaged is named, with the reason."""

import pytest

from zk0.verdicts import Verdict


def test_all_replies_averaged_is_a_pass(events, judge, numbers):
    rounds = [events.aggregation(1, accepted=("left", "right")), events.aggregation(2, accepted=("left", "right"))]

    [finding] = judge("clients.participation", *rounds)

    assert (finding.verdict, finding.message) == ("pass", "4 of 4 replies were averaged")
    assert numbers(finding) == {"replies asked for": 4, "replies averaged": 4}


def test_one_reply_of_twenty_left_out_is_a_warning_that_names_it(events, judge, numbers):
    clients = tuple(f"client-{number}" for number in range(19))

    [finding] = judge("clients.participation", events.aggregation(3, accepted=clients, rejected={"late": "no reply"}))

    assert (finding.verdict, finding.message) == ("warn", "19 of 20 replies were averaged; left out: late")
    assert numbers(finding)["late was left out"] == "no reply"
    assert finding.evidence[-1].at == "round 3"


def test_many_left_out_is_a_failure_that_names_each_once(events, judge, numbers):
    rounds = [
        events.aggregation(1, accepted=("left",), rejected={"right": "out of memory"}),
        events.aggregation(2, accepted=("left",), rejected={"far": "digest differs", "right": "out of memory"}),
    ]

    [finding] = judge("clients.participation", *rounds)

    assert (finding.verdict, finding.message) == ("fail", "2 of 5 replies were averaged; left out: far, right")
    assert numbers(finding)["far was left out"] == "digest differs"
    assert len(finding.evidence) == 2 + 3


@pytest.mark.parametrize(("minimum", "verdict"), [(0.5, Verdict.warned), (0.51, Verdict.failed)])
def test_how_many_are_enough_is_the_workflow_s_to_say(events, judge, minimum, verdict):
    half = events.aggregation(1, accepted=("left",), rejected={"right": "no reply"})

    assert judge("clients.participation", half, minimum=minimum)[0].verdict is verdict


def test_nobody_asked_is_not_available(events, judge):
    [finding] = judge("clients.participation", events.aggregation(1, aggregated=None, norm=None, accepted=()))

    assert (finding.verdict, finding.message) == ("not-available", "no client was asked to train")
