"""What a run of an app came to is read from what its clients replied, and is about the code that it executed."""

import pytest

from zk0.actions.app_results import CompareLossInputs, compare
from zk0.federation.own_app.observations import Observed, write_ledger

EXECUTED = ["levers/fedprox.py:train", "levers/strategy.py:LeverStrategy.aggregate_train", "levers/__init__.py:rate"]


@pytest.fixture
def compared(tmp_path, context):
    """Return what a run came to whose clients replied with these losses, round by round."""

    def made(*losses, executed=None):
        messages = [
            {
                "event": "message",
                "kind": "evaluate",
                "round": number,
                "node": 0,
                "sent": {"digest": f"w{number}", "moved": None, "values": {}},
                "reply": {"digest": "", "moved": None, "values": values, "examples": 1},
                "error": None,
                "seconds": 0.1,
                "peak_memory": 1,
            }
            for number, values in enumerate(({} if loss is None else {"loss": loss} for loss in losses), start=1)
        ]
        write_ledger(Observed((*messages, {"event": "ended"})), tmp_path / "ledger.jsonl")
        return compare(CompareLossInputs(ledger=tmp_path / "ledger.jsonl", executed=executed), context)

    return made


@pytest.mark.parametrize(
    ("losses", "verdict"),
    [
        ((2.0, 3.0, 1.0), "pass"),
        ((1.0, 0.5, 2.0), "fail"),
        ((1.0, 1.0), "fail"),
        ((1.0,), "not-available"),
        ((None, None), "not-available"),
        ((None, 2.0, None), "not-available"),
    ],
)
def test_the_loss_has_to_fall_from_the_first_round_to_the_last(compared, judge, losses, verdict):
    assert [one.verdict for one in judge("app.learns", compared(*losses))] == [verdict]


def test_both_losses_are_results_of_the_run(compared):
    values = {one["name"]: one["value"] for one in compared(2.0, 1.0).results}

    assert values == {"evaluation loss at round 1": 2.0, "evaluation loss at round 2": 1.0}


@pytest.mark.parametrize(
    ("target", "verdict"),
    [
        ("levers/fedprox.py:train", "pass"),
        ("./levers/fedprox.py:train", "pass"),
        ("levers.fedprox:train", "pass"),
        ("levers.fedprox.train", "pass"),
        ("levers.strategy:LeverStrategy", "pass"),
        ("levers:rate", "pass"),
        ("levers/fedprox.py:tra", "not-available"),
        ("levers/unused.py:LeverStrategy", "not-available"),
        ("fedprox.py:train", "not-available"),
    ],
)
def test_a_run_is_about_the_code_that_it_executed(compared, judge, target, verdict):
    outputs = compared(executed=EXECUTED)

    assert [one.verdict for one in judge("app.executes", outputs, target=target)] == [verdict]


def test_where_it_was_not_observed_nothing_is_claimed(compared, judge):
    [finding] = judge("app.executes", compared(), target="levers/fedprox.py:train")

    assert finding.verdict == "not-available"
