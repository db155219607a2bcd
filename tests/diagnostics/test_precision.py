"""The loss scale of half precision: it looks for its level, or there is none."""

import pytest

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict
from zk0.ledger import Incident, IncidentKind


def lowered(text: str, *, after: int = 0, count: int = 3) -> Incident:
    return Incident(
        kind=IncidentKind.scale_lowered, round=None, client=None, text=text, count=count, progress_after=after
    )


@pytest.mark.parametrize(
    "text",
    [
        "| WARNING: overflow detected, setting loss scale to: 0.0001220703125",
        "Gradient overflow.  Skipping step, loss scaler 0 reducing loss scale to 1.1e-14",
        "OVERFLOW! Rank 0 Skipping step. Attempted loss scale: 0.5, reducing to 0.25",
        "[deepscale] OVERFLOW! Rank 0 Skipping step. Attempted loss scale: 1, reducing to 1",
    ],
)
def test_a_scale_below_one_at_the_end_fails(judge, text):
    [finding] = judge("precision.loss-scale", lowered(text))

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.loss_not_finite)


def test_where_work_went_on_it_is_a_warning(judge):
    [finding] = judge("precision.loss-scale", lowered("Gradient overflow. reducing loss scale to 0.5", after=9))

    assert finding.verdict is Verdict.warned


@pytest.mark.parametrize("scale", [1, 4096, 65536])
def test_a_scaler_that_looks_for_its_scale_passes(judge, scale):
    [finding] = judge("precision.loss-scale", lowered(f"Attempted loss scale: {2 * scale}, reducing to {scale}"))

    assert finding.verdict is Verdict.passed


@pytest.mark.parametrize(
    ("count", "after", "verdict"), [(5, 0, Verdict.warned), (5, 9, Verdict.passed), (2, 0, Verdict.passed)]
)
def test_a_log_that_ends_in_overflows_at_a_scale_of_2_finds_no_level(judge, count, after, verdict):
    [finding] = judge("precision.loss-scale", lowered("scale: 4, reducing to 2", count=count, after=after))

    assert finding.verdict is verdict


def test_without_such_lines_nothing_is_judged(judge):
    [finding] = judge("precision.loss-scale", lowered("overflow detected"))

    assert finding.verdict is Verdict.not_applicable
