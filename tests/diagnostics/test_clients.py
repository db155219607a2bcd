"""Who was asked to train and was not averaged is named, with the reason."""

import pytest

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict
from zk0.diagnostics.clients import fault_of


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


@pytest.mark.parametrize(
    ("reason", "fault"),
    [
        ("no reply in 60 s", Fault.client_dropouts),
        ("RuntimeError: CUDA out of memory", Fault.out_of_memory),
        ("the policy starts from 9f31c2aa, and the server sent 41bb07de", Fault.parameters_not_applied),
        ("it trained from 9f31c2aa, and 41bb07de was sent", Fault.parameters_not_applied),
        ("it states digest 9f31c2aa and its tensors have 41bb07de", Fault.digest_mismatch),
        ("tensor model.a is missing (1 in all)", Fault.exchange_incomplete),
        ("tensor model.a is (2, 3) float64, not (2, 3) float32", Fault.exchange_incomplete),
        ("2 of 16 steps had a loss or gradient that is not finite and 0 had no frame", Fault.loss_not_finite),
        ("tensor model.a has 3 values that are not finite", Fault.loss_not_finite),
        ("9 of 90 frames of /data can't be decoded; up to 5% are left out", Fault.data_corrupt),
        ("weight 0.0 is not a positive number", Fault.aggregate_weights),
    ],
)
def test_a_reason_names_its_fault(reason, fault):
    assert fault_of(reason) is fault


def test_a_client_that_is_never_asked_is_starved(events, judge, numbers):
    rounds = [
        events.aggregation(number, accepted=("left", "right")).model_copy(update={"sampled": ["left", "right"]})
        for number in range(1, 11)
    ]
    other = events.aggregation(11, accepted=("far",))

    [finding] = judge("clients.starved", *rounds, *rounds, other)

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.client_starved)
    assert finding.message.startswith("far: asked in 1 of 21 rounds")


def test_clients_that_take_turns_are_not_starved(events, judge):
    names = ("left", "right", "far")
    rounds = [events.aggregation(number, accepted=(names[number % 3], names[(number + 1) % 3])) for number in range(9)]

    assert judge("clients.starved", *rounds)[0].verdict is Verdict.passed


def test_few_rounds_starve_nobody(events, judge):
    assert judge("clients.starved", events.aggregation(accepted=("left",)))[0].verdict is Verdict.not_available
