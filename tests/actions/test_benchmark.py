"""Times of this machine, compared with its own earlier ones."""

from datetime import UTC, datetime

import pytest

from zk0.actions.benchmark import BenchmarkInputs, BenchmarkOutputs, MedianTime, measure
from zk0.core.git import GitState
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Verdict


@pytest.fixture
def outputs():
    def made(now: float, before: list[float], machine: str = "here") -> BenchmarkOutputs:
        times = MedianTime(now=now, before=before)
        return BenchmarkOutputs(
            machine=machine,
            subject="tiny, 2 cameras, batches of 16",
            training_step=times,
            action_chunk=times,
            peak_memory=2**30,
            table=[],
        )

    return made


@pytest.mark.parametrize(
    ("now", "before", "verdict"),
    [
        (120.0, [100.0, 100.0, 110.0], "pass"),
        (200.0, [100.0, 100.0, 110.0], "warn"),
        (400.0, [100.0, 100.0, 110.0], "fail"),
        (400.0, [100.0, 100.0], "not-available"),
    ],
)
def test_a_time_is_judged_by_the_median_of_earlier_ones(judge, outputs, now, before, verdict):
    findings = judge("benchmark.steady", outputs(now, before))

    assert [(finding.at, finding.verdict) for finding in findings] == [
        ("training step", verdict),
        ("action chunk", verdict),
    ]


def test_it_is_measured_on_the_real_policy_and_compared_with_this_machines_runs_only(context, outputs, save_receipt):
    first = measure(BenchmarkInputs(runs=3, batch_size=2, cameras=("wrist",)), context)
    known = first.model_dump() | {"training_step": {"now": 5.0, "before": []}}
    _keep(save_receipt, context, "earlier", known)
    _keep(save_receipt, context, "elsewhere", known | {"machine": "another"})

    again = measure(BenchmarkInputs(runs=3, batch_size=2, cameras=("wrist",)), context)

    assert first.training_step.before == []
    assert again.training_step.before == [5.0]
    assert again.training_step.now > 0
    assert again.action_chunk.now > 0
    assert "ms" in again.table[1][1]


def _keep(save_receipt, context, run, outputs):
    now = datetime.now(UTC)
    receipt = Receipt(
        run=run, workflow="testing", step="benchmark", title="Measure", uses="benchmark.measure", inputs={},
        code=GitState(), environment={}, started=now, finished=now, outputs=outputs, verdict=Verdict.passed,
    )  # fmt: skip
    save_receipt(context.project, receipt)
