"""What a run will do, before it does anything: the steps in order with all that is known from the start.

Pure: a workflow and its inputs in, a plan out. Expressions that read only inputs are filled in and judged here, so
that a value no action takes is refused before the first step; those that read steps or the run stay as templates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from pydantic import BaseModel

from zk0.core.errors import InputError, SpecError
from zk0.workflow.actions import ACTIONS
from zk0.workflow.expressions import Template, fill, is_known, steps_in
from zk0.workflow.fitting import Flaw, misfits
from zk0.workflow.inputs import resolve_inputs
from zk0.workflow.planned import ON_FAIL, Kind, Plan, PlannedCheck, PlannedStep, validated
from zk0.workflow.programs import check_named
from zk0.workflow.scope import Scope
from zk0.workflow.spec import (
    AnyStep,
    AskStep,
    OnFail,
    RepeatedStep,
    Retry,
    RunStep,
    UsesStep,
    WorkflowSpec,
    WorkflowStep,
)


def plan(
    spec: WorkflowSpec, inputs: Mapping[str, object], library: Mapping[str, WorkflowSpec] | None = None, under: str = ""
) -> Plan:
    """Return what a run of a workflow with these resolved inputs will do.

    Args:
        spec: the workflow.
        inputs: a value for each of its inputs.
        library: the workflows it performs, by name.
        under: the path of the step that performs it, with a slash; empty for the run's own workflow.

    Raises:
        InputError: an input leads to a value that an action or a check does not take; all such problems at once.
        SpecError: an expression has no value, or `when` gives no boolean.
        UnknownNameError: an action or a check does not exist.
    """
    library, scope = library or {}, Scope(inputs)
    ids = [step.id for step in spec.steps]
    steps = tuple(
        planned_step(step, scope, library, f"{under}{step.id}", ids[:number]) for number, step in enumerate(spec.steps)
    )
    problems = [f"{step.id}: {flaw.message}" for step in steps for flaw in _misfits(step)]
    if problems:
        raise InputError("\n".join(problems), remedy=f"zk0 workflows show {spec.name}")
    return Plan(spec, inputs, steps, library)


def plan_nested(
    step: WorkflowStep, arguments: Mapping[str, Any], library: Mapping[str, WorkflowSpec], path: str
) -> Plan:
    """Return the plan of the workflow that a step performs.

    Raises:
        InputError: the workflow does not take these inputs.
    """
    spec = library[step.workflow]
    return plan(spec, resolve_inputs(spec, arguments), library, f"{path}/")


def decided(when: object, step: str) -> bool | Template:
    """Return what a filled `when` says.

    Raises:
        SpecError: it is neither true nor false.
    """
    if isinstance(when, bool | Template):
        return when
    raise SpecError(f"{step}: its when gives {when!r}, which is neither true nor false")


def planned_step(
    step: AnyStep, scope: Scope, library: Mapping[str, WorkflowSpec], path: str, before: Sequence[str] = ()
) -> PlannedStep:
    """Return a step with all that a scope knows filled in; `before` are the steps above it in its file.

    Raises:
        InputError: the workflow that it performs does not take its inputs.
        SpecError: an expression has no value.
        UnknownNameError: an action or a check does not exist.
    """
    action = ACTIONS.get(step.uses) if isinstance(step, UsesStep) else None
    arguments = _arguments(step, scope)
    when = True if step.when is None else decided(fill(step.when, scope), step.id)
    each = items_of(fill(step.foreach, scope)) if isinstance(step, RepeatedStep) else None
    fits = action and is_known(arguments) and not any(misfits(action.inputs, arguments))
    checks = tuple(PlannedCheck(check_named(use.id), fill(use.options, scope)) for use in step.checks)
    given = steps_in((arguments, each))
    read = given | steps_in([planned.options for planned in checks])
    repair = _repair(step, scope, library, path)
    nested = None
    if isinstance(step, WorkflowStep) and each is None and when is not False and is_known(arguments):
        nested = plan_nested(step, arguments, library, path)
    return PlannedStep(
        id=step.id,
        path=path,
        kind=kind_of(step),
        title=step.title,
        action=action,
        arguments=arguments,
        inputs=validated(action, arguments) if action and fits else None,
        checks=checks,
        when=when,
        retry=_retry(step),
        proposes=step.on_fail.propose if step.on_fail else None,
        spec=step,
        needs=frozenset(before) if step.needs is None else read.union(step.needs),
        given=given,
        reads=read.union(steps_in(when), steps_in(repair.arguments) - {step.id} if repair else ()),
        timeout=step.timeout,
        repair=repair,
        patient=isinstance(step, AskStep) and step.retry is None,
        each=each,
        nested=nested,
    )


def _retry(step: AnyStep) -> Retry:
    match step:
        case UsesStep() | RunStep():
            return step.retry
        case AskStep(retry=judgements) if judgements:
            return Retry(attempts=judgements.attempts)
    return Retry(attempts=1)


def _repair(step: AnyStep, scope: Scope, library: Mapping[str, WorkflowSpec], path: str) -> PlannedStep | None:
    match step.on_fail:
        case OnFail(run=str(name), arguments=arguments):
            raw = {"id": step.id, "title": f"Repair: {step.title}", "workflow": name, "with": arguments}
            spec = WorkflowStep.model_validate(raw)
            return replace(planned_step(spec, scope, library, f"{path}/{ON_FAIL}"), id=ON_FAIL)
    return None


def items_of(value: object) -> Sequence[Any] | Template | None:
    """Return the items of a filled `foreach`: of a list, or all combinations of a matrix, its last axis fastest.

    Raises:
        SpecError: it is neither.
    """
    match value:
        case None | Template():
            return value
        case Mapping() if not is_known(value):
            return next(axis for axis in value.values() if isinstance(axis, Template))
        case Mapping():
            return [dict(zip(value, chosen, strict=True)) for chosen in product(*map(_listed, value.values()))]
    return _listed(value)


def _listed(value: object) -> Sequence[Any]:
    if isinstance(value, list | tuple):
        return value
    raise SpecError(f"foreach gives {value!r}, which is no list")


def _arguments(step: AnyStep, scope: Scope) -> Any:
    match step:
        case UsesStep() | WorkflowStep():
            return fill(step.arguments, scope)
        case RunStep():
            return fill({"argv": step.run, "cwd": step.cwd, "env": step.env}, scope)
        case AskStep():
            texts = {"instruction": step.instruction, "scope": step.scope, "constraints": step.constraints}
            return {"ask": step.ask} | fill(texts, scope)


def kind_of(step: AnyStep) -> Kind:
    """Return the key by which a step says what it does."""
    match step:
        case UsesStep():
            return "uses"
        case RunStep():
            return "run"
        case AskStep():
            return "ask"
        case WorkflowStep():
            return "workflow"


def _misfits(step: PlannedStep) -> list[Flaw]:
    """Return what is known not to fit, of a step that may run."""
    if step.when is False:
        return []
    parts: list[tuple[str, type[BaseModel], Mapping[str, Any]]] = []
    parts += [(step.action.name, step.action.inputs, step.arguments)] if step.action else []
    parts += [(planned.check.id, planned.check.options, planned.options) for planned in step.checks]
    found = []
    for name, model, values in parts:
        known = {key: value for key, value in values.items() if is_known(value)}
        found += [flaw.within((), name) for flaw in misfits(model, known, values.keys() - known.keys())]
    return found
