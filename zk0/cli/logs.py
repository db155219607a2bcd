"""`zk0 logs`: what the steps of a run printed, and what they print now."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from zk0.cli.completion import RunArgument
from zk0.cli.output import JsonOption, print_envelope
from zk0.core.errors import RequestError
from zk0.core.project import Project
from zk0.workflow.lock import owner
from zk0.workflow.run import RunDirectory, find_run

POLL = 0.2  # seconds
FollowOption = Annotated[bool, typer.Option("--follow", "-f", help="Go on printing for as long as the run goes on.")]


def logs(
    run: RunArgument,
    step: Annotated[str | None, typer.Argument(help="Only of this step, and of those within it.")] = None,
    *,
    follow: FollowOption = False,
    as_json: JsonOption = False,
) -> None:
    """Print what the steps of a run printed."""
    directory = find_run(Project.find(), run)
    if step:
        directory.state().step(step)  # a name that is wrong is refused rather than waited for
    if as_json:
        if follow:
            raise RequestError("--json is one object, which --follow never ends", remedy="leave one of them out")
        print_envelope(data=[{"log": name, "text": text} for name, text in _new(directory, step, {})])
        return
    told: dict[Path, int] = {}
    last = ""
    while True:
        goes_on = follow and owner(directory) is not None  # asked before reading: what comes meanwhile is read below
        for name, text in _new(directory, step, told):
            sys.stdout.write(text if name == last else f"==> {name} <==\n{text}")
            last = name
        sys.stdout.flush()
        if not goes_on:
            return
        time.sleep(POLL)


def _new(run: RunDirectory, step: str | None, told: dict[Path, int]) -> Iterator[tuple[str, str]]:
    """Yield what is new in each log, with the log's name; `told` keeps how many bytes are known."""
    root = run.path / "logs"
    for path in sorted(root.rglob("*.log"), key=lambda path: (path.stat().st_mtime, str(path))):
        name = path.relative_to(root).with_suffix("").as_posix()
        if step and not name.startswith((f"{step}.", f"{step}/")) and name != step:
            continue
        with path.open("rb") as stream:
            stream.seek(told.get(path, 0))
            text = stream.read()
        if text:
            told[path] = told.get(path, 0) + len(text)
            yield name, text.decode(errors="replace")
