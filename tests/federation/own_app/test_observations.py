"""A ledger of what was observed, with nothing that was not."""

import json

import pytest

from zk0.diagnostics.diagnosis import diagnose
from zk0.federation.own_app.observations import Observed, change_of_loss, ledger_events, write_ledger
from zk0.ledger import Aggregation, Evaluation, Ledger, Training, read_ledger


def message(number, node, sent, returned, *, kind="train", moved=None, values=None, error=None):
    reply = {"digest": returned, "moved": 0.5, "values": values or {}, "examples": 10}
    return {
        "event": "message",
        "kind": kind,
        "round": number,
        "node": node,
        "sent": {"digest": sent, "moved": moved, "values": {"server-round": number, "proximal-mu": 0.1}},
        "reply": None if error else reply,
        "error": error,
        "seconds": 0.1,
        "peak_memory": 1000,
    }


def rounds(*, losses=(3.0, 2.0, 1.0), evaluated=True):
    """Yield rounds of two clients, each of which begins with what the one before made."""
    for number, loss in enumerate(losses, start=1):
        before, after = f"w{number - 1}", f"w{number}"
        for node in (0, 1):
            yield message(number, node, before, f"c{number}{node}", values={"train_loss": loss + 1})
        for node in (0, 1) if evaluated else ():
            yield message(number, node, after, "", kind="evaluate", moved=None if node else 0.25, values={"loss": loss})


def ledger(*records, ended=True) -> Ledger:
    ends = [{"event": "ended"}] if ended else []
    return Ledger(tuple(ledger_events(Observed((*records, *ends)))))


def of(found: Ledger, kind):
    return [one for one in found.events if isinstance(one, kind)]


def test_a_round_begins_with_what_was_sent_and_ends_with_what_is_sent_next():
    found = ledger(*rounds())

    first = of(found, Aggregation)[0]
    assert (first.digest_in, first.digest_out, first.update_norm) == ("w0", "w1", 0.25)
    assert [one.client for one in first.accepted] == ["client 0", "client 1"]
    training = of(found, Training)[0]
    assert (training.policy_loss, training.examples, training.settings["proximal-mu"]) == ([4.0], 10, 0.1)
    assert training.missing["drift"]
    assert [one.loss for one in of(found, Evaluation)] == [3.0, 3.0, 2.0, 2.0, 1.0, 1.0]
    assert found.closed.outcome == "done"


def test_a_server_that_evaluates_nowhere_leaves_the_end_of_its_last_round_open():
    found = ledger(*rounds(evaluated=False))

    *known, last = of(found, Aggregation)
    assert [one.digest_out for one in known] == ["w1", "w2"]
    assert (last.digest_out, bool(last.missing["digest_out"])) == (None, True)
    verdicts = [one.verdict for one in diagnose(found, only=["rounds.parameters-move"]).findings]
    assert set(verdicts) == {"pass"}


def test_a_server_that_keeps_the_old_parameters_is_found_out():
    stuck = [message(number, node, "w0", f"c{number}{node}") for number in (1, 2, 3) for node in (0, 1)]

    findings = diagnose(ledger(*stuck), only=["rounds.parameters-move"]).findings

    assert {one.fault for one in findings if one.verdict == "fail"} == {"aggregate-not-returned"}


def test_a_client_that_fails_or_returns_nothing_is_named_with_its_reason():
    found = ledger(
        message(1, 0, "w0", "c", error="ValueError: stuck"), message(1, 1, "w0", ""), message(1, 2, "w0", "c2")
    )

    [round_] = of(found, Aggregation)
    assert [one.client for one in round_.accepted] == ["client 2"]
    assert [one.reason for one in round_.rejected] == ["ValueError: stuck", "its reply has no parameters"]


def test_a_round_counts_only_if_a_client_returned_other_parameters_than_it_got():
    observed = Observed((message(1, 0, "w0", "w0"), message(2, 0, "w0", ""), message(3, 0, "w0", "w1")))

    assert (observed.rounds, observed.clients) == ([3], 1)


def test_parameters_of_each_client_s_own_have_no_common_start():
    [round_] = of(ledger(message(1, 0, "a", "a1"), message(1, 1, "b", "b1")), Aggregation)

    assert (round_.digest_in, bool(round_.missing["digest_in"])) == (None, True)


def test_a_run_that_did_not_end_is_closed_as_failed_and_a_torn_line_is_left_out(tmp_path):
    file = tmp_path / "events.jsonl"
    lines = [json.dumps(one) for one in rounds()]
    file.write_text("\n".join(lines) + '\n{"event": "mess')

    write_ledger(Observed.read(file), tmp_path / "ledger.jsonl")

    closed = read_ledger(tmp_path / "ledger.jsonl").closed
    assert (closed.outcome, closed.rounds) == ("failed", 3)


def test_a_loss_that_is_not_finite_is_counted():
    findings = diagnose(
        ledger(message(1, 0, "a", "b", values={"train_loss": float("nan")})), only=["loss.finite"]
    ).findings

    assert [one.verdict for one in findings] == ["fail"]


@pytest.mark.parametrize(
    ("given", "kind", "first", "last"),
    [(rounds(), "evaluation", 3.0, 1.0), (rounds(evaluated=False), "training", 4.0, 2.0)],
    ids=["evaluation", "training"],
)
def test_the_change_of_the_loss_is_of_evaluations_where_there_are_some(given, kind, first, last):
    change = change_of_loss(ledger(*given))

    assert (change.kind, change.first, change.last, change.last_round) == (kind, first, last, 3)


@pytest.mark.parametrize(
    ("values", "loss"),
    [({"test_logloss": 0.5, "accuracy": 0.9}, 0.5), ({"a_loss": 0.5, "b_loss": 0.6}, None), ({}, None)],
)
def test_a_loss_of_any_kind_is_read_where_there_is_only_one(values, loss):
    evaluated = of(ledger(message(1, 0, "w1", "", kind="evaluate", values=values)), Evaluation)
    [training] = of(ledger(message(1, 0, "w1", "w2", values=values)), Training)

    assert [one.loss for one in evaluated] == ([] if loss is None else [loss])
    assert training.policy_loss == [loss]


def test_no_change_is_known_of_one_round_or_of_clients_that_are_never_the_same():
    assert change_of_loss(ledger(*rounds(losses=(1.0,)))) is None
    others = [message(number, number, "a", "b", values={"train_loss": 1.0 / number}) for number in (1, 2)]
    assert change_of_loss(ledger(*others)) is None
