"""Reuse of outcomes: a step with `reuse: true` does not run again if its basis equals that of an earlier outcome.

Titles, comments, the order of keys and checks, and defaults that are written out make no difference. Where a trace
showed that a program opened nothing of the project but what it declares, the rest of the project makes none either.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from zk0.core.errors import RequestError
from zk0.core.pages import join_first
from zk0.core.portable_paths import to_portable
from zk0.core.receipts import Receipt, canonical_digest
from zk0.workflow.attempt import Attempt, RunContext
from zk0.workflow.basis import (
    CODE,
    FILE,
    INPUT,
    PROJECT,
    READS,
    Basis,
    differing,
    find_basis,
    left_out,
    own_products,
)
from zk0.workflow.dependencies import Dependencies, NotComparableError
from zk0.workflow.effects import Effects
from zk0.workflow.events import StepFinished
from zk0.workflow.expressions import Scope
from zk0.workflow.plan import PlannedStep
from zk0.workflow.spec import ReusableStep
from zk0.workflow.state import StepState, StepStatus
from zk0.workflow.trace import TRACE, UNDECLARED, holds, is_fact, say_fact

MEANWHILE = "meanwhile"  # a part of a basis that equals none: what changed while the step ran
SHOWN = 5  # files that a reason names
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
    if not _may_be_reused(step):
        return {}, ReuseDecision("")
    try:
        basis = find_basis(step, scope, context, effects)
    except NotComparableError as error:
        return {}, ReuseDecision(f"ran because what it depends on can't be compared: {error.message}")
    except RequestError:
        return {}, ReuseDecision("ran because it has no inputs to look for an earlier run with")  # performing says why
    if not context.reuse:
        return basis.parts, ReuseDecision("ran because a fresh run was requested")
    outcomes = effects.earlier_outcomes(context.workflow, context.run)
    own = own_products(basis.inputs, effects.dependencies())
    files = EarlierFiles(effects.dependencies(), effects.is_intact, own)
    return basis.parts, decide(basis, candidates(step.path, basis.parts, outcomes), files)


def _may_be_reused(step: PlannedStep) -> bool:
    return isinstance(step.spec, ReusableStep) and step.spec.reuse


@dataclass(frozen=True)
class EarlierFiles:
    """What can be asked of the files that an earlier outcome made, and of those that a trace of it saw."""

    dependencies: Dependencies
    intact: Callable[[Receipt], bool]
    own: frozenset[str] = frozenset()

    def broken(self, event: StepFinished) -> list[str]:
        """Return what a trace saw and is no longer so."""
        facts = {name: value for name, value in event.basis.items() if is_fact(name)}
        return [name for name, value in facts.items() if not holds(name, value, self.dependencies, self.own)]


def decide(basis: Basis, earlier: Iterable[StepFinished], files: EarlierFiles) -> ReuseDecision:
    """Compare a basis with those of earlier outcomes of the step, newest first."""
    nearest: tuple[list[str], StepFinished] | None = None
    gone: StepFinished | None = None
    for event in earlier:
        if event.receipt.verdict.stops or not event.basis:
            continue
        changed = _changed(basis.parts, event.basis) or files.broken(event)
        if not changed:
            if files.intact(event.receipt):
                return ReuseDecision(_reused(event), event)
            gone = gone or event
        elif nearest is None or len(changed) < len(nearest[0]):
            nearest = changed, event
    if gone:
        return ReuseDecision(f"ran because what run {gone.receipt.run} made is gone or was changed")
    if nearest is None:
        return ReuseDecision(FIRST)
    changed, event = nearest
    said = _say_changes(changed, basis, event, files.dependencies.project.root)
    return ReuseDecision(f"ran because {said} since run {event.receipt.run}")


def confirm(
    basis: dict[str, str], step: PlannedStep, scope: Scope, attempt: Attempt, effects: Effects
) -> dict[str, str]:
    """Return the basis to record after a step ran: with what a trace saw, and with what changed while it ran.

    If something changed, it is not known which of both the step read; then its outcome is never reused.
    """
    if not basis or attempt.verdict.stops:
        return basis
    seen = attempt.trace.facts if attempt.trace else {}
    try:
        after = find_basis(step, scope, attempt.context, effects)
    except RequestError as error:
        return basis | {MEANWHILE: error.message}
    changed = [name for name in differing(basis, after.parts) if not (TRACE in seen and name == PROJECT)]
    files = [name for part in changed for name in _files_of(part, basis, after, attempt, effects)]
    return basis | seen | ({MEANWHILE: _listed(files)} if files else {})


def _files_of(part: str, basis: Mapping[str, str], after: Basis, attempt: Attempt, effects: Effects) -> list[str]:
    """Return what to name of a part that changed while a step ran: of all files of the project, those that did."""
    if part not in (PROJECT, CODE):
        return [_bare(part)]
    dependencies = effects.dependencies()
    changed = dependencies.changed_files(basis[part], after.parts[part])
    dropped = (
        left_out(attempt.context, own_products(after.inputs, dependencies)) if part == PROJECT else frozenset[str]()
    )
    return [name for name in changed if name not in dropped] or [f"the {part}"]


class RunOutcomes(dict[str, StepFinished]):
    """The outcomes of the steps of one run, by path."""

    def alike(self, path: str, basis: Mapping[str, str]) -> list[StepFinished]:
        """Return the outcomes of the other items of a step that may have this basis."""
        return [end for end in self._items.get(_item_key(path, basis), ()) if end.receipt.step != path]

    @cached_property
    def _items(self) -> dict[tuple[str, str], list[StepFinished]]:
        found: dict[tuple[str, str], list[StepFinished]] = {}
        for path, end in self.items():
            if NUMBER.search(path):
                found.setdefault(_item_key(path, end.basis), []).append(end)
        return found


def _item_key(path: str, basis: Mapping[str, str]) -> tuple[str, str]:
    """Return what the outcomes of two items share, if one can stand for the other."""
    own = {name: digest for name, digest in basis.items() if not (is_fact(name) or name in (PROJECT, TRACE))}
    return NUMBER.sub("/", path), canonical_digest(own)


def candidates(
    path: str, basis: Mapping[str, str], outcomes: Iterable[Mapping[str, StepFinished]]
) -> Iterator[StepFinished]:
    """Yield the earlier outcomes that a step may reuse, newest first.

    After those of its own path come, for a step that is done for an item, those of the other items in the newest run:
    an inserted item changes the numbers of those behind it.
    """
    newest: Mapping[str, StepFinished] = {}
    for ends in outcomes:
        newest = newest or ends
        if path in ends:
            yield ends[path]
    if NUMBER.search(path) and isinstance(newest, RunOutcomes):
        yield from newest.alike(path, basis)


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


def _changed(basis: Mapping[str, str], before: Mapping[str, str]) -> list[str]:
    """Return the names of the parts that changed; where a trace stands for the project, without that part."""
    names = (name for name in differing(basis, before) if not is_fact(name) and name != TRACE)
    return [name for name in names if not (TRACE in before and name == PROJECT)]


def _reused(event: StepFinished) -> str:
    run = event.receipt.run
    if TRACE in event.basis:
        parts = "program, inputs, declared files, environment and checks"
        return f"reused because {parts} equal those of run {run}, whose trace shows that it opens nothing else"
    parts = "program, inputs, files" if PROJECT in event.basis else "action, inputs"
    return f"reused because {parts}, code, environment and checks equal those of run {run}"


def _say_changes(changed: list[str], basis: Basis, before: StepFinished, root: Path) -> str:
    """Return in words what changed in a basis."""
    for marker, said in (
        (UNDECLARED, "it opened files that it does not declare"),
        (MEANWHILE, "files changed while it ran"),
    ):
        if marker in before.basis:
            return f"{said} ({before.basis[marker]})"
    inputs, old = to_portable(basis.inputs, root), before.receipt.inputs
    names = [name.removeprefix(INPUT) for name in changed if name.startswith(INPUT)]
    values = [
        f"{name} {_shown(name, old)} → {_shown(name, inputs)}" for name in names if old.get(name) != inputs.get(name)
    ]
    contents = [_bare(name) for name in changed if name.startswith((FILE, READS))]
    changes = [f"the inputs changed ({', '.join(values)})"] if values else []
    changes += [f"the content of {_listed(contents)} changed"] if contents else []
    for name in changed:
        if is_fact(name):
            changes.append(say_fact(name))
        elif name == PROJECT:
            changes += [] if contents else ["files of the project changed"]
        elif not name.startswith((INPUT, FILE, READS)):
            changes.append(f"the {name} changed")
    return "; ".join(changes) or "the inputs changed"


def _listed(names: list[str]) -> str:
    return join_first(list(dict.fromkeys(names)), SHOWN)


def _bare(name: str) -> str:
    """Return what a part is about."""
    return name.removeprefix(INPUT).removeprefix(FILE).removeprefix(READS)


def _shown(name: str, inputs: Mapping[str, object]) -> str:
    return repr(inputs[name]) if name in inputs else "nothing"
