"""Workflows within workflows, steps done for each item, and which step needs which: is it well formed?"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ConfigDict, create_model

from zk0.workflow.actions import Outputs
from zk0.workflow.expressions import is_template
from zk0.workflow.fitting import Flaw, nearest
from zk0.workflow.inputs import coerce
from zk0.workflow.spec import AnyStep, OnFail, RepeatedStep, WorkflowSpec

# Gives the workflow of a name, or says why there is none to be had.
type Finder = Callable[[str], WorkflowSpec | str]


class EachOutputs(Outputs):
    """What a step gives that is done for each item: the outputs of all, in the order of the items."""

    each: list[Any]
    verdicts: list[str]


class NestedOutputs(Outputs):
    """What a step gives that performs a workflow: that workflow's outputs."""

    model_config = ConfigDict(extra="allow", frozen=True)


def nested_outputs(spec: WorkflowSpec) -> type[NestedOutputs]:
    """Return the model of what a workflow gives."""
    fields: dict[str, Any] = dict.fromkeys(spec.outputs, (Any, ...))
    return create_model(f"{spec.name} outputs", __base__=NestedOutputs, **fields)


def nested_flaws(arguments: Mapping[str, Any], found: WorkflowSpec | str, key: str) -> Iterator[Flaw]:
    """Yield what is wrong with how a workflow is performed, whose name stands under `key`."""
    if isinstance(found, str):
        yield Flaw((key,), "unknown-workflow", found)
        return
    for name, value in arguments.items():
        declared = found.inputs.get(name)
        if declared is None:
            problem = f'{found.name} has no input "{name}"{nearest(name, found.inputs)}'
            yield Flaw(("with", name), "unknown-key", problem, key=True)
        elif not (isinstance(value, str) and is_template(value)):
            try:
                coerce(declared, value)
            except ValueError as error:
                yield Flaw(("with", name), "bad-value", f"{found.name}: {name} {error}")
    for name, declared in found.inputs.items():
        if declared.required and name not in arguments:
            yield Flaw((key,), "missing-key", f'{found.name}: the input "{name}" must be given')


def structure_flaws(step: AnyStep, earlier: Mapping[str, object], ids: Sequence[str]) -> Iterator[Flaw]:
    """Yield what is wrong with what a step needs, and with its items."""
    for index, name in enumerate(step.needs or ()):
        if name in earlier:
            continue
        problem = f'unknown step "{name}"{nearest(name, earlier)}'
        if name == step.id:
            problem = "a step can't need itself"
        elif name in ids:
            problem = f'step "{name}" does not come before this one; a step needs earlier ones, so there is no circle'
        yield Flaw(("needs", index), "bad-needs", problem)
    repaired = isinstance(step.on_fail, OnFail) and step.on_fail.run
    if repaired and isinstance(step, RepeatedStep) and step.foreach is not None:
        problem = "a step with items can't run a repair; put it into a workflow, and give the items to that one"
        yield Flaw(("on_fail", "run"), "bad-foreach", problem, key=True)
    if isinstance(step, RepeatedStep) and isinstance(step.foreach, str) and not is_template(step.foreach):
        yield Flaw(("foreach",), "bad-foreach", '"foreach" is a list, a matrix, or one whole expression: "{{ … }}"')
