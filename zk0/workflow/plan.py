"""What a run will do, before it does anything: the steps in order with all that is known from the start.

Pure: a workflow and its inputs in, a plan out. Expressions that read only inputs are filled in and judged here, so
that a value no action takes is refused before the first step; those that read steps or the run stay as templates.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from zk0.checks import Check
from zk0.errors import InputError, SpecError
from zk0.workflow.actions import ACTIONS, Action, Inputs
from zk0.workflow.commands import check_named
from zk0.workflow.expressions import Template, as_json, fill, is_known
from zk0.workflow.fitting import Flaw, flaw_of, misfits
from zk0.workflow.scope import Scope
from zk0.workflow.spec import AnyStep, AskStep, Retry, RunStep, UsesStep, WorkflowSpec

type Kind = Literal["uses", "run", "ask"]


@dataclass(frozen=True)
class PlannedCheck:
    """A check of a step with its options, as far as they are known."""

    check: Check
    options: Mapping[str, Any]


@dataclass(frozen=True)
class PlannedStep:
    """A step with what is known of it before the run.

    `id` is its name among its siblings, `path` its name in the run. `action` is None for a step that runs a program
    or asks somebody; then `arguments` are the argv, cwd, env and timeout, or what is asked. `inputs` is the action's
    validated input where all its arguments are known. `when` is False or True where it is known. A `patient` step
    waits as long as it takes.
    """

    id: str
    path: str
    kind: Kind
    title: str
    action: Action | None
    arguments: Mapping[str, Any]
    inputs: Inputs | None
    checks: tuple[PlannedCheck, ...]
    when: bool | Template
    retry: Retry
    proposes: str | None
    patient: bool = False

    @property
    def uses(self) -> str:
        """The action's name, `run`, or `ask.` and whom."""
        if self.kind == "ask":
            return f"ask.{self.arguments['ask']}"
        return self.action.name if self.action else self.kind

    @property
    def changes(self) -> tuple[str, ...]:
        """What it alters outside of its run's directory; a program may alter anything."""
        if self.action:
            return self.action.changes
        return () if self.uses == "ask.person" else ("anything",)

    def asks_for(self, step: str) -> bool:
        """Whether its `when` mentions a step, so that it may run after that one failed."""
        return isinstance(self.when, Template) and step in self.when.steps

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data, for a dry run to print."""
        return {
            "id": self.id,
            "title": self.title,
            "uses": self.uses,
            "with": as_json(self.arguments),
            "changes": list(self.changes),
            "checks": [{"id": planned.check.id, "options": as_json(planned.options)} for planned in self.checks],
            "when": as_json(self.when),
            "attempts": self.retry.attempts,
        }


@dataclass(frozen=True)
class Plan:
    """A workflow with its inputs, ready to run."""

    spec: WorkflowSpec
    inputs: Mapping[str, object]
    steps: tuple[PlannedStep, ...]

    def inputs_as_json(self) -> dict[str, Any]:
        """Return the inputs as plain data."""
        return {name: as_json(value) for name, value in self.inputs.items()}


def plan(spec: WorkflowSpec, inputs: Mapping[str, object]) -> Plan:
    """Return what a run of a workflow with these resolved inputs will do.

    Raises:
        InputError: an input leads to a value that an action or a check does not take; all such problems at once.
        SpecError: an expression has no value, or `when` gives no boolean.
        UnknownNameError: an action or a check does not exist.
    """
    scope = Scope(inputs)
    steps = tuple(_planned(step, scope) for step in spec.steps)
    problems = [f"{step.id}: {flaw.message}" for step in steps for flaw in _misfits(step)]
    if problems:
        raise InputError("\n".join(problems), remedy=f"zk0 workflows show {spec.name}")
    return Plan(spec, inputs, steps)


def validated(action: Action, arguments: Mapping[str, Any]) -> Inputs:
    """Return an action's inputs.

    Raises:
        InputError: the action does not take these arguments.
    """
    try:
        return action.inputs.model_validate(arguments)
    except ValidationError as error:
        found = [flaw_of(detail, ()).message for detail in error.errors(include_url=False)]
        raise InputError("\n".join(f"{action.name}: {message}" for message in found)) from error


def decided(when: object, step: str) -> bool | Template:
    """Return what a filled `when` says.

    Raises:
        SpecError: it is neither true nor false.
    """
    if isinstance(when, bool | Template):
        return when
    raise SpecError(f"{step}: its when gives {when!r}, which is neither true nor false")


def _planned(step: AnyStep, scope: Scope) -> PlannedStep:
    action = ACTIONS.get(step.uses) if isinstance(step, UsesStep) else None
    match step:
        case UsesStep():
            arguments = fill(step.arguments, scope)
        case RunStep():
            arguments = fill({"argv": step.run, "cwd": step.cwd, "env": step.env, "timeout": step.timeout}, scope)
        case AskStep():
            texts = {"instruction": step.instruction, "scope": step.scope, "constraints": step.constraints}
            arguments = {"ask": step.ask} | fill(texts, scope)
    fits = action and is_known(arguments) and not any(misfits(action.inputs, arguments))
    return PlannedStep(
        id=step.id,
        path=step.id,
        kind=kind_of(step),
        title=step.title,
        action=action,
        arguments=arguments,
        inputs=validated(action, arguments) if action and fits else None,
        checks=tuple(PlannedCheck(check_named(use.id), fill(use.options, scope)) for use in step.checks),
        when=True if step.when is None else decided(fill(step.when, scope), step.id),
        retry=step.retry,
        proposes=step.on_fail.propose if step.on_fail else None,
        patient=isinstance(step, AskStep) and "retry" not in step.model_fields_set,
    )


def kind_of(step: AnyStep) -> Kind:
    """Return the key by which a step says what it does."""
    match step:
        case UsesStep():
            return "uses"
        case RunStep():
            return "run"
        case AskStep():
            return "ask"


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
