"""Logs that other programs wrote, run by us, are read to the last number; folders and addresses in them are made up."""

from pathlib import Path

import pytest

from .conftest import LOGS

PROGRAMS = LOGS / "programs"


def test_every_recorded_log_is_in_the_bench():
    from benchmarks.program_logs import EXPECTED

    assert {path.stem for path in PROGRAMS.iterdir()} == set(EXPECTED)


@pytest.mark.parametrize(
    ("name", "logged", "evaluations", "rounds"),
    [
        ("hf-healthy", 16, [21.94, 14.67, 11.07, 9.917], 0),
        ("hf-nan", 16, [None] * 4, 0),
        ("lightning-healthy", 1, [0.0], 0),
        ("nvflare-healthy", 0, [], 3),
        ("flower-old-healthy", 0, [1.0, 0.5, 0.25, 0.125, 0.0625], 4),
        ("flower-old-evaluation-fails", 0, [1.0, 0.5], 1),
    ],
)
def test_what_it_holds_is_read(recorded, name, logged, evaluations, rounds):
    ledger = recorded(str(Path("programs") / f"{name}.log")).ledger

    assert sum(one.logged for one in ledger.trainings) == logged
    assert [one.loss for one in ledger.evaluations if one.dataset == "server"] == evaluations
    assert len(ledger.aggregations) == rounds


@pytest.mark.parametrize(
    ("name", "kind", "frame"),
    [
        ("hf-raises", "RuntimeError", "/srv/app/hf.py:17 in <module>"),
        ("lightning-raises", "RuntimeError", "/srv/app/pl.py:12 in training_step"),
        ("nvflare-raises", "ValueError", "/srv/app/nvf.py:10 in _train"),
    ],
)
def test_an_exception_is_found_with_the_user_s_frame(recorded, name, kind, frame):
    ledger = recorded(str(Path("programs") / f"{name}.log")).ledger

    assert (kind, frame) in {(one.type, one.frame) for incident in ledger.incidents for one in incident.exceptions}
