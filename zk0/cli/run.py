"""`zk0 run`: run a workflow, or tell what it would do."""

import shlex
import signal
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from zk0.cli.completion import WorkflowArgument
from zk0.cli.composition import perform, rehearse
from zk0.cli.output import JsonOption, columns, print_envelope, show
from zk0.cli.states import print_outcome, state_as_json
from zk0.errors import InputError
from zk0.project import Project
from zk0.workflow.events import StepPlanned, StepSkipped
from zk0.workflow.inputs import resolve_inputs
from zk0.workflow.loading import load
from zk0.workflow.plan import plan
from zk0.workflow.planned import Plan

InputOption = Annotated[list[str] | None, typer.Option("--input", "-i", metavar="NAME=VALUE", help="Give an input.")]
SeedOption = Annotated[int, typer.Option(min=0, help="What all randomness of the run derives from.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Tell what would be done, and do nothing.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


def run(
    workflow: WorkflowArgument,
    *,
    inputs: InputOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Run a workflow of this project, by its name or the path of its file."""
    project = Project.find()
    loaded = load(project, workflow)
    planned = plan(loaded.spec, resolve_inputs(loaded.spec, assignments(inputs or ())), loaded.library)
    if dry_run:
        _print_rehearsal(planned, rehearse(project, planned), as_json=as_json)
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends us politely gets a finished journal
    outcome = perform(project, loaded, planned, seed=seed, quiet=quiet)
    if as_json:
        print_envelope(data=state_as_json(outcome.state, outcome.directory, complaints=outcome.complaints))
    else:
        print_outcome(outcome)
    raise typer.Exit(outcome.exit_status)


def assignments(given: Iterable[str]) -> dict[str, str]:
    """Return the inputs of `-i name=value` options.

    Raises:
        InputError: one is not of this form, or a name is given twice.
    """
    values: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise InputError(f"an input is given as name=value, not as {text!r}", remedy="-i name=value")
        if name in values:
            raise InputError(f"{name} is given twice: {values[name]!r} and {value!r}")
        values[name] = value
    return values


def _print_rehearsal(planned: Plan, events: list[StepPlanned | StepSkipped], *, as_json: bool) -> None:
    steps = [_as_json(event) for event in events]
    if as_json:
        data = {"dry_run": True, "workflow": planned.spec.name, "inputs": planned.inputs_as_json(), "steps": steps}
        print_envelope(data=data)
        return
    table = columns(0, 0, 0)
    for number, step in enumerate(steps, 1):
        table.add_row(str(number), step["id"], step["title"])
        for name, value in _facts(step):
            table.add_row("", "", f"  {name}: {value}")
    show(f"{planned.spec.name}: {len(steps)} steps; nothing is done", table)


def _as_json(event: StepPlanned | StepSkipped) -> dict[str, Any]:
    if isinstance(event, StepPlanned):
        return {"would": "run", **event.plan}
    return {"would": "skip", "id": event.step, "title": event.title, "reason": event.reason}


def _facts(step: dict[str, Any]) -> list[tuple[str, str]]:
    if step["would"] == "skip":
        return [("skipped", step["reason"])]
    arguments = [f"{name}={value}" for name, value in step["with"].items() if value not in (None, {}, ".")]
    if step["uses"] == "run":
        arguments[0] = shlex.join(map(str, step["with"]["argv"]))
    facts = [
        ("only if", "" if step["when"] is True else str(step["when"])),
        (step["uses"], ", ".join(arguments) or "no arguments"),
        ("changes", ", ".join(step["changes"])),
        ("checks", ", ".join(check["id"] for check in step["checks"])),
    ]
    return [(name, value) for name, value in facts if value]
