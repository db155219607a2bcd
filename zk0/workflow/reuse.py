"""Whether a step has to run again: not if all that its outcome rests on equals what an earlier outcome rested on.

A basis has one digest for each part: the action, its inputs (a file or folder among them by its content, wherever it
lies), the seed, the project's code, the environment, and the checks. Titles, comments and the order of keys are in no
part.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from zk0.errors import SpecError
from zk0.receipts import Receipt, canonical_digest
from zk0.workflow.effects import Effects
from zk0.workflow.events import StepFinished
from zk0.workflow.expressions import as_json, fill
from zk0.workflow.performing import Surroundings
from zk0.workflow.planned import PlannedStep
from zk0.workflow.scope import Scope
from zk0.workflow.spec import ReusableStep
from zk0.workflow.steps import StepState, StepStatus

NOT_ASKED = 'ran because it is not to be reused (it has no "reuse: true")'
FIRST = "ran because no earlier run of it did its work"


@dataclass(frozen=True)
class Decision:
    """What an earlier outcome is good for, and why, in one sentence."""

    reason: str
    reused: StepFinished | None = None


def considered(
    step: PlannedStep, scope: Scope, around: Surroundings, effects: Effects
) -> tuple[dict[str, str], Decision]:
    """Return what a step's outcome will rest on, and whether an earlier outcome stands for it.

    Args:
        step: which; of one that has no `reuse: true`, the answer is that it runs.
        scope: what its expressions read.
        around: what is the same for every step of the run.
        effects: what reads files and earlier runs.
    """
    if not (isinstance(step.spec, ReusableStep) and step.spec.reuse):
        return {}, Decision("")
    try:
        arguments = as_json(fill(step.arguments, scope))
        checks = {planned.check.id: as_json(fill(planned.options, scope)) for planned in step.checks}
    except SpecError:
        return {}, Decision("")  # performing it will say so
    parts = {
        "action": step.uses,
        "inputs": effects.by_content(arguments),
        "seed": around.seed,
        "code": effects.code_digest(),
        "environment": dict(around.environment),
        "checks": checks,
    }
    basis = basis_of(parts)
    if not around.reuse:
        return basis, Decision("ran because it was asked to run anew")
    others = effects.outcomes(around.workflow, around.run)
    earlier = (ends[step.path] for ends in others if step.path in ends)
    return basis, decide(basis, arguments, earlier, effects.is_intact)


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
