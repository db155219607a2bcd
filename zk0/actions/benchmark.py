"""Time training and inference on this machine, and compare with earlier runs."""

from collections.abc import Iterator
from statistics import median
from typing import Literal

from pydantic import BaseModel, Field

from zk0.core.checks import check
from zk0.core.project import cache_dir
from zk0.core.receipts import ReceiptStore
from zk0.core.verdicts import Evidence, Finding, failed, not_available, passed, warned
from zk0.workflow.actions import Context, Inputs, Outputs, action
from zk0.workflow.integrity import RecordReader

ENOUGH = 3  # earlier measurements that a median needs
COMPARED = 20  # the last ones; older ones measured other code


class BenchmarkInputs(Inputs):
    """The policy and the batches to time."""

    preset: Literal["tiny", "small", "base-shape"] = "tiny"
    cameras: tuple[str, ...] = ("wrist", "overhead")
    batch_size: int = Field(16, ge=1, description="frames a step")
    runs: int = Field(20, ge=3, description="repetitions; their median counts")


class MedianTime(BaseModel):
    """A median time in milliseconds, and the same of earlier runs on this machine, oldest first."""

    now: float
    before: list[float]


class BenchmarkOutputs(Outputs):
    """Times of a training step and of an action chunk, and the memory they needed."""

    machine: str
    subject: str
    training_step: MedianTime
    action_chunk: MedianTime
    peak_memory: int = Field(description="bytes, resident")
    table: list[list[str]]


@action("benchmark.measure")
def measure(inputs: BenchmarkInputs, context: Context) -> BenchmarkOutputs:
    """Time a training step with FedProx's term, and the prediction of an action chunk."""
    from zk0.training import timing

    times = timing.measure(
        inputs.preset,
        cameras=inputs.cameras,
        batch_size=inputs.batch_size,
        runs=inputs.runs,
        seed=context.seed,
        cache=cache_dir(),
    )
    machine = timing.machine()
    subject = f"{inputs.preset}, {len(inputs.cameras)} cameras, batches of {inputs.batch_size}"
    earlier = earlier_measurements(context, machine, subject)
    step, chunk = times.step * 1000, times.action * 1000
    return BenchmarkOutputs(
        machine=machine,
        subject=subject,
        training_step=MedianTime(now=step, before=[one.training_step.now for one in earlier]),
        action_chunk=MedianTime(now=chunk, before=[one.action_chunk.now for one in earlier]),
        peak_memory=times.peak_memory,
        table=[
            ["policy", "a training step", "an action chunk", "peak memory", "machine"],
            [subject, f"{step:.1f} ms", f"{chunk:.1f} ms", f"{times.peak_memory / 2**30:.1f} GiB", machine],
        ],
    )


@check("benchmark.steady")
def steady(outputs: BenchmarkOutputs, *, doubtful: float = 1.5, slower: float = 3) -> Iterator[Finding]:
    """Training and inference are not slower than before on this machine.

    The factors are wide: a machine that does other work meanwhile is up to twice as slow.
    """
    for name, measured in (("training step", outputs.training_step), ("action chunk", outputs.action_chunk)):
        if len(measured.before) < ENOUGH:
            needs = f"needs {ENOUGH} earlier measurements here, has {len(measured.before)}"
            yield not_available(f"{measured.now:.1f} ms; {needs}", at=name)
            continue
        usual = median(measured.before)
        ratio = measured.now / usual
        evidence = [
            Evidence(name="time", value=round(measured.now, 2), unit="ms", at=name),
            Evidence(name="median before", value=round(usual, 2), unit="ms", at=name),
            Evidence(name="ratio", value=round(ratio, 3), at=name),
        ]
        message = f"{measured.now:.1f} ms, {ratio:.2f} of the median of {len(measured.before)} earlier ones"
        if ratio <= doubtful:
            yield passed(message, at=name, evidence=evidence)
        elif ratio <= slower:
            yield warned(message, at=name, evidence=evidence, remedy="measure again on an idle machine")
        else:
            yield failed(message, at=name, evidence=evidence, remedy="find the change: git bisect run zk0 run testing")


def earlier_measurements(context: Context, machine: str, subject: str) -> list[BenchmarkOutputs]:
    """Return earlier measurements of the same on this machine, by runs whose records agree."""
    records = RecordReader(context.project)
    outputs = [
        BenchmarkOutputs.model_validate(receipt.outputs)
        for receipt in ReceiptStore(context.project.runs_dir).all()
        if receipt.uses == "benchmark.measure" and receipt.failure is None and receipt.run != context.run
        if records.complaint(receipt.run) is None
    ]
    return [one for one in outputs if (one.machine, one.subject) == (machine, subject)][-COMPARED:]
