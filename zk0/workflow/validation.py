"""Do the names in a workflow file exist, and do its values fit? Every flaw, each with its place.

This goes over a `Draft`, the parts of a file that have the right shape, so that a typing error in one step does not
hide an unknown action in another. Actions and checks are looked up, which imports their modules; nothing is run.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel

from zk0.core.checks import CHECKS
from zk0.core.errors import UnknownNameError
from zk0.workflow.actions import ACTIONS, Action
from zk0.workflow.attempt import AskOutputs
from zk0.workflow.declared_secrets import unkept
from zk0.workflow.fitting import Flaw, Path, misfits, nearest
from zk0.workflow.inputs import coerce, default_of
from zk0.workflow.nesting import EachOutputs, Finder, nested_flaws, nested_outputs, structure_flaws
from zk0.workflow.programs import CommandOutputs, check_named
from zk0.workflow.references import Surroundings, check_uses, expression_flaws, output_flaws, templates_in
from zk0.workflow.spec import (
    AnyStep,
    AskStep,
    CheckUse,
    InputSpec,
    OnFail,
    RepeatedStep,
    RunStep,
    UsesStep,
    WorkflowSpec,
    WorkflowStep,
)


@dataclass(frozen=True)
class DraftStep:
    """A step as far as it can be understood; `step` is None where its shape is wrong."""

    id: str | None
    step: AnyStep | None


@dataclass(frozen=True)
class Draft:
    """The understood parts of a workflow file; an input of the wrong shape is None."""

    inputs: Mapping[str, InputSpec | None]
    steps: tuple[DraftStep, ...]
    outputs: Mapping[str, object] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()


def flaws(draft: Draft, find: Finder) -> Iterator[Flaw]:
    """Yield what is wrong with the names and values of a draft; `find` gives the workflows that it performs."""
    for name, declared in draft.inputs.items():
        if declared:
            for flaw in _input_flaws(declared):
                yield flaw.within(("inputs", name), name)
    earlier: dict[str, type[BaseModel] | None] = {}
    ids = [step.id for step in draft.steps if step.id]
    for index, (step_id, step) in enumerate((part.id, part.step) for part in draft.steps):
        found: list[Flaw] = []
        outputs: type[BaseModel] | None = None
        if step:
            judged = _model(step, find)  # where a step is done for each item, checks judge each
            outputs = EachOutputs if _is_repeated(step) else judged
            repeated, own = _is_repeated(step), {step.id: judged}
            around = Surroundings(list(draft.inputs), earlier, ids, item=repeated, own=own, secrets=draft.secrets)
            found += _step_flaws(step, find, judged, around)
        if step_id in earlier:
            found.append(Flaw(("id",), "duplicate-step", "an earlier step has this id already"))
        elif step_id:
            earlier[step_id] = outputs
        for flaw in found:
            yield flaw.within(("steps", index), step_id or f"step {index + 1}")
    for flaw in output_flaws(draft.outputs, Surroundings(list(draft.inputs), earlier, ids, secrets=draft.secrets)):
        yield flaw.within(("outputs",), "outputs")


def _step_flaws(step: AnyStep, find: Finder, judged: type[BaseModel] | None, around: Surroundings) -> Iterator[Flaw]:
    if isinstance(step, UsesStep):
        yield from _action_flaws(step, _action(step))
    if isinstance(step, WorkflowStep):
        yield from nested_flaws(step.arguments, find(step.workflow), "workflow")
    if isinstance(step.on_fail, OnFail) and step.on_fail.run:
        for flaw in nested_flaws(step.on_fail.arguments, find(step.on_fail.run), "run"):
            yield replace(flaw, path=("on_fail", *flaw.path))
    yield from structure_flaws(step, around.earlier, around.ids)
    for at, use in check_uses(step):
        yield from _check_flaws(at, use, judged)
    yield from expression_flaws(step, around)


def _input_flaws(declared: InputSpec) -> Iterator[Flaw]:
    if declared.type not in ("integer", "number"):
        for bound in sorted({"minimum", "maximum"} & declared.model_fields_set):
            problem = f'"{bound}" is for integers and numbers, not for a {declared.type}'
            yield Flaw((bound,), "bad-bound", problem, key=True)
        declared = declared.model_copy(update={"minimum": None, "maximum": None})
    elif declared.minimum is not None and declared.maximum is not None and declared.minimum > declared.maximum:
        yield Flaw(("maximum",), "bad-bound", "the maximum is less than the minimum")
        return
    for index, choice in enumerate(declared.choices):
        try:
            coerce(declared, [choice] if declared.type == "list" else choice)
        except ValueError as error:
            yield Flaw(("choices", index), "bad-choice", f"the choice {error}")
    try:
        default_of(declared)
    except ValueError as error:
        yield Flaw(("default",), "bad-default", f"the default {error}")


def _action(step: AnyStep) -> Action | None:
    try:
        return ACTIONS.get(step.uses) if isinstance(step, UsesStep) else None
    except UnknownNameError:
        return None


def _action_flaws(step: UsesStep, action: Action | None) -> Iterator[Flaw]:
    if action is None:
        yield Flaw(("uses",), "unknown-action", f'unknown action "{step.uses}"{nearest(step.uses, ACTIONS.names())}')
        return
    for flaw in misfits(action.inputs, *_split(step.arguments)):
        yield flaw.within(("with",), step.uses)
    yield from unkept(step, action)


def _model(step: AnyStep, find: Finder) -> type[BaseModel] | None:
    """Return the model of what a step gives; None where that is not known."""
    match step:
        case UsesStep():
            action = _action(step)
            return action.outputs if action else None
        case RunStep():
            return CommandOutputs
        case AskStep():
            return AskOutputs
        case WorkflowStep():
            nested = find(step.workflow)
            return nested_outputs(nested) if isinstance(nested, WorkflowSpec) else None


def _is_repeated(step: AnyStep) -> bool:
    return isinstance(step, RepeatedStep) and step.foreach is not None


def _check_flaws(at: Path, use: CheckUse, outputs: type[BaseModel] | None) -> Iterator[Flaw]:
    try:
        check = check_named(use.id)
    except UnknownNameError:
        yield Flaw(at, "unknown-check", f'unknown check "{use.id}"{nearest(use.id, CHECKS.names())}')
        return
    for flaw in misfits(check.options, *_split(use.options)):
        yield flaw.within((*at, use.id), use.id)
    if outputs and (problem := check.refuse(outputs)):
        yield Flaw(at, "wrong-subject", problem)


def _split(values: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """Return the values that are written out, and the names of those that hold an expression."""
    open_names = {name for name, value in values.items() if any(templates_in(value))}
    return {name: value for name, value in values.items() if name not in open_names}, open_names
