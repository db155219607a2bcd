"""Choose the runs that nobody needs any more, and remove their directories.

A run stays if it is among the newest, waits, is being performed, is cited as evidence, or is named by a run that stays:
its artifacts may have been taken from there. Everything else can go, since a run's result is in the memory bank.
"""

import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from zk0.core.errors import JournalError, RunBusyError
from zk0.core.project import Project
from zk0.workflow.journal import unwritable
from zk0.workflow.lock import acquire, owner
from zk0.workflow.run import RunDirectory, run_directories
from zk0.workflow.state import RunStatus

RUN_ID = re.compile(rb"\d{8}-\d{6}-[a-z0-9-]+-[0-9a-f]{4}(?![0-9a-z-])")
REMOVED = ".removed-"  # the prefix of a directory that is being removed; no command takes it for a run


@dataclass(frozen=True)
class RunToPrune:
    """A run with the bytes of its files; `kept` says why it stays, and is empty if it can go."""

    directory: RunDirectory
    size: int
    kept: str = ""


def runs_to_prune(
    project: Project, *, cited: Collection[str], newest: int, before: datetime | None = None
) -> list[RunToPrune]:
    """Return all runs, newest first, each with its size and why it stays.

    Args:
        project: the project of the runs.
        cited: the runs that the memory bank or a checklist cites as evidence.
        newest: how many of the newest runs stay.
        before: only runs that began before this time go; None means that their age does not matter.
    """
    runs = run_directories(project)
    reasons = {run.id: _reason_to_keep(run, number, newest, cited, before) for number, run in enumerate(runs)}
    queue = [run for run in runs if reasons[run.id]]
    while queue:  # what a run that stays was made from stays with it
        keeper = queue.pop()
        for run in runs:
            if not reasons[run.id] and run.id in _runs_named_in(keeper):
                reasons[run.id] = f"run {keeper.id} names it"
                queue.append(run)
    return [RunToPrune(run, size_of(run.path), reasons[run.id]) for run in runs]


def remove_runs(runs: Iterable[RunToPrune]) -> Iterator[RunToPrune]:
    """Remove runs, and yield those that are gone; one that an engine has begun to perform meanwhile stays.

    Raises:
        StorageError: a directory can't be removed.
    """
    for run in runs:
        path = run.directory.path
        removed = path.with_name(f"{REMOVED}{path.name}")
        try:
            with suppress(RunBusyError), acquire(run.directory):
                path.rename(removed)  # at once, so that no command finds half a run
                shutil.rmtree(removed)
                yield run
        except OSError as error:
            raise unwritable(path, error) from error


def remove_remains(project: Project) -> None:
    """Remove what an interrupted removal left."""
    for path in project.runs_dir.glob(f"{REMOVED}*"):
        shutil.rmtree(path, ignore_errors=True)


def size_of(directory: Path) -> int:
    """Return the bytes of the files below a directory; links count as what they are."""
    return sum(path.lstat().st_size for path in directory.rglob("*") if path.is_symlink() or path.is_file())


def _reason_to_keep(
    run: RunDirectory, number: int, newest: int, cited: Collection[str], before: datetime | None
) -> str:
    if number < newest:
        return f"one of the newest {newest}" if newest > 1 else "the newest"
    if run.id in cited:
        return "cited as evidence"
    if owner(run) is not None:
        return "in progress"
    return _reason_of_state(run, before) if run.journal.is_file() else ""  # without: killed before it recorded anything


def _reason_of_state(run: RunDirectory, before: datetime | None) -> str:
    try:
        state = run.state()
    except JournalError:
        return "its journal can't be read"
    if state.status is RunStatus.waiting:
        return "it waits"
    return "" if before is None or state.started < before else "not old enough"


def _runs_named_in(run: RunDirectory) -> set[str]:
    """Return the runs that a run's journal names: those it took outcomes or inputs from."""
    try:
        return {found.decode() for found in RUN_ID.findall(run.journal.read_bytes())}
    except OSError:
        return set()
