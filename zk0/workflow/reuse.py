"""Whether a step has to run again: not if all that its outcome rests on equals what an earlier outcome rested on.

A basis has one digest for each part: the action, its inputs (a file or folder among them by its content, wherever it
lies), the seed, the project's code, the environment, and the checks. Titles, comments and the order of keys are in no
part.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from zk0.receipts import Receipt, canonical_digest
from zk0.workflow.events import StepFinished
from zk0.workflow.steps import StepState, StepStatus

NOT_ASKED = 'ran because it is not to be reused (it has no "reuse: true")'
FIRST = "ran because no earlier run of it did its work"


@dataclass(frozen=True)
class Decision:
    """What an earlier outcome is good for, and why, in one sentence."""

    reason: str
    reused: StepFinished | None = None


def basis_of(parts: Mapping[str, object]) -> dict[str, str]:
    """Return the digest of each part, 16 digits."""
    return {name: canonical_digest(part)[:16] for name, part in parts.items()}


def decide(basis: Mapping[str, str], inputs: object, earlier: Iterable[StepFinished], intact: Any) -> Decision:
    """Return whether an earlier outcome stands for this one.

    Args:
        basis: what the outcome would rest on now.
        inputs: the inputs now, to say which of them changed.
        earlier: earlier outcomes of the step, newest first.
        intact: tells whether what a receipt says was made is still there, unchanged.
    """
    newest: StepFinished | None = None
    for event in earlier:
        if event.receipt.verdict.stops or not event.basis:
            continue
        newest = newest or event
        if event.basis == basis:
            if not intact(event.receipt):
                return Decision(f"ran because what run {event.receipt.run} made is gone or was changed")
            parts = "action, inputs, code, environment and checks"
            return Decision(f"reused because {parts} equal those of run {event.receipt.run}", event)
    if newest is None:
        return Decision(FIRST)
    changed = [name for name in basis if basis[name] != newest.basis.get(name)]
    told = "; ".join(_change(name, inputs, newest.receipt) for name in changed)
    return Decision(f"ran because {told} since run {newest.receipt.run}")


def explanation(step: StepState) -> str:
    """Return in one sentence why a step of a run stands as it does."""
    match step.status:
        case StepStatus.finished:
            return f"{step.id} {step.reason or NOT_ASKED}"
        case StepStatus.skipped:
            return f"{step.id} was skipped because {step.reason}"
        case StepStatus.waiting:
            return f"{step.id} waits for {step.ask}: {step.handover}"
        case StepStatus.started:
            return f"{step.id} began and did not end"
    return f"{step.id} was not reached"


def _change(name: str, inputs: object, before: Receipt) -> str:
    if name != "inputs" or not isinstance(inputs, Mapping):
        return f"the {name} changed"
    values = [
        f"{key} {before.inputs.get(key)!r} → {value!r}"
        for key, value in inputs.items()
        if before.inputs.get(key) != value
    ]
    return f"the inputs changed ({', '.join(values)})" if values else "the content of an input changed"
