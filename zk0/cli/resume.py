"""`zk0 resume` and `zk0 cancel`: go on with a run, or give it up."""

import signal
from typing import Annotated

import typer

from zk0.cli import wiring
from zk0.cli.completion import RunArgument
from zk0.cli.confirmation import answers_in_terminal
from zk0.cli.output import JsonOption, print_envelope
from zk0.cli.run import JobsOption, QuietOption
from zk0.cli.states import print_outcome, state_as_json
from zk0.core.errors import ExitStatus
from zk0.core.project import Project
from zk0.workflow.engine import Outcome
from zk0.workflow.run import find_run

FromOption = Annotated[str | None, typer.Option("--from", metavar="STEP", help="Do this step and all after it anew.")]


def resume(
    run: RunArgument,
    *,
    since: FromOption = None,
    jobs: JobsOption = 1,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Go on with a run that waits, was killed, interrupted or failed; what is finished is not done again."""
    project = Project.find()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    directory = find_run(project, run)
    answers = {} if as_json or since else answers_in_terminal(directory.state())
    outcome = wiring.resume(project, directory, since=since, jobs=jobs, quiet=quiet, answers=answers)
    tell(outcome, as_json=as_json)
    raise typer.Exit(outcome.exit_status)


def cancel(run: RunArgument, *, as_json: JsonOption = False) -> None:
    """Give a run up; if it is being performed, end it with all that it started."""
    project = Project.find()
    outcome = wiring.cancel(project, find_run(project, run))
    tell(outcome, as_json=as_json)
    raise typer.Exit(ExitStatus.failed if outcome.subscriber_errors else ExitStatus.done)


def tell(outcome: Outcome, *, as_json: bool) -> None:
    """Print how a run stands."""
    if as_json:
        print_envelope(data=state_as_json(outcome.state, outcome.directory, complaints=outcome.subscriber_errors))
    else:
        print_outcome(outcome)
