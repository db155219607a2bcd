"""Validate a workflow file: all names exist, all values and expressions fit. Every flaw has its place.

This goes over a `WorkflowDraft`, the parts of a file that have the right shape, so that a typing error in one step does
not hide an unknown action in another. Actions and checks are looked up, which imports their modules; nothing is run.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel

from zk0.core.checks import CHECKS
from zk0.core.errors import UnknownNameError
from zk0.workflow.actions import ACTIONS, Action
from zk0.workflow.attempt import AskOutputs
from zk0.workflow.composite import EachOutputs, nested_outputs
from zk0.workflow.declared_secrets import PLACES, exposed_secrets, misplaced
from zk0.workflow.expression_syntax import ROOTS, Reference
from zk0.workflow.expressions import Template, is_known, templates_in
from zk0.workflow.fitting import Flaw, KeyPath, misfits, nearest
from zk0.workflow.inputs import coerce, default_of
from zk0.workflow.patterns import pattern_problem
from zk0.workflow.program_outputs import declared_outputs, outputs_model
from zk0.workflow.programs import CommandOutputs, check_named
from zk0.workflow.services import ServiceOutputs
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

# Gives the workflow of a name, or says why there is none to be had.
type Finder = Callable[[str], WorkflowSpec | Flaw]

STEP_FIELDS = ("outputs", "verdict")
RUN_FIELDS = ("id", "directory")


@dataclass(frozen=True)
class ValidationContext:
    """The names that an expression may use: inputs, and earlier steps with their output models (None: unknown).

    `ids` are all steps of the file, to tell a later step from one that does not exist; `item` may be read in a step
    that is done for each of several, and the step itself (`own`) in what repairs it.
    """

    inputs: Sequence[str]
    earlier: Mapping[str, type[BaseModel] | None]
    ids: Sequence[str]
    item: bool = False
    own: Mapping[str, type[BaseModel] | None] = field(default_factory=dict)
    secrets: Sequence[str] = ()

    def seen_from(self, key: object) -> "ValidationContext":
        """Return the names that the part of a step under a key may use."""
        if key == "on_fail":
            return replace(self, item=False, earlier={**self.earlier, **self.own})
        return replace(self, item=False) if key in ("when", "foreach") else self


def expression_flaws(step: AnyStep, context: ValidationContext) -> Iterator[Flaw]:
    """Yield flaws in the expressions of a step, at paths within the step."""
    if step.when is not None and not isinstance(step.when, Template):
        yield Flaw(("when",), "bad-when", f'"when" is one whole expression: "{{{{ {step.when} }}}}"')
    for path, template in templates_of(step):
        if template.problem:
            yield Flaw(path, "bad-expression", template.problem)
            continue
        if path[0] == "when" and not template.whole:
            yield Flaw(path, "bad-when", '"when" is one whole expression: "{{ … }}"')
        if (path[0] == "run" or path[:2] == ("ready", "run") or path[2:4] == ("run", "argv")) and not template.whole:
            problem = "an expression fills a whole argument; split it, or write {{ '--name=' ~ inputs.name }}"
            yield Flaw(path, "spliced-argument", problem)
        yield from misplaced(path, template, step)
        for reference in dict.fromkeys(template.references):
            if problem := _problem(reference, context.seen_from(path[0])):
                yield Flaw(path, "unknown-reference", problem)


def output_flaws(outputs: Mapping[str, object], context: ValidationContext) -> Iterator[Flaw]:
    """Yield flaws in the expressions of a workflow's outputs."""
    for path, template in templates_in(outputs):
        if template.problem:
            yield Flaw(path, "bad-expression", template.problem)
            continue
        if template.secrets:
            yield Flaw(path, "secret-place", PLACES)
        for reference in dict.fromkeys(template.references):
            if problem := _problem(reference, context):
                yield Flaw(path, "unknown-reference", problem)


def check_uses(step: AnyStep) -> Iterator[tuple[KeyPath, CheckUse]]:
    """Yield the checks of a step with their paths in it."""
    key = "accept" if isinstance(step, AskStep) else "checks"
    return (((key, index), use) for index, use in enumerate(step.checks))


def templates_of(step: AnyStep) -> Iterator[tuple[KeyPath, Template]]:
    """Yield every template of a step, with its path in the step."""
    match step:
        case UsesStep() | WorkflowStep():
            parts: dict[str, object] = {"with": step.arguments}
        case RunStep():
            parts = {"run": step.run, "cwd": step.cwd, "env": step.env, "reads": step.reads, "makes": step.makes}
            parts |= {"ready": step.ready.written} if step.ready else {}
        case AskStep():
            parts = {"instruction": step.instruction, "scope": step.scope, "constraints": step.constraints}
    if isinstance(step, RepeatedStep):
        parts["foreach"] = step.foreach
    if isinstance(step.on_fail, OnFail):
        parts["on_fail"] = {"with": step.on_fail.arguments}
    yield from templates_in({"when": step.when} | parts)
    for at, use in check_uses(step):
        yield from templates_in(use.options, (*at, use.id))


def _problem(reference: Reference, context: ValidationContext) -> str:
    match reference:
        case ("inputs" | "secrets" as root, str(name), *_):
            known = context.inputs if root == "inputs" else context.secrets
            return "" if name in known else f'unknown {root[:-1]} "{name}"{nearest(name, known)}'
        case ("item", *_):
            return "" if context.item else 'there is an item only in a step with "foreach", and not in its "when"'
        case ("run", str(name), *_):
            return "" if name in RUN_FIELDS else f'unknown name "run.{name}"{nearest(name, RUN_FIELDS)}'
        case ("steps", str(step), *rest):
            return _step_problem(step, rest, context)
        case ("inputs" | "secrets" | "steps" | "run" as root, *_):
            return f"{root} can't be read as a whole; write which value: {root}.name"
    return f'unknown name "{reference[0]}"{nearest(str(reference[0]), ROOTS)}'


def _step_problem(step: str, rest: Sequence[str | int], context: ValidationContext) -> str:
    if step not in context.earlier:
        later = f'step "{step}" does not come before this one'
        return later if step in context.ids else f'unknown step "{step}"{nearest(step, context.earlier)}'
    match rest:
        case ["verdict"]:
            return ""
        case ["outputs", str(name), *_]:
            model = context.earlier[step]
            if model is None or name in model.model_fields:
                return ""
            declare = f"; declare what the program writes: outputs: {{{name}: string}}"
            hint = declare if issubclass(model, CommandOutputs) else ""
            return f'step "{step}" has no output "{name}"{nearest(name, model.model_fields)}{hint}'
        case [str(name), *_] if name not in STEP_FIELDS:
            return f'unknown name "steps.{step}.{name}"{nearest(name, STEP_FIELDS)}'
    return f"write steps.{step}.verdict, or steps.{step}.outputs and the name of an output"


@dataclass(frozen=True)
class DraftStep:
    """A step as far as it can be understood; `step` is None where its shape is wrong."""

    id: str | None
    step: AnyStep | None


@dataclass(frozen=True)
class WorkflowDraft:
    """The understood parts of a workflow file; an input of the wrong shape is None."""

    inputs: Mapping[str, InputSpec | None]
    steps: tuple[DraftStep, ...]
    outputs: Mapping[str, object] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()


def find_flaws(draft: WorkflowDraft, find: Finder) -> Iterator[Flaw]:
    """Yield flaws in the names and values of a draft; `find` gives the workflows that it performs."""
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
            context = ValidationContext(list(draft.inputs), earlier, ids, item=repeated, own=own, secrets=draft.secrets)
            found += _step_flaws(step, find, judged, context)
        if step_id in earlier:
            found.append(Flaw(("id",), "duplicate-step", "an earlier step has this id already"))
        elif step_id:
            earlier[step_id] = outputs
        for flaw in found:
            yield flaw.within(("steps", index), step_id or f"step {index + 1}")
    for flaw in output_flaws(draft.outputs, ValidationContext(list(draft.inputs), earlier, ids, secrets=draft.secrets)):
        yield flaw.within(("outputs",), "outputs")


def _step_flaws(
    step: AnyStep, find: Finder, judged: type[BaseModel] | None, context: ValidationContext
) -> Iterator[Flaw]:
    if isinstance(step, UsesStep):
        yield from _action_flaws(step, _action(step))
    if isinstance(step, WorkflowStep):
        yield from nested_flaws(step.arguments, find(step.workflow), "workflow")
    if isinstance(step.on_fail, OnFail) and step.on_fail.run:
        for flaw in nested_flaws(step.on_fail.arguments, find(step.on_fail.run), "run"):
            yield replace(flaw, path=("on_fail", *flaw.path))
    yield from structure_flaws(step, context.earlier, context.ids)
    for name in declared_outputs(step).keys() & CommandOutputs.model_fields:
        yield Flaw(("outputs", name), "bad-output", f'every program has the output "{name}" already', key=True)
    for at, use in check_uses(step):
        yield from _check_flaws(at, use, judged)
    yield from expression_flaws(step, context)


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
    yield from exposed_secrets(step, action)


def _model(step: AnyStep, find: Finder) -> type[BaseModel] | None:
    """Return the model of a step's outputs; None if it is not known."""
    match step:
        case UsesStep():
            action = _action(step)
            return action.outputs if action else None
        case RunStep():
            return ServiceOutputs if step.service else outputs_model(declared_outputs(step))
        case AskStep():
            return AskOutputs
        case WorkflowStep():
            nested = find(step.workflow)
            return nested_outputs(nested) if isinstance(nested, WorkflowSpec) else None


def _is_repeated(step: AnyStep) -> bool:
    return isinstance(step, RepeatedStep) and step.foreach is not None


def _check_flaws(at: KeyPath, use: CheckUse, outputs: type[BaseModel] | None) -> Iterator[Flaw]:
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
    open_names = {name for name, value in values.items() if not is_known(value)}
    return {name: value for name, value in values.items() if name not in open_names}, open_names


def nested_flaws(arguments: Mapping[str, Any], found: WorkflowSpec | Flaw, key: str) -> Iterator[Flaw]:
    """Yield flaws in how a step performs the workflow that `key` names."""
    if isinstance(found, Flaw):
        yield replace(found, path=(key,))
        return
    for name, value in arguments.items():
        declared = found.inputs.get(name)
        if declared is None:
            problem = f'{found.name} has no input "{name}"{nearest(name, found.inputs)}'
            yield Flaw(("with", name), "unknown-key", problem, key=True)
        elif is_known(value):
            try:
                coerce(declared, value)
            except ValueError as error:
                yield Flaw(("with", name), "bad-value", f"{found.name}: {name} {error}")
    for name, declared in found.inputs.items():
        if declared.required and name not in arguments:
            yield Flaw((key,), "missing-key", f'{found.name}: the input "{name}" must be given')


def structure_flaws(step: AnyStep, earlier: Mapping[str, object], ids: Sequence[str]) -> Iterator[Flaw]:
    """Yield flaws in the `needs` of a step, and in its items."""
    for index, name in enumerate(step.needs or ()):
        if name in earlier:
            continue
        problem = f'unknown step "{name}"{nearest(name, earlier)}'
        if name == step.id:
            problem = "a step can't need itself"
        elif name in ids:
            problem = f'step "{name}" does not come before this one; a step needs earlier ones, so there is no circle'
        yield Flaw(("needs", index), "bad-needs", problem)
    if isinstance(step, RunStep):
        yield from _service_flaws(step)
    repaired = isinstance(step.on_fail, OnFail) and step.on_fail.run
    if repaired and isinstance(step, RepeatedStep) and step.foreach is not None:
        problem = "a step with items can't run a repair; put it into a workflow, and give the items to that one"
        yield Flaw(("on_fail", "run"), "bad-foreach", problem, key=True)
    if isinstance(step, RunStep):
        yield from _declaration_flaws(step)
    if isinstance(step, RepeatedStep) and isinstance(step.foreach, str):
        yield Flaw(("foreach",), "bad-foreach", '"foreach" is a list, a matrix, or one whole expression: "{{ … }}"')


def _declaration_flaws(step: RunStep) -> Iterator[Flaw]:
    """Yield flaws in what a program's step says that it reads and makes."""
    missing = " and ".join(f'"{name}"' for name in ("reads", "makes") if getattr(step, name) is None)
    for key in ("reuse", "trace"):
        if getattr(step, key) and missing and not step.service:
            problem = (
                f'"{key}" needs {missing}: the files, folders and globs that the program reads and makes; [] for none'
            )
            yield Flaw((key,), "missing-declaration", problem, key=True)
    for key in ("reads", "makes"):
        for index, pattern in enumerate(getattr(step, key) or ()):
            if not isinstance(pattern, Template) and (problem := pattern_problem(pattern, makes=key == "makes")):
                yield Flaw((key, index), "bad-pattern", problem)


def _service_flaws(step: RunStep) -> Iterator[Flaw]:
    """Yield flaws in what a step says of its service."""
    if not step.service:
        if step.ready:
            problem = '"ready" is for a service; add service: true, or remove it'
            yield Flaw(("ready",), "bad-service", problem, key=True)
        return
    if step.ready is None:
        problem = 'a service says when it is ready: {port: 8080}, {log: "a regular expression"} or {run: [program]}'
        yield Flaw(("service",), "bad-service", problem, key=True)
    reasons = {
        "reuse": (step.reuse, "a service runs in each run, so its outcome can't be reused"),
        "retry": (step.retry.attempts > 1, "a service is started once; give it a timeout in which it gets ready"),
        "foreach": (step.foreach is not None, "a service is started once; give each of several a step of its own"),
        "finally": (step.always, "a service is ended with its workflow, so nothing could use it"),
        "reads": (step.reads is not None, "a service runs in each run, whatever it reads"),
        "makes": (step.makes is not None, "a service has not ended, so nothing that it makes is complete"),
        "trace": (step.trace, "a service has not ended, so what it opens is not known"),
        "outputs": (bool(step.outputs), "a service has not ended; its outputs are pid and log"),
    }
    for key, (is_wrong, problem) in reasons.items():
        if is_wrong:
            yield Flaw((key,), "bad-service", problem, key=True)
