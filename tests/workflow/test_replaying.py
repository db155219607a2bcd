"""Journals of earlier versions stay readable, and tell the same as when they were written."""

from pathlib import Path

import pytest

from zk0.workflow.journal import read_events
from zk0.workflow.state import fold

JOURNALS = Path(__file__).parents[1] / "resources" / "journals"

TOLD = {
    "beside": (
        "done",
        0,
        {
            "note": "pass",
            "free": "not-applicable",
            "broken": "pass",
            "broken/on-fail": "pass",
            "broken/on-fail/mend": "pass",
            "each": "pass",
            "each/0": "pass",
            "each/1": "pass",
            "show": "pass",
        },
    ),
    "first-cut": (
        "failed",
        1,
        {"note": "warn", "again": "pass", "never": "not-applicable", "bad": "fail", "halted": "not-available"},
    ),
    "groups": (
        "cancelled",
        130,
        {"sweep": "pass", "sweep/0": "pass", "sweep/1": "pass", "fix": "pass", "gate": None},
    ),
}


@pytest.mark.parametrize("name", TOLD)
def test_an_old_journal_tells_what_it_told(name):
    state = fold(read_events(JOURNALS / f"{name}.jsonl"))

    status, exit_status, verdicts = TOLD[name]
    assert (state.status, state.exit_status) == (status, exit_status)
    assert {step.id: step.verdict for step in state.steps} == verdicts
    assert all(receipt.digest for receipt in state.receipts)


def test_every_journal_that_is_kept_is_read():
    assert {path.stem for path in JOURNALS.glob("*.jsonl")} == set(TOLD)
