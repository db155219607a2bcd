"""The basis of a step's outcome: one digest for each part that the outcome depends on. Equal bases, equal outcomes.

Of a program: its arguments, directory and environment, the program itself, the files that these name, what its `reads`
match, and all other files of the project. Of an action: its inputs, the files that they name, and the project's code.
Of both: the seed, the versions, and the checks with their programs and files.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from zk0.core.checks import Check
from zk0.core.errors import InputError
from zk0.core.receipts import canonical_digest
from zk0.workflow.attempt import RunContext, recorded_inputs
from zk0.workflow.dependencies import Dependencies, NotComparableError, Place
from zk0.workflow.effects import Effects
from zk0.workflow.expressions import Scope, arguments_as_json, fill
from zk0.workflow.patterns import argument_texts
from zk0.workflow.plan import PlannedStep, validated
from zk0.workflow.programs import PROGRAM_CHECK

INPUT, FILE, READS, RUNS = "input ", "file ", "reads ", "program "  # begin the names of parts that are one of several
GIT = re.compile(r"(?:^|[\s/;&|(`])git(?:$|\s)")  # a program that reads the history of the project
PROJECT, CODE = "project", "code"  # the part that is all files of the project, of a program and of an action


@dataclass
class Basis:
    """The parts of a basis with their digests, and the inputs as a receipt has them."""

    inputs: Mapping[str, Any]
    parts: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, part: object) -> None:
        """Add a part."""
        self.parts[name] = canonical_digest(part)[:16]


def find_basis(step: PlannedStep, scope: Scope, context: RunContext, effects: Effects) -> Basis:
    """Return the basis that a step has now.

    Raises:
        RequestError: its arguments have no value, or something it depends on can't be compared.
    """
    try:
        if step.kind == "run":
            found, own = _program_basis(step, scope, context, effects)
        else:
            found, own = _action_basis(step, scope, effects), frozenset[str]()
        _add_checks(found, step, scope, effects.dependencies(), own)
    except OSError as error:
        raise NotComparableError(f"{error.filename} can't be read: {error.strerror}") from error
    found.add("action", step.uses)
    found.add("seed", context.seed)
    found.add("environment", dict(context.environment))
    return found


def performed_files(context: RunContext) -> frozenset[str]:
    """Return the files of the workflows that a run performs: what a step takes from them is in its arguments.

    Else adding a step, or correcting a title, would run all steps again.
    """
    folder = context.project.settings.workflows
    names = [context.workflow, *(path.stem for path in context.run.nested.glob("*.yaml"))]
    return frozenset(f"{folder}/{name}.yaml" for name in names)


def own_products(arguments: Mapping[str, Any], dependencies: Dependencies) -> frozenset[str]:
    """Return the paths of what the `makes` of a step match now."""
    return frozenset(map(str, dependencies.matched(argument_texts(arguments.get("makes", ())))))


def _action_basis(step: PlannedStep, scope: Scope, effects: Effects) -> Basis:
    dependencies, arguments = effects.dependencies(), fill(step.arguments, scope)
    inputs = arguments_as_json(arguments)
    if step.action:  # also what is left to its default is an input
        inputs = recorded_inputs(validated(step.action, effects.reveal(arguments)), arguments)
    found = Basis(inputs)
    _add_named(found, inputs, Place((dependencies.project.root,)), dependencies)
    folder = frozenset({dependencies.project.settings.workflows})
    found.parts[CODE] = dependencies.code(documents=False, without=folder)
    return found


def _program_basis(
    step: PlannedStep, scope: Scope, context: RunContext, effects: Effects
) -> tuple[Basis, frozenset[str]]:
    """Return what the outcome of a program depends on, and what it makes, as far as that is there."""
    dependencies, arguments = effects.dependencies(), fill(step.arguments, scope)
    inputs: dict[str, Any] = arguments_as_json(arguments)
    root = dependencies.project.root
    cwd = root / str(inputs["cwd"])
    found = Basis(inputs)
    own = own_products(inputs, dependencies)
    texts = inputs | {"argv": list(argument_texts(inputs["argv"]))}
    _add_named(found, texts, Place((cwd, root), words=True, own=own), dependencies)
    environment = {**os.environ, **{name: str(value) for name, value in inputs["env"].items()}}
    _add_program(found, next(argument_texts(inputs["argv"])), cwd, dependencies, environment)
    for pattern in argument_texts(inputs.get("reads", ())):
        digest = dependencies.pattern(pattern, own)
        if digest is None:
            raise NotComparableError(f"reads names {pattern!r}, which matches nothing")
        found.add(f"{READS}{dependencies.shown(Path(pattern))}", digest)
    found.add("variables", dependencies.variables())
    if any(GIT.search(text) for text in texts["argv"]):
        found.add("history", dependencies.history())
    found.parts[PROJECT] = dependencies.code(documents=True, without=left_out(context, own))
    return found, own


def left_out(context: RunContext, own: frozenset[str]) -> frozenset[str]:
    """Return the files of the project, relative to its root, that a program's basis leaves out."""
    return performed_files(context).union(map(context.project.shown, own))


def _add_named(found: Basis, inputs: Mapping[str, object], place: Place, dependencies: Dependencies) -> None:
    """Add inputs, and the files that they name."""
    for name, value in inputs.items():
        normal, digests = dependencies.named(value, place)
        found.add(f"{INPUT}{name}", normal)
        for path, digest in digests.items():
            found.add(f"{FILE}{path}", digest)


def _add_program(
    found: Basis, name: str, cwd: Path, dependencies: Dependencies, environment: Mapping[str, str]
) -> None:
    found.add(f"{RUNS}{dependencies.shown(Path(name))}", dependencies.program(name, cwd, environment))


def _add_checks(found: Basis, step: PlannedStep, scope: Scope, dependencies: Dependencies, own: frozenset[str]) -> None:
    """Add the checks: their options, which may name files, and their programs."""
    root = dependencies.project.root
    texts = []
    for planned in step.checks:
        options = check_options(planned.check, fill(planned.options, scope))
        normal, digests = dependencies.named(options, Place((root,), words=planned.check is PROGRAM_CHECK, own=own))
        texts.append(f"{planned.check.id} {json.dumps(normal, sort_keys=True)}")
        for path, digest in digests.items():
            found.add(f"{FILE}{path}", digest)
        if planned.check is PROGRAM_CHECK:
            _add_program(found, options["argv"][0], root, dependencies, os.environ)
    found.add("checks", sorted(texts))


def check_options(check: Check, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of a check as plain data, defaults too.

    Raises:
        InputError: they are not valid.
    """
    if check is PROGRAM_CHECK:
        return {"argv": list(argument_texts(options["argv"]))}
    try:
        known = check.options.model_validate(options)
    except ValidationError as error:
        raise InputError(f"{check.id} does not take {options}") from error
    plain: dict[str, Any] = json.loads(known.model_dump_json(fallback=str))
    return plain


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> Iterator[str]:
    """Yield the names of the parts in which two bases differ."""
    return (name for name in {**one, **other} if one.get(name) != other.get(name))
