"""The secrets that a workflow declares: where its file may use them, which a run needs, and their values.

    secrets: {HF_TOKEN: {help: a token that may write to the hub}}
    steps:
      - {id: push, title: Push, run: [hf, upload, alice/policy, out], env: {HF_TOKEN: "{{ secrets.HF_TOKEN }}"}}

A value comes from the environment variable of the secret's name and goes to the program or the action that is given it,
and nowhere else. Until then `{{ secrets.HF_TOKEN }}` stays as it is written, so a plan, a receipt's inputs and what
reuse compares hold the name alone: not the value, and no digest either, from which a short one could be guessed.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import SecretStr

from zk0.core.errors import InputError, SecretMissingError
from zk0.core.pages import as_text
from zk0.workflow.actions import Action
from zk0.workflow.expressions import Template, templates_in
from zk0.workflow.fitting import Flaw, KeyPath
from zk0.workflow.masking import SHORTEST, Mask
from zk0.workflow.plan import Plan, PlannedStep
from zk0.workflow.spec import AnyStep, RunStep, SecretSpec, UsesStep, WorkflowSpec, WorkflowStep

LONE = re.compile(r"\{\{\s*secrets\.(\w+)\s*\}\}")
PLACES = 'a secret may stand in "env" of a program and in "with" of an action'


def misplaced(path: KeyPath, template: Template, step: AnyStep) -> Iterator[Flaw]:
    """Yield flaws of an expression that reads a secret where it may not."""
    if not template.secrets:
        return
    if isinstance(step, WorkflowStep):
        yield Flaw(path, "secret-place", f"{PLACES}; the workflow {step.workflow} names its own secrets")
    elif path[0] == "run" and isinstance(step, RunStep):
        problem = 'arguments of a program can be seen by everyone on the machine; give the secret in "env"'
        yield Flaw(path, "secret-place", problem)
    elif len(path) != 2 or path[0] not in ("env", "with"):  # noqa: PLR2004  the key, and the name under it
        yield Flaw(path, "secret-place", PLACES)
    elif not LONE.fullmatch(template.source.strip()):
        [name, *_] = sorted(template.secrets)
        yield Flaw(path, "secret-place", f'a secret must be a whole value: "{{{{ secrets.{name} }}}}"')


def exposed_secrets(step: UsesStep, action: Action) -> Iterator[Flaw]:
    """Yield flaws of secrets that an action would not keep secret: its field is not a `SecretStr`."""
    for name, value in step.arguments.items():
        field = action.inputs.model_fields.get(name)
        if field and isinstance(value, Template) and value.secrets and not _keeps(field.annotation):
            problem = f'{action.name} does not keep "{name}" secret: its type is not pydantic\'s SecretStr'
            yield Flaw(("with", name), "secret-place", problem)


def read_secrets(plan: Plan, environment: Mapping[str, str], only: Collection[str] | None = None) -> Mask:
    """Return the secrets of a plan from an environment, in a mask; `only` names the steps to perform.

    Raises:
        SecretMissingError: the environment has not all that are needed; the message names each.
        InputError: a value is too short to be hidden, or an input, which is recorded, holds one.
    """
    declared = _declared(plan)
    if absent := [name for name in _needed(plan, only) if declared[name].required and not environment.get(name)]:
        lines = (f"the secret {name} is not in the environment{_explained(declared[name])}" for name in absent)
        raise SecretMissingError("\n".join(lines), remedy="; ".join(f"export {name}=…" for name in absent))
    values = {name: environment[name] for name in declared if environment.get(name)}
    for name, value in values.items():
        if len(value.strip()) < SHORTEST:
            raise InputError(
                f"the secret {name} has fewer than {SHORTEST} characters, too few to be hidden in a log",
                remedy=f"export {name}=… with a longer one",
            )
    mask = Mask(values)
    for name, given in plan.inputs.items():
        texts = [as_text(one) for one in (given if isinstance(given, list) else [given])]
        if any(mask.text(text) != text for text in texts):
            raise InputError(
                f"the input {name} holds a secret, and inputs are recorded", remedy=f"give it by its name: {PLACES}"
            )
    return mask


def reveal(arguments: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """Return arguments with their secrets filled in; an optional one that is not set is left out."""
    found: dict[str, Any] = {}
    for name, value in arguments.items():
        if isinstance(value, Template) and value.secrets:
            [secret] = value.secrets
            if secret in secrets:
                found[name] = SecretStr(secrets[secret])
        else:
            found[name] = reveal(value, secrets) if isinstance(value, Mapping) else value
    return found


def _keeps(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, UnionType):
        return all(one in (SecretStr, type(None)) for one in get_args(annotation))
    return annotation is SecretStr


def _declared(plan: Plan) -> dict[str, SecretSpec]:
    """Return the secrets of a plan's workflow and of those it performs; required where one of them requires it."""
    found: dict[str, SecretSpec] = {}
    for spec in (plan.spec, *plan.library.values()):
        for name, secret in spec.secrets.items():
            if name not in found or secret.required > found[name].required:
                found[name] = secret
    return found


def _needed(plan: Plan, only: Collection[str] | None = None) -> dict[str, None]:
    """Return the names of the secrets that a step reads which may run, each once."""
    found: dict[str, None] = {}
    for step in plan.steps:
        if step.when is False or (only is not None and step.id not in only):
            continue
        for part in filter(None, (step, step.repair)):
            found |= dict.fromkeys(_needed_by(part, plan.library))
    return found


def _needed_by(step: PlannedStep, library: Mapping[str, WorkflowSpec]) -> Iterable[str]:
    if step.nested:
        return _needed(step.nested)
    if isinstance(step.spec, WorkflowStep):  # its plan depends on what is not known yet
        return _reachable(library[step.spec.workflow], library)
    return _read(step.arguments)


def _reachable(spec: WorkflowSpec, library: Mapping[str, WorkflowSpec]) -> Iterator[str]:
    yield from spec.secrets
    for step in spec.steps:
        if isinstance(step, WorkflowStep):
            yield from _reachable(library[step.workflow], library)


def _read(value: object) -> Iterator[str]:
    for _, template in templates_in(value):
        yield from template.secrets


def _explained(secret: SecretSpec) -> str:
    return f": {secret.help}" if secret.help else ""
