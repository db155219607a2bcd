"""Where a run goes on: pure answers from its state. Finished steps stay, the one in flight is done again."""

from dataclasses import dataclass
from types import SimpleNamespace

from pydantic import BaseModel, ValidationError

from zk0.core.errors import RequestError, UnknownNameError
from zk0.core.verdicts import Verdict
from zk0.workflow.attempt import AskOutputs
from zk0.workflow.expressions import StepScope
from zk0.workflow.fitting import nearest
from zk0.workflow.plan import Plan, PlannedStep
from zk0.workflow.programs import CommandOutputs
from zk0.workflow.state import RunState, RunStatus, StepState


def first_to_redo(state: RunState, asked: str | None) -> str | None:
    """Return the step from which a run is done anew; None where it just goes on behind what is finished.

    That is the step that was asked for. Of a run that came to its end, it is the first step that did not do its work:
    whoever resumes it has repaired something.

    Raises:
        UnknownNameError: the run has no such step.
        RequestError: the run is done or was given up, and no step was asked for.
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
    """The steps of a run that are done anew; within those of them in `partly`, what did its work stays."""

    steps: tuple[str, ...] = ()
    partly: tuple[str, ...] = ()


def to_redo(state: RunState, plan: Plan) -> Redone:
    """Return which steps of a run that failed are done anew: those that did not do their work, and all behind them."""
    broken = {step.id for step in state.steps if step.verdict and step.verdict.stops}
    redone: set[str] = set()
    partly = []
    for step in plan.steps:
        behind = bool((step.needs | step.reads) & redone)
        if behind or step.id in broken:
            redone.add(step.id)
        if step.id in broken and not behind:
            partly.append(step.id)
    return Redone(tuple(step.id for step in plan.steps if step.id in redone), tuple(partly))


def scope_of(step: PlannedStep, before: StepState) -> StepScope:
    """Return what expressions see of a step that ended before the run was resumed."""
    verdict = before.verdict or Verdict.not_available
    if before.receipt and (step.each is not None or step.kind == "workflow"):
        return StepScope(verdict, SimpleNamespace(**before.receipt.outputs))
    if before.receipt is None or not before.receipt.outputs:  # a program that failed has printed into its log
        return StepScope(verdict)
    models: dict[str, type[BaseModel]] = {"run": CommandOutputs, "ask": AskOutputs}
    model = step.action.outputs if step.action else models[step.kind]
    return StepScope(verdict, _outputs(model, before))


def _outputs(model: type[BaseModel], before: StepState) -> object:
    values = before.receipt.outputs if before.receipt else {}
    try:
        return model.model_validate(values)
    except ValidationError:  # a number that is not finite is null in a receipt, and the code may have changed since
        return values
