"""What a run will do, before it does anything: the steps in order with all that is known from the start.

Pure: a workflow and its inputs in, a plan out. Expressions that read only inputs are filled in and judged here, so
that a value no action takes is refused before the first step; those that read steps or the run stay as templates.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from zk0.core.checks import Check
from zk0.core.errors import InputError, SpecError
from zk0.workflow.actions import ACTIONS, Action, Inputs
from zk0.workflow.expressions import Scope, Template, arguments_as_json, as_json, fill, is_known, steps_in
from zk0.workflow.fitting import Flaw, flaw_of, misfits
from zk0.workflow.inputs import resolve_inputs
from zk0.workflow.programs import check_named
from zk0.workflow.reserved import ON_FAIL
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

type Revealed = Callable[[Mapping[str, Any]], Mapping[str, Any]]  # puts secrets into arguments
type Items = Sequence[Any] | Template | Mapping[str, Any]  # the last two: not known yet
type Kind = Literal["uses", "run", "ask", "workflow"]


@dataclass(frozen=True)
class PlannedCheck:
    """A check of a step with its options, as far as they are known."""

    check: Check
    options: Mapping[str, Any]


@dataclass(frozen=True)
class PlannedStep:
    """A step, with what is known of it before the run.

    Attributes:
        id: its name among its siblings.
        path: its name in the run.
        action: None for a step that runs a program or asks somebody; `arguments` then hold the program or the request.
        inputs: the validated inputs of the action, if all arguments are known.
        when: a boolean if it is known.
        needs: the steps that must succeed before it; None for all steps above it.
        argument_reads: the steps that its arguments read.
        reads: all steps that any part of it reads.
        repair: the workflow to run if it fails.
        patient: whether it waits without a limit.
        each: the items to do it for; None for a step that is done once.
        nested: the plan of the workflow that it performs, if the inputs of that are known.
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
    spec: AnyStep
    needs: frozenset[str] | None = frozenset()
    argument_reads: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    timeout: float | None = None
    repair: "PlannedStep | None" = None
    patient: bool = False
    each: Items | None = None
    nested: "Plan | None" = None

    @property
    def uses(self) -> str:
        """The action's name, `run`, or `ask.` and whom."""
        if self.kind == "ask":
            return f"ask.{self.arguments['ask']}"
        if isinstance(self.spec, WorkflowStep):
            return f"workflow.{self.spec.workflow}"
        return self.action.name if self.action else self.kind

    @property
    def changes(self) -> tuple[str, ...]:
        """What it changes outside of its run's directory; a program may change anything."""
        if self.action:
            return self.action.changes
        if self.nested:
            return tuple(dict.fromkeys(name for step in self.nested.steps for name in step.changes))
        return () if self.uses == "ask.person" else ("anything",)

    @property
    def is_service(self) -> bool:
        """Whether its program goes on while later steps run."""
        return isinstance(self.spec, RunStep) and self.spec.service

    @property
    def always(self) -> bool:
        """Whether it runs whatever happened before it."""
        return self.spec.always

    @property
    def condition_reads(self) -> frozenset[str]:
        """The steps that its `when` reads, so that it may run after one of them failed."""
        return self.when.steps if isinstance(self.when, Template) else frozenset()

    def depends_on(self, steps: Collection[str]) -> bool:
        """Whether it needs or reads one of these steps, all of which are above it."""
        return bool(steps) if self.needs is None else not (self.needs | self.reads).isdisjoint(steps)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data, for a dry run to print."""
        return {
            "id": self.path,
            "title": self.title,
            "uses": self.uses,
            "with": arguments_as_json(self.arguments),
            "changes": list(self.changes),
            "checks": [{"id": planned.check.id, "options": as_json(planned.options)} for planned in self.checks],
            "when": str(self.when) if isinstance(self.when, Template) else self.when,
            "attempts": self.retry.attempts,
            **({} if self.each is None else {"foreach": as_json(self.each)}),
            **({} if self.spec.needs is None else {"needs": list(self.spec.needs)}),
            **({} if self.timeout is None else {"timeout": self.timeout}),
            **({"on_fail": {"run": self.repair.uses.removeprefix("workflow.")}} if self.repair else {}),
            **({"finally": True} if self.always else {}),
        }


@dataclass(frozen=True)
class Plan:
    """A workflow with its inputs, ready to run."""

    spec: WorkflowSpec
    inputs: Mapping[str, object]
    steps: tuple[PlannedStep, ...]
    library: Mapping[str, WorkflowSpec] = field(default_factory=dict)

    def known_inputs(
        self,
        only: Collection[str] | None = None,
        revealed: Revealed = lambda arguments: arguments,
        is_expected: Callable[[str], bool] = lambda _: False,
    ) -> Iterator[Inputs]:
        """Yield the inputs of the actions that will be performed for certain, those of nested workflows too.

        `only` names the steps that will run; None means all. `is_expected` says of an action whether it counts although
        the condition of its step is not known yet.

        Raises:
            InputError: an action does not take a secret that `revealed` puts in.
        """
        for step in self.steps:
            certain = step.when is True or (step.when is not False and is_expected(step.uses))
            if not certain or step.each is not None or (only is not None and step.id not in only):
                continue
            arguments = revealed(step.arguments)
            if step.action and is_known(arguments):
                yield step.inputs or validated(step.action, arguments)
            if step.nested:
                yield from step.nested.known_inputs(revealed=revealed, is_expected=is_expected)

    def inputs_as_json(self) -> dict[str, Any]:
        """Return the inputs as plain data."""
        return {name: as_json(value) for name, value in self.inputs.items()}


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
    steps = tuple(planned_step(step, scope, library, f"{under}{step.id}") for step in spec.steps)
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


def decide_when(when: object, step: str) -> bool | Template:
    """Return what a filled `when` says.

    Raises:
        SpecError: it is neither true nor false.
    """
    if isinstance(when, bool | Template):
        return when
    raise SpecError(f"{step}: its when gives {when!r}, which is neither true nor false")


def planned_step(step: AnyStep, scope: Scope, library: Mapping[str, WorkflowSpec], path: str) -> PlannedStep:
    """Return a step with all that a scope knows filled in.

    Raises:
        InputError: the workflow that it performs does not take its inputs.
        SpecError: an expression has no value.
        UnknownNameError: an action or a check does not exist.
    """
    action = ACTIONS.get(step.uses) if isinstance(step, UsesStep) else None
    arguments = _arguments(step, scope)
    when = True if step.when is None else decide_when(fill(step.when, scope), step.id)
    each = items_of(fill(step.foreach, scope)) if isinstance(step, RepeatedStep) else None
    fits = action and is_known(arguments) and not any(misfits(action.inputs, arguments))
    checks = tuple(PlannedCheck(check_named(use.id), fill(use.options, scope)) for use in step.checks)
    argument_reads = steps_in((arguments, each))
    read = argument_reads | steps_in([planned.options for planned in checks])
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
        needs=None if step.needs is None else read.union(step.needs),
        argument_reads=argument_reads,
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


def items_of(value: object) -> Items | None:
    """Return the items of a filled `foreach`: of a list, or all combinations of a matrix, its last axis fastest.

    Raises:
        SpecError: it is neither.
    """
    match value:
        case None | Template():
            return value
        case Mapping() if not is_known(value):
            return value
        case Mapping():
            return [dict(zip(value, chosen, strict=True)) for chosen in product(*map(_listed, value.values()))]
    return _listed(value)


def _listed(value: object) -> Sequence[Any]:
    if isinstance(value, list | tuple):
        return value
    raise SpecError(f"foreach gives {value!r}, which is not a list")


def _arguments(step: AnyStep, scope: Scope) -> Any:
    match step:
        case UsesStep() | WorkflowStep():
            return fill(step.arguments, scope)
        case RunStep():
            patterns = {"reads": step.reads, "makes": step.makes}
            declared = {name: listed for name, listed in patterns.items() if listed is not None}
            ready = {"ready": step.ready.written} if step.ready else {}
            filled = fill({"argv": step.run, "cwd": step.cwd, "env": step.env} | declared | ready, scope)
            return filled | ({"outputs": step.outputs} if step.outputs else {})
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
