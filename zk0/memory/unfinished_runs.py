"""The runs that have not ended: in progress, waiting for an agent or a person, or stopped.

Each has its own region in `context.md`, between markers that name it. When a step ends, only that region changes; the
rest of the page is rendered when a run begins or ends.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from zk0.core.errors import ExitStatus, JournalError
from zk0.core.project import Project
from zk0.memory.bank import Bank
from zk0.memory.budget import cell, fit, size
from zk0.memory.entries import StepRecord
from zk0.memory.results import step_record
from zk0.workflow.events import RunCancelled, RunFinished, StepWaiting
from zk0.workflow.journal import read_tail

if TYPE_CHECKING:  # `zk0 prime` has no time for it
    from zk0.workflow.run import RunDirectory

RECENT = 20  # the newest runs that are read; one stopped before so many others is not work in progress
STEPS_SHOWN = 5  # in a region
RESERVE = 1024  # bytes of a region; the rest of the page leaves them free
CODE_FILE = "code.json"  # in a run's directory: the programs and settings it began with
END = "<!-- /run -->"


@dataclass(frozen=True)
class Waiting:
    """A step that a run waits for, who does it, and the file that explains it."""

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

    def text(counts: Mapping[str, int]) -> str:
        count = counts["steps"]
        lines = [step_line(step) for step in run.steps[len(run.steps) - count :]]
        last = f" The last {count}:" if 0 < count < len(run.steps) else ""
        return "\n".join([_begin(run.run), head + last, *(["", *lines] if lines else []), END])

    return fit({"steps": min(STEPS_SHOWN, len(run.steps))}, [("steps", 0)], text, most)


def with_region(page: str, run: RunningRun, budget: int) -> str | None:
    """Return a page with a run's region as it is now, within the page's budget; None where the page has none."""
    start = page.find(_begin(run.run))
    end = page.find(END, start)
    if start < 0 or end < 0:
        return None
    before, after = page[:start], page[end + len(END) :]
    room = min(RESERVE, budget - size(before) - size(after))
    return before + region(run, room) + after


def step_line(step: StepRecord) -> str:
    """Return one step as a member of a list."""
    note = f", {cell(step.note)}" if step.note else ""
    receipt = f" (receipt `{step.receipt}`)" if step.receipt else ""
    return f"- {cell(step.title)}: {step.verdict}{note}{receipt}"


def open_runs(project: Project) -> Iterator[OpenRun]:
    """Yield those of the newest runs that have not ended, newest first; reads the end of each journal alone.

    Of a workflow's runs that were interrupted only the newest counts: who starts a new one is done with the others.
    """
    seen: set[str] = set()
    for path in _newest(project):
        last = read_tail(path / "journal.jsonl")
        is_first = _workflow(path) not in seen
        seen.add(_workflow(path))
        if last is not None and not is_over(last) and (is_first or last.get("kind") != RunFinished.kind):
            yield OpenRun(path.name, path, _waiting(last, project))


def is_over(event: Mapping[str, object]) -> bool:
    """Whether a run has ended with this event; one that was interrupted goes on or is cancelled."""
    finished = event.get("kind") == RunFinished.kind and event.get("exit_status") != ExitStatus.interrupted
    return finished or event.get("kind") == RunCancelled.kind


def unrecorded_runs(project: Project, bank: Bank, *, but: str) -> "Iterator[RunDirectory]":
    """Yield the runs, oldest first, that are over and not in the bank: their engine was killed before it wrote them."""
    from zk0.workflow.lock import owner
    from zk0.workflow.run import RunDirectory

    ended: dict[tuple[str, datetime], RunDirectory] = {}
    for path in reversed(_newest(project)):
        last = read_tail(path / "journal.jsonl")
        if last and is_over(last) and path.name != but and (path / CODE_FILE).exists():
            ended[path.name, datetime.fromisoformat(str(last["at"]))] = RunDirectory(path)
    for reading in (bank.read, bank.read_archive):
        if ended:
            recorded = {(entry.run.id, entry.generated.at) for entry in reading().entries if entry.run}
            ended = {key: run for key, run in ended.items() if key not in recorded}
    yield from (run for run in ended.values() if owner(run) is None)


def _newest(project: Project) -> list[Path]:
    directories = [path for path in project.runs_dir.glob("*/") if not path.name.startswith(".")]
    return sorted(directories, key=lambda path: (path.name[:15], path.name[-4:]), reverse=True)[:RECENT]


def _workflow(run: Path) -> str:
    return run.name[len("20260101-120000-") : -len("-0000")]


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
        records = [step_record(step.receipt) for step in own if step.receipt]
        stopped = opened.waiting is None and owner(directory) is None
        yield RunningRun(state.run, state.workflow, len(own), records, opened.waiting, stopped)


def _waiting(event: dict[str, object], project: Project) -> Waiting | None:
    if event.get("kind") != StepWaiting.kind:
        return None
    return waiting_of(str(event["title"]), str(event["ask"]), str(event["handover"]), project)


def waiting_of(title: str, ask: str, handover: str | Path, project: Project) -> Waiting:
    """Return what a step waits for, with the handover's path below the project's root where it is."""
    return Waiting(title, "an agent" if ask == "agent" else f"a {ask}", project.shown(handover))


def _begin(run: str) -> str:
    return f"<!-- run:{re.sub(r'[^a-zA-Z0-9_.-]', '', run)} -->"
