"""`zk0 runs`, `zk0 show`, `zk0 why` and `zk0 logs`: list the runs of a project and inspect one."""

import os
import sys
import time
from codecs import getincrementaldecoder
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from zk0.cli import output
from zk0.cli.completion import workflow_names
from zk0.cli.options import OptionalRunArgument, OptionalStepArgument, RunArgument, StepArgument
from zk0.cli.output import JsonOption, columns, print_envelope, print_result, print_texts, verdict_text
from zk0.cli.prune import prune
from zk0.cli.render_run import print_state, state_as_json
from zk0.core.errors import ExitStatus, JournalError, RequestError
from zk0.core.project import Project
from zk0.core.verdicts import Verdict
from zk0.reports.progress import duration
from zk0.workflow.integrity import RecordReader
from zk0.workflow.run import RunDirectory, find_run, run_directories
from zk0.workflow.run_verification import read_state, verify_run
from zk0.workflow.state import RunState, RunStatus

POLL = 0.2  # seconds
CHUNK = 1 << 20  # bytes

WorkflowOption = Annotated[str | None, typer.Option(help="Only runs of this workflow.", autocompletion=workflow_names)]
StatusOption = Annotated[RunStatus | None, typer.Option(help="Only runs with this status.")]
VerdictOption = Annotated[Verdict | None, typer.Option(help="Only runs with this verdict.")]
LimitOption = Annotated[int, typer.Option(min=1, help="The most runs to list.")]
FollowOption = Annotated[bool, typer.Option("--follow", "-f", help="Keep printing until the run ends.")]


app = typer.Typer(add_completion=False)
app.command()(prune)


@app.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    *,
    as_json: JsonOption = False,
    workflow: WorkflowOption = None,
    status: StatusOption = None,
    verdict: VerdictOption = None,
    limit: LimitOption = 20,
) -> None:
    """List the runs of this project, newest first."""
    if context.invoked_subcommand:
        return
    filters = {"workflow": workflow, "status": status, "verdict": verdict}
    chosen = _filter(Project.find(), {name: value for name, value in filters.items() if value}, limit)
    if as_json:
        print_envelope(data=[_brief(directory, state) for directory, state in chosen])
        return
    table = columns(0, 0, 0, 0)
    for directory, state in chosen:
        if isinstance(state, str):
            table.add_row(directory.id, Text("unreadable", "red"), "", state)
        else:
            took = "" if state.seconds is None else duration(state.seconds)
            table.add_row(directory.id, state.status.value, verdict_text(state.verdict), took)
    output.show(table)


@app.command()
def verify(run: OptionalRunArgument = None, *, as_json: JsonOption = False) -> None:
    """Compare all copies of a run's results, or those of all runs, and print each difference; exits with 1 if any."""
    project = Project.find()
    chosen = [find_run(project, run)] if run else [one for one in run_directories(project) if one.has_records]
    found = {directory.id: verify_run(project, directory) for directory in chosen}
    total = sum(map(len, found.values()))
    if as_json:
        runs = [{"run": name, "differences": list(map(asdict, one))} for name, one in found.items()]
        print_envelope(data=runs[0] if run else runs)
    elif run:
        output.show(*map(str, found[chosen[0].id]), f"{chosen[0].id}: {total} differences")
    else:
        lines = (f"{name}: {one}" for name, differences in found.items() for one in differences)
        output.show(*lines, f"{len(found)} runs: {total} differences")
    raise typer.Exit(ExitStatus.failed if total else ExitStatus.done)


def show(
    run: RunArgument,
    step: OptionalStepArgument = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show a run's steps with their verdicts and findings."""
    project = Project.find()
    directory = find_run(project, run)
    state = read_state(RecordReader(project), directory)
    if not as_json:
        print_state(state, step=step)
    elif step:
        print_envelope(data=state.step(step).model_dump(mode="json"))
    else:
        print_envelope(data=state_as_json(state, directory))


def why(run: RunArgument, step: StepArgument, *, as_json: JsonOption = False) -> None:
    """Explain in one sentence why a step ran, was reused or was skipped."""
    from zk0.workflow.reuse import explanation

    state = find_run(Project.find(), run).state()
    sentence = explanation(state.step(step))
    print_result({"run": state.run, "step": step, "why": sentence}, sentence, as_json=as_json)


def logs(
    run: RunArgument,
    step: OptionalStepArgument = None,
    *,
    follow: FollowOption = False,
    as_json: JsonOption = False,
) -> None:
    """Print the output of a run's steps."""
    from zk0.workflow.lock import owner

    directory = find_run(Project.find(), run)
    if step:
        directory.state().step(step)  # refuses a wrong name, which would be waited for
    if as_json:
        if follow:
            raise RequestError("--json prints one object, and --follow never ends it", remedy="omit one of them")
        print_texts(_read_new(directory, step, {}))
        return
    offsets: dict[Path, int] = {}
    last = ""
    while True:
        is_running = follow and owner(directory) is not None  # asked before reading, so that the last lines are read
        for name, pieces in _read_new(directory, step, offsets):
            sys.stdout.write("" if name == last else f"==> {name} <==\n")
            sys.stdout.writelines(pieces)
            last = name
        sys.stdout.flush()
        if not is_running:
            return
        time.sleep(POLL)


def _filter(project: Project, filters: Mapping[str, str], limit: int) -> list[tuple[RunDirectory, RunState | str]]:
    """Return runs with their states; an unreadable run, with the reason instead, must not hide the others."""
    chosen: list[tuple[RunDirectory, RunState | str]] = []
    records = RecordReader(project)
    for directory in run_directories(project):
        if len(chosen) == limit:
            break
        try:
            state: RunState | str = read_state(records, directory)
        except JournalError as error:
            state = error.message
        fits = isinstance(state, RunState) and all(getattr(state, name) == value for name, value in filters.items())
        if fits or not filters:
            chosen.append((directory, state))
    return chosen


def _brief(directory: RunDirectory, state: RunState | str) -> dict[str, object]:
    if isinstance(state, str):
        return {"run": directory.id, "status": "unreadable", "reason": state}
    brief = state.model_dump(mode="json", exclude={"steps", "inputs"})
    return {**brief, "directory": str(directory.path)}


def _read_new(run: RunDirectory, step: str | None, offsets: dict[Path, int]) -> Iterator[tuple[str, Iterator[str]]]:
    """Yield the new text of each log in pieces, with the log's name; `offsets` holds the bytes read of each."""
    root = run.path / "logs"
    for path in sorted(root.rglob("*.log"), key=lambda path: (path.stat().st_mtime, str(path))):
        name = path.relative_to(root).with_suffix("").as_posix()
        if step and not name.startswith((f"{step}.", f"{step}/")) and name != step:
            continue
        size = path.stat().st_size
        if size > offsets.setdefault(path, 0):
            yield name, _pieces(path, offsets)
        offsets[path] = min(offsets[path], path.stat().st_size)  # its middle was cut out when the step ended


def _pieces(path: Path, offsets: dict[Path, int]) -> Iterator[str]:
    """Yield the new text of a log; a hole, whose text was cut out of a log that is too long, is left out."""
    decoder = getincrementaldecoder("utf-8")("replace")
    with path.open("rb") as stream:
        while chunk := _next_data(stream.fileno(), path, offsets):
            yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def _next_data(descriptor: int, path: Path, offsets: dict[Path, int]) -> bytes:
    """Return the next bytes of a log that are not in a hole, and advance its offset; nothing at its end."""
    start, size = offsets[path], CHUNK
    with suppress(OSError, AttributeError):  # nothing follows, or the system knows no holes
        start = os.lseek(descriptor, start, os.SEEK_DATA)
        size = min(size, os.lseek(descriptor, start, os.SEEK_HOLE) - start)
    chunk = os.pread(descriptor, size, start)
    offsets[path] = start + len(chunk)
    return chunk
