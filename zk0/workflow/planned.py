"""A plan: the steps of a run in order, with all that is known of them before it begins."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from zk0.core.checks import Check
from zk0.core.errors import InputError
from zk0.workflow.actions import Action, Inputs
from zk0.workflow.expressions import Template, as_json, is_known
from zk0.workflow.fitting import flaw_of
from zk0.workflow.spec import AnyStep, Retry, WorkflowSpec, WorkflowStep

ON_FAIL = "on-fail"  # under a step's path, what repairs it; no step of a file can be named so

type Revealed = Callable[[Mapping[str, Any]], Mapping[str, Any]]  # puts secrets into arguments
type Kind = Literal["uses", "run", "ask", "workflow"]


@dataclass(frozen=True)
class PlannedCheck:
    """A check of a step with its options, as far as they are known."""

    check: Check
    options: Mapping[str, Any]


@dataclass(frozen=True)
class PlannedStep:
    """A step with what is known of it before the run.

    `id` is its name among its siblings, `path` its name in the run. `action` is None for a step that runs a program
    or asks somebody; then `arguments` are the argv, cwd and env, or what is asked. `inputs` is the action's
    validated input where all its arguments are known. `when` is False or True where it is known. A `patient` step
    waits as long as it takes. `each` are the items it is done for, None where it is done once. `nested` is the plan of
    the workflow it performs, where that one's inputs are known. It can't do its work where a step that it `needs` did
    not; `given` are the steps that its arguments read, `reads` all that anything of it does. `repair` is the workflow
    that runs where it fails.
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
    needs: frozenset[str] = frozenset()
    given: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    timeout: float | None = None
    repair: "PlannedStep | None" = None
    patient: bool = False
    each: Sequence[Any] | Template | None = None
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
        """What it alters outside of its run's directory; a program may alter anything."""
        if self.action:
            return self.action.changes
        if self.nested:
            return tuple(dict.fromkeys(name for step in self.nested.steps for name in step.changes))
        return () if self.uses == "ask.person" else ("anything",)

    @property
    def always(self) -> bool:
        """Whether it runs whatever happened before it."""
        return self.spec.always

    def asks_for(self, step: str) -> bool:
        """Whether its `when` mentions a step, so that it may run after that one failed."""
        return isinstance(self.when, Template) and step in self.when.steps

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data, for a dry run to print."""
        return {
            "id": self.path,
            "title": self.title,
            "uses": self.uses,
            "with": as_json(self.arguments),
            "changes": list(self.changes),
            "checks": [{"id": planned.check.id, "options": as_json(planned.options)} for planned in self.checks],
            "when": as_json(self.when),
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
        self, only: Collection[str] | None = None, revealed: Revealed = lambda arguments: arguments
    ) -> Iterator[Inputs]:
        """Yield the inputs of the actions that will be performed for certain, those of nested workflows too.

        `only` names the steps that will be performed at all; None stands for all.

        Raises:
            InputError: an action does not take a secret that `revealed` puts in.
        """
        for step in self.steps:
            if step.when is not True or step.each is not None or (only is not None and step.id not in only):
                continue
            arguments = revealed(step.arguments)
            if step.action and is_known(arguments):
                yield step.inputs or validated(step.action, arguments)
            if step.nested:
                yield from step.nested.known_inputs(revealed=revealed)

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
