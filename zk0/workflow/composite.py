"""Composite steps, which perform a workflow or the same step for each item: their members and outputs. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model
from pydantic_core import to_jsonable_python

from zk0.core.errors import SpecError
from zk0.workflow.actions import Outputs
from zk0.workflow.expressions import Scope, StepScope, arguments_as_json, as_json, fill
from zk0.workflow.plan import Plan, PlannedStep, items_of, plan_nested, planned_step
from zk0.workflow.spec import WorkflowSpec, WorkflowStep


class EachOutputs(Outputs):
    """What a step gives that is done for each item: the outputs of all, in the order of the items."""

    each: list[Any]
    verdicts: list[str]


class NestedOutputs(Outputs):
    """What a step gives that performs a workflow: that workflow's outputs."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)


def nested_outputs(spec: WorkflowSpec) -> type[NestedOutputs]:
    """Return the model of what a workflow gives."""
    fields: dict[str, Any] = dict.fromkeys(spec.outputs, (Any, ...))
    return create_model(f"{spec.name} outputs", __base__=NestedOutputs, **fields)


@dataclass(frozen=True)
class Members:
    """The members of a step: one plan for the workflow that it performs, or one for each item, made from `inputs`."""

    inputs: Any
    plans: tuple[Plan, ...]


def members_of(step: PlannedStep, plan: Plan, scope: Scope) -> Members:
    """Return the members of a composite step.

    Raises:
        SpecError: an expression has no value, or what should be a list of items is none.
        InputError: the workflow that it performs does not take its inputs.
    """
    if step.each is None and isinstance(step.spec, WorkflowStep):
        arguments = fill(step.arguments, scope)
        return Members(arguments_as_json(arguments), (plan_nested(step.spec, arguments, plan.library, step.path),))
    items = items_of(fill(step.each, scope))
    if not isinstance(items, Sequence):
        raise SpecError(f"{step.path}: its items are not known")
    one = step.spec.model_copy(update={"foreach": None, "when": None, "needs": None, "on_fail": None})
    plans = []
    for number, item in enumerate(items):
        inner = planned_step(one, replace(scope, item=item), plan.library, f"{step.path}/{number}")
        title = f"{step.title} ({number + 1} of {len(items)})"
        plans.append(replace(plan, steps=(replace(inner, id=str(number), title=title),)))
    return Members({"foreach": as_json(items)}, tuple(plans))


def workflow_outputs(plan: Plan, scope: Scope, *, partial: bool = False) -> dict[str, Any]:
    """Return the outputs of a workflow as plain data; `scope` is its own.

    Those without a value are left out of a `partial` run, one that performs only some of the steps.

    Raises:
        SpecError: an output has no value.
    """
    outputs = {}
    for name, value in plan.spec.outputs.items():
        try:
            outputs[name] = to_jsonable_python(fill(value, scope), fallback=str)
        except SpecError as error:
            if not partial:
                raise SpecError(f"the output {name} of {plan.spec.name} has no value: {error.message}") from error
    return outputs


def each_outputs(ends: Sequence[StepScope]) -> Outputs:
    """Return the outputs of a step that was done for each item."""
    return EachOutputs(each=[_plain(end.outputs) for end in ends], verdicts=[end.verdict.value for end in ends])


def _plain(outputs: object) -> object:
    """Return a step's outputs as a receipt holds them."""
    if isinstance(outputs, BaseModel):
        return outputs.model_dump(mode="json")
    return vars(outputs) if isinstance(outputs, SimpleNamespace) else outputs
