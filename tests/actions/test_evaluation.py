"""Losses before and after training stand side by side, and what was not measured says so."""

import pytest

from zk0.actions.evaluation import SummarizeInputs, summarize
from zk0.ledger import Evaluation, LedgerWriter, RolloutResult, RunClosed


def evaluations(*losses, dataset="left", role="held-out"):
    return [
        Evaluation(round=number, dataset=dataset, role=role, loss=loss, frames=30, digest="d")
        for number, loss in enumerate(losses)
    ]


@pytest.fixture
def summary(context, tmp_path):
    """Summarize a ledger of these events."""

    def summarized(*events):
        writer = LedgerWriter(tmp_path / "ledger.jsonl")
        for event in events:
            writer.write(event)
        return summarize(SummarizeInputs(ledger=writer.path), context)

    return summarized


def test_each_data_set_has_its_loss_before_and_after(summary):
    found = summary(*evaluations(0.4, 0.3, 0.2), *evaluations(0.5, 0.6, dataset="far", role="unseen"))

    assert found.table == [
        ["data set", "role", "loss before", "loss after", "ratio", "frames"],
        ["left", "held-out", "0.400", "0.200", "0.50", "30"],
        ["far", "unseen", "0.500", "0.600", "1.20", "30"],
    ]
    assert found.results == [
        {"name": "left loss at round 0", "value": 0.4, "unit": ""},
        {"name": "left loss at round 2", "value": 0.2, "unit": ""},
        {"name": "far loss at round 0", "value": 0.5, "unit": ""},
        {"name": "far loss at round 1", "value": 0.6, "unit": ""},
    ]


def test_closed_loop_results_have_their_interval_and_others_an_empty_place(summary):
    rollout = RolloutResult(
        round=1, dataset="left", task="lift-left", episodes=20, successes=5, low=0.112, high=0.469, digest="d"
    )

    found = summary(*evaluations(0.4, 0.2), *evaluations(0.4, 0.2, dataset="right"), rollout)

    heads, left, right = found.table
    assert heads[-3:] == ["closed loop", "95 %", "blind"]
    assert left[-3:] == ["5 of 20", "11% to 47%", "12%"]
    assert right[-3:] == ["", "", ""]
    assert {"name": "left success rate of 20", "value": 0.25, "unit": ""} in found.results


@pytest.mark.parametrize(
    ("losses", "shown"),
    [
        ((0.4, None), ["0.400", "not measured", "not measured"]),
        ((None, 0.2), ["not measured", "0.200", "not measured"]),
        ((0.4,), ["0.400", "not measured", "not measured"]),
        ((0.0, 0.2), ["0.000", "0.200", "not measured"]),
    ],
    ids=["after", "before", "no round yet", "no ratio to zero"],
)
def test_what_was_not_measured_is_not_a_number(summary, losses, shown):
    found = summary(*evaluations(*losses))

    assert found.table[1][2:5] == shown


def test_a_round_is_told_once(summary):
    assert [result["name"] for result in summary(*evaluations(0.4)).results] == ["left loss at round 0"]


def test_a_ledger_without_evaluations_has_no_rows(summary):
    found = summary(RunClosed(outcome="failed", rounds=0, reason="no client came"))

    assert (len(found.table), found.results) == (1, [])
