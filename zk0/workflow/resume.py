"""Resume a run: which steps run again, from its state. Finished steps stay, the one that was running runs again."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pydantic import BaseModel, ValidationError

from zk0.core.errors import RequestError, UnknownNameError
from zk0.core.portable_paths import to_local
from zk0.core.verdicts import Verdict
from zk0.workflow.attempt import AskOutputs
from zk0.workflow.expressions import StepScope
from zk0.workflow.fitting import nearest
from zk0.workflow.plan import Plan, PlannedStep
from zk0.workflow.program_outputs import declared_outputs, outputs_model
from zk0.workflow.services import ServiceOutputs
from zk0.workflow.spec import OnFail, WorkflowSpec, WorkflowStep
from zk0.workflow.state import RunState, RunStatus, StepState


def first_to_redo(state: RunState, asked: str | None) -> str | None:
    """Return the step from which on a run is done again; None if it continues after its finished steps.

    It is the requested step. For a run that failed, it is the first step that failed: the cause has been repaired.

    Raises:
        UnknownNameError: the run has no such step.
        RequestError: the run is done or was cancelled, and no step was requested.
    """
    ids = [step.id for step in state.steps if "/" not in step.id]
    if asked is not None:
        if asked not in ids:
            raise UnknownNameError(f'run {state.run} has no step "{asked}"{nearest(asked, ids)}', remedy="zk0 show RUN")
        return asked
    if state.status in (RunStatus.done, RunStatus.cancelled):
        word = "is done" if state.status is RunStatus.done else "was cancelled"
        raise RequestError(f"run {state.run} {word}", remedy=f"zk0 resume {state.run} --from STEP")
    if state.status is RunStatus.failed:
        return next((step.id for step in state.steps if step.verdict and step.verdict.stops), None)
    return None


@dataclass(frozen=True)
class Redone:
    """The steps of a run that run again; within those in `partly`, what succeeded stays."""

    steps: tuple[str, ...] = ()
    partly: tuple[str, ...] = ()


@dataclass(frozen=True)
class NewSpec:
    """The workflow file that a run goes on with, the files it performs, and the steps that are not as they were."""

    text: str
    nested: Mapping[str, str]
    changed: frozenset[str]


def changed_steps(old: WorkflowSpec | None, new: WorkflowSpec, *, same_library: bool) -> frozenset[str]:
    """Return the steps that another workflow file says differently or adds; all if the old one is not known.

    Args:
        old: the workflow that the run performed.
        new: the workflow that it goes on with.
        same_library: whether the workflows that both perform are the same.
    """
    before = {step.id: step for step in old.steps} if old else {}
    changed = {step.id for step in new.steps if before.get(step.id) != step}
    performing = {step.id for step in new.steps if isinstance(step, WorkflowStep) or isinstance(step.on_fail, OnFail)}
    return frozenset(changed if same_library else changed | performing)


def to_redo(state: RunState, plan: Plan, *, failed: bool, changed: Collection[str] = (), since: str = "") -> Redone:
    """Return the steps of a run that run again, and all that depend on them.

    Args:
        state: the run.
        plan: its plan.
        failed: whether those that failed run again.
        changed: those that another workflow file says differently.
        since: the step from which on all run again.
    """
    broken = {step.id for step in state.steps if failed and step.verdict and step.verdict.stops}
    ids = [step.id for step in plan.steps]
    again = {*changed, *(ids[ids.index(since) :] if since in ids else ())}
    redone: set[str] = set()
    partly = []
    for step in plan.steps:
        behind = step.id in again or step.depends_on(redone)
        if behind or step.id in broken:
            redone.add(step.id)
        if step.id in broken and not behind:
            partly.append(step.id)
    return Redone(tuple(step.id for step in plan.steps if step.id in redone), tuple(partly))


def scope_of(step: PlannedStep, before: StepState, root: Path) -> StepScope:
    """Return a step that ended before the run was resumed as expressions see it."""
    verdict = before.verdict or Verdict.not_available
    if before.receipt and (step.each is not None or step.kind == "workflow"):
        return StepScope(verdict, SimpleNamespace(**to_local(before.receipt.outputs, root)))
    if before.receipt is None or not before.receipt.outputs:  # a program that failed has printed into its log
        return StepScope(verdict)
    models: dict[str, type[BaseModel]] = {"run": outputs_model(declared_outputs(step.spec)), "ask": AskOutputs}
    if step.is_service:
        models["run"] = ServiceOutputs
    model = step.action.outputs if step.action else models[step.kind]
    return StepScope(verdict, _outputs(model, to_local(before.receipt.outputs, root)))


def _outputs(model: type[BaseModel], values: dict[str, Any]) -> object:
    try:
        return model.model_validate(values)
    except ValidationError:  # a number that is not finite is null in a receipt, and the code may have changed since
        return values
