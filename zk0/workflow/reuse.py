"""Reuse of outcomes: a step with `reuse: true` does not run again if its basis equals that of an earlier outcome.

A basis has a digest for each part: the action, each input (a file or folder by its content, wherever it is), the seed,
the project's code, the environment and the checks. Titles, comments, the order of keys and checks, and defaults that
are written out make no difference.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from zk0.core.checks import Check
from zk0.core.errors import InputError, RequestError
from zk0.core.receipts import Receipt, canonical_digest
from zk0.workflow.attempt import RunContext, recorded_inputs
from zk0.workflow.effects import Effects
from zk0.workflow.events import StepFinished
from zk0.workflow.expressions import Scope, as_json, fill
from zk0.workflow.plan import PlannedStep, validated
from zk0.workflow.spec import ReusableStep
from zk0.workflow.state import StepState, StepStatus

INPUT = "input "  # begins the name of a part that is one input
NUMBER = re.compile(r"/[0-9]+(?=/|$)")  # of an item, in the path of a step
NOT_ASKED = 'ran because it is not to be reused (it has no "reuse: true")'
FIRST = "ran because no earlier run of it did its work"


@dataclass(frozen=True)
class ReuseDecision:
    """The decision to reuse an earlier outcome or to run, with the reason in one sentence."""

    reason: str
    reused: StepFinished | None = None


def decide_reuse(
    step: PlannedStep, scope: Scope, context: RunContext, effects: Effects
) -> tuple[dict[str, str], ReuseDecision]:
    """Return the basis of a step's outcome, and the decision to reuse an earlier one."""
    if not (isinstance(step.spec, ReusableStep) and step.spec.reuse):
        return {}, ReuseDecision("")
    try:
        arguments = fill(step.arguments, scope)
        inputs = {name: as_json(value) for name, value in arguments.items()}
        if step.action:  # also what is left to its default is an input
            inputs = recorded_inputs(validated(step.action, effects.reveal(arguments)), arguments)
        checks = [checked_by(planned.check, fill(planned.options, scope)) for planned in step.checks]
    except RequestError:
        return {}, ReuseDecision("ran because it has no inputs to look for an earlier run with")  # performing says why
    parts = {
        "action": step.uses,
        **{f"{INPUT}{name}": effects.digest_files(value) for name, value in inputs.items()},
        "seed": context.seed,
        "code": effects.code_digest(),
        "environment": dict(context.environment),
        "checks": sorted(checks),
    }
    basis = basis_of(parts)
    if not context.reuse:
        return basis, ReuseDecision("ran because a fresh run was requested")
    outcomes = effects.earlier_outcomes(context.workflow, context.run)
    return basis, decide(basis, inputs, candidates(step.path, outcomes), effects.is_intact)


def basis_of(parts: Mapping[str, object]) -> dict[str, str]:
    """Return the digest of each part, 16 digits."""
    return {name: canonical_digest(part)[:16] for name, part in parts.items()}


def decide(
    basis: Mapping[str, str],
    inputs: Mapping[str, object],
    earlier: Iterable[StepFinished],
    intact: Callable[[Receipt], bool],
) -> ReuseDecision:
    """Compare a basis with those of earlier outcomes of the step, newest first.

    `inputs` are those of now, to say which of them changed; `intact` says whether the artifacts of a receipt are still
    there, unchanged.
    """
    newest: StepFinished | None = None
    gone: StepFinished | None = None
    for event in earlier:
        if event.receipt.verdict.stops or not event.basis:
            continue
        newest = newest or event
        if event.basis == basis:
            if intact(event.receipt):
                parts = "action, inputs, code, environment and checks"
                return ReuseDecision(f"reused because {parts} equal those of run {event.receipt.run}", event)
            gone = gone or event
    if gone:
        return ReuseDecision(f"ran because what run {gone.receipt.run} made is gone or was changed")
    if newest is None:
        return ReuseDecision(FIRST)
    return ReuseDecision(f"ran because {_changes(basis, inputs, newest)} since run {newest.receipt.run}")


def candidates(path: str, outcomes: Iterable[Mapping[str, StepFinished]]) -> Iterator[StepFinished]:
    """Yield the earlier outcomes that a step may reuse, newest first.

    After those of its own path come, for a step that is done for an item, those of the other items in the newest run:
    an inserted item changes the numbers of those behind it.
    """
    newest: Mapping[str, StepFinished] = {}
    for ends in outcomes:
        newest = newest or ends
        if path in ends:
            yield ends[path]
    if NUMBER.search(path):
        alike = NUMBER.sub("/", path)
        yield from (end for other, end in newest.items() if other != path and NUMBER.sub("/", other) == alike)


def checked_by(check: Check, options: Mapping[str, Any]) -> str:
    """Return the text that identifies a check in a basis: its name, and all of its options.

    Raises:
        InputError: the options are not valid.
    """
    try:
        return f"{check.id} {check.options.model_validate(options).model_dump_json(fallback=str)}"
    except ValidationError as error:
        raise InputError(f"{check.id} does not take {options}") from error


def explanation(step: StepState) -> str:
    """Return in one sentence why a step is in its state."""
    match step.status:
        case StepStatus.finished:
            return f"{step.id} {step.reason or NOT_ASKED}"
        case StepStatus.skipped:
            return f"{step.id} was skipped because {step.reason}"
        case StepStatus.waiting:
            return f"{step.id} waits for {step.ask}: {step.handover}"
        case StepStatus.interrupted:
            return f"{step.id} was interrupted; zk0 resume does it again"
        case StepStatus.started:
            return f"{step.id} began and did not end"
    return f"{step.id} was not reached"


def _changes(basis: Mapping[str, str], inputs: Mapping[str, object], before: StepFinished) -> str:
    """Return in words what changed in a basis."""
    changed = [name for name in {**basis, **before.basis} if basis.get(name) != before.basis.get(name)]
    names = [name.removeprefix(INPUT) for name in changed if name.startswith(INPUT)]
    old = before.receipt.inputs
    differ = [name for name in names if old.get(name) != inputs.get(name)]
    values = [f"{name} {_shown(name, old)} → {_shown(name, inputs)}" for name in differ]
    contents = [name for name in names if name not in differ]
    changes = [f"the inputs changed ({', '.join(values)})"] if values else []
    changes += [f"the content of an input changed ({', '.join(contents)})"] if contents else []
    changes += [f"the {name} changed" for name in changed if not name.startswith(INPUT)]
    return "; ".join(changes)


def _shown(name: str, inputs: Mapping[str, object]) -> str:
    return repr(inputs[name]) if name in inputs else "nothing"
