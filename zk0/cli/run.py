"""`zk0 run`: run a workflow, or tell what it would do."""

import signal
from collections.abc import Iterable
from typing import Annotated

import typer

from zk0.cli.completion import WorkflowArgument
from zk0.cli.output import JsonOption, print_envelope
from zk0.cli.rehearsal import print_rehearsal
from zk0.cli.states import print_outcome, state_as_json
from zk0.cli.wiring import perform, rehearse, select
from zk0.core.errors import InputError
from zk0.core.project import Project
from zk0.workflow.inputs import resolve_inputs
from zk0.workflow.loading import load
from zk0.workflow.plan import plan

MOST_JOBS = 1000  # each is a thread and a process; more is a typing error
HOW_MANY = "How many steps and items to do at the same time, where they do not need each other."

InputOption = Annotated[list[str] | None, typer.Option("--input", "-i", metavar="NAME=VALUE", help="Give an input.")]
SeedOption = Annotated[int, typer.Option(min=0, help="What all randomness of the run derives from.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Tell what would be done, and do nothing.")]
JobsOption = Annotated[int, typer.Option("--jobs", "-j", min=1, max=MOST_JOBS, help=HOW_MANY)]
OnlyOption = Annotated[list[str] | None, typer.Option("--only", metavar="STEP", help="Do only this step; repeatable.")]
FromOption = Annotated[str | None, typer.Option("--from", metavar="STEP", help="Do only this step and those after it.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


def run(  # noqa: PLR0913  each is an option of the command
    workflow: WorkflowArgument,
    *,
    inputs: InputOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    dry_run: DryRunOption = False,
    only: OnlyOption = None,
    since: FromOption = None,
    jobs: JobsOption = 1,
    quiet: QuietOption = False,
) -> None:
    """Run a workflow of this project, by its name or the path of its file."""
    project = Project.find()
    loaded = load(project, workflow)
    planned = plan(loaded.spec, resolve_inputs(loaded.spec, assignments(inputs or ())), loaded.library)
    selection = select(project, planned, only or (), since, seed=seed)
    if dry_run:
        print_rehearsal(planned, rehearse(project, planned, selection), as_json=as_json)
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends us politely gets a finished journal
    outcome = perform(project, loaded, planned, seed=seed, selection=selection, jobs=jobs, quiet=quiet)
    if as_json:
        print_envelope(data=state_as_json(outcome.state, outcome.directory, complaints=outcome.subscriber_errors))
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
