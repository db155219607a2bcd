"""`zk0 runs` and `zk0 show`: what was run, and how it went."""

from collections.abc import Mapping
from typing import Annotated

import typer
from rich.text import Text

from zk0.cli import output
from zk0.cli.completion import RunArgument
from zk0.cli.output import JsonOption, columns, print_envelope, verdict_text
from zk0.cli.states import print_state, state_as_json
from zk0.core.errors import JournalError
from zk0.core.project import Project
from zk0.core.verdicts import Verdict
from zk0.reports.progress import duration
from zk0.workflow.reuse import explanation
from zk0.workflow.run import RunDirectory, find_run, run_directories
from zk0.workflow.state import RunState, RunStatus

WorkflowOption = Annotated[str | None, typer.Option(help="Only runs of this workflow.")]
StatusOption = Annotated[RunStatus | None, typer.Option(help="Only runs that stand like this.")]
VerdictOption = Annotated[Verdict | None, typer.Option(help="Only runs with this verdict.")]
LimitOption = Annotated[int, typer.Option(min=1, help="How many, newest first.")]


def runs(
    *,
    as_json: JsonOption = False,
    workflow: WorkflowOption = None,
    status: StatusOption = None,
    verdict: VerdictOption = None,
    limit: LimitOption = 20,
) -> None:
    """List the runs of this project, newest first."""
    wanted = {"workflow": workflow, "status": status, "verdict": verdict}
    found = _listed(run_directories(Project.find()), {name: asked for name, asked in wanted.items() if asked}, limit)
    if as_json:
        print_envelope(data=[_brief(directory, state) for directory, state in found])
        return
    table = columns(0, 0, 0, 0)
    for directory, state in found:
        if isinstance(state, str):
            table.add_row(directory.id, Text("unreadable", "red"), "", state)
        else:
            took = "" if state.seconds is None else duration(state.seconds)
            table.add_row(directory.id, state.status.value, verdict_text(state.verdict), took)
    output.show(table)


def show(
    run: RunArgument,
    step: Annotated[str | None, typer.Argument(help="One step of it.")] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show a run's steps with their verdicts, and what was found."""
    directory = find_run(Project.find(), run)
    state = directory.state()
    if not as_json:
        print_state(state, step=step)
    elif step:
        print_envelope(data=state.step(step).model_dump(mode="json"))
    else:
        print_envelope(data=state_as_json(state, directory))


def why(
    run: RunArgument, step: Annotated[str, typer.Argument(help="One step of it.")], *, as_json: JsonOption = False
) -> None:
    """Say in one sentence why a step ran, was reused or was skipped."""
    state = find_run(Project.find(), run).state()
    sentence = explanation(state.step(step))
    if as_json:
        print_envelope(data={"run": state.run, "step": step, "why": sentence})
    else:
        typer.echo(sentence)


def _listed(
    directories: list[RunDirectory], wanted: Mapping[str, str], limit: int
) -> list[tuple[RunDirectory, RunState | str]]:
    """Return runs with their states; for a run that can't be read, why: it must not hide the others."""
    found: list[tuple[RunDirectory, RunState | str]] = []
    for directory in directories:
        if len(found) == limit:
            break
        try:
            state: RunState | str = directory.state()
        except JournalError as error:
            state = error.message
        fits = isinstance(state, RunState) and all(getattr(state, name) == asked for name, asked in wanted.items())
        if fits or not wanted:
            found.append((directory, state))
    return found


def _brief(directory: RunDirectory, state: RunState | str) -> dict[str, object]:
    if isinstance(state, str):
        return {"run": directory.id, "status": "unreadable", "reason": state}
    brief = state.model_dump(mode="json", exclude={"steps", "inputs"})
    return {**brief, "directory": str(directory.path)}
