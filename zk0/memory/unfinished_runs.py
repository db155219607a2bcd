"""The runs that have not ended: in progress, waiting for somebody, or stopped in the middle.

Each has a region of its own in `context.md`, between markers that name it. A step that ends changes that region alone,
whatever the bank has grown to; all else on the page is rendered when a run begins or ends.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from zk0.core.errors import JournalError
from zk0.core.project import Project
from zk0.memory.entries import StepRecord
from zk0.memory.results import step_records
from zk0.memory.texts import cell

RECENT = 20  # runs that are looked at: what was stopped before so many others began is no work in progress
TOLD = 5  # steps that a region tells of
RESERVE = 1024  # bytes of a region; the rest of the page leaves them free
TAIL = 65536  # bytes; an event of a step that waits, its findings included, is shorter
OVER = ("run-finished", "run-cancelled")
END = "<!-- /run -->"


@dataclass(frozen=True)
class Waiting:
    """What a run waits for: a step that somebody, an agent or a person, does, and where it is told what."""

    step: str
    title: str
    who: str
    handover: str


@dataclass(frozen=True)
class RunningRun:
    """A run that has not ended: the steps it plans, those that ended, what it waits for, whether it was stopped."""

    run: str
    workflow: str
    planned: int
    steps: Sequence[StepRecord]
    waiting: Waiting | None = None
    stopped: bool = False


@dataclass(frozen=True)
class OpenRun:
    """A run without an end, as the last line of its journal shows it."""

    run: str
    path: Path
    waiting: Waiting | None


def region(run: RunningRun, most: int) -> str:
    """Return a run's part of the page, with as many of its last steps as there are bytes for."""
    of = f" of {run.planned}" if run.planned else ""
    head = f"Run `{run.run}` of `{run.workflow}`: {len(run.steps)}{of} steps ended."
    if run.waiting:
        head += (
            f" It waits for {run.waiting.who}: {cell(run.waiting.title)}. Read `{run.waiting.handover}`, then"
            f" `zk0 resume {run.run}`."
        )
    elif run.stopped:
        head += f" It was stopped: `zk0 resume {run.run}`, or `zk0 cancel {run.run}`."
    for count in range(min(TOLD, len(run.steps)), -1, -1):
        lines = [step_line(step) for step in run.steps[len(run.steps) - count :]]
        last = f" The last {count}:" if 0 < count < len(run.steps) else ""
        text = "\n".join([_begin(run.run), head + last, *(["", *lines] if lines else []), END])
        if len(text.encode()) <= most or not count:
            return text
    raise AssertionError("a region has at least its head")


def with_region(page: str, run: RunningRun, budget: int) -> str | None:
    """Return a page with a run's region as it is now, within the page's budget; None where the page has none."""
    start = page.find(_begin(run.run))
    end = page.find(END, start)
    if start < 0 or end < 0:
        return None
    before, after = page[:start], page[end + len(END) :]
    room = min(RESERVE, budget - len(before.encode()) - len(after.encode()))
    return before + region(run, room) + after


def step_line(step: StepRecord) -> str:
    """Return one step as a member of a list."""
    note = f", {cell(step.note)}" if step.note else ""
    receipt = f" (receipt `{step.receipt}`)" if step.receipt else ""
    return f"- {cell(step.title)}: {step.verdict}{note}{receipt}"


def open_runs(project: Project) -> Iterator[OpenRun]:
    """Yield those of the newest runs that have not ended, newest first; reads the end of each journal alone."""
    directories = [path for path in project.runs_dir.glob("*/") if not path.name.startswith(".")]
    newest = sorted(directories, key=lambda path: (path.name[:15], path.name[-4:]), reverse=True)[:RECENT]
    for path in newest:
        last = _last_event(path / "journal.jsonl")
        if last is not None and last.get("kind") not in OVER:
            yield OpenRun(path.name, path, _waiting(last, project.root))


def running_runs(project: Project) -> Iterator[RunningRun]:
    """Yield the runs that have not ended, with their steps; one whose journal can't be read is left to `zk0 runs`."""
    for opened in open_runs(project):
        from zk0.workflow.lock import owner  # `zk0 prime` has no time for these
        from zk0.workflow.run import RunDirectory

        directory = RunDirectory(opened.path)
        try:
            state = directory.state()
        except JournalError:
            continue
        own = [step for step in state.steps if "/" not in step.id]
        records = step_records([step.receipt for step in own if step.receipt])
        stopped = opened.waiting is None and owner(directory) is None
        yield RunningRun(state.run, state.workflow, len(own), records, opened.waiting, stopped)


def _last_event(journal: Path) -> dict[str, object] | None:
    try:
        with journal.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - TAIL))
            lines = stream.read().splitlines(keepends=True)
    except FileNotFoundError:
        return None
    whole = [line for line in lines if line.endswith(b"\n")]  # a torn line tells of nothing
    try:
        event = json.loads(whole[-1]) if whole else None
    except ValueError:  # the event is longer than what was read: it is no end and no wait
        return {}
    return event if isinstance(event, dict) else None


def _waiting(event: dict[str, object], root: Path) -> Waiting | None:
    if event.get("kind") != "step-waiting":
        return None
    return waiting_of(str(event["step"]), str(event["title"]), str(event["ask"]), Path(str(event["handover"])), root)


def waiting_of(step: str, title: str, ask: str, handover: Path, root: Path) -> Waiting:
    """Return what a step waits for, with the handover's path below the project's root where it is."""
    shown = handover.relative_to(root) if handover.is_relative_to(root) else handover
    who = "an agent" if ask == "agent" else f"a {ask}"
    return Waiting(step, title, who, shown.as_posix())


def _begin(run: str) -> str:
    return f"<!-- run:{re.sub(r'[^a-zA-Z0-9_.-]', '', run)} -->"
