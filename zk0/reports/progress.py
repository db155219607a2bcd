"""How far a run is, on stderr: one line a step, live on a terminal; elsewhere plain lines, more for a long step.

A subscriber like the others. It writes to its own copy of stderr, since what actions print there goes into a log.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.text import Text

from zk0.core.pages import one_line
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Verdict
from zk0.workflow.events import (
    Event,
    RunResumed,
    RunStarted,
    StepFinished,
    StepProgressed,
    StepRepairing,
    StepRetried,
    StepSkipped,
    StepStarted,
    StepWaiting,
    Subscriber,
)

if TYPE_CHECKING:
    from rich.progress import TaskID

STYLES = {
    Verdict.passed: "green",
    Verdict.warned: "yellow",
    Verdict.failed: "bold red",
    Verdict.error: "bold red",
    Verdict.not_applicable: "dim",
    Verdict.not_available: "dim yellow",
}
TENTHS_MATTER, MINUTE, HOUR = 10, 60, 3600  # seconds
PATIENCE = 5.0  # seconds between two plain lines of a step: a round takes about as long, an episode less
VERDICT_WIDTH = max(map(len, Verdict))


@contextmanager
def progress_report(stream: TextIO | None = None) -> Iterator[Subscriber]:
    """Give a subscriber that suits a stream, by default a copy of stderr: live on a terminal, plain lines elsewhere."""
    if stream is None:
        sys.stderr.flush()
        with os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace") as copy, progress_report(copy) as report:
            yield report
        return
    console = Console(file=stream, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        yield PlainProgress(console)
        return
    live = LiveProgress(console)
    with live.progress:
        yield live


def line_of(event: Event) -> Text | None:
    """Return the line that stays of an event: a verdict, the title and the time; None where nothing stays."""
    match event:
        case StepFinished(receipt=receipt, reason=reason) if reason.startswith("reused"):
            return _line(receipt.verdict, receipt.title).append(f"  {reason}", "dim")
        case StepFinished(receipt=receipt):
            line = _line(receipt.verdict, receipt.title).append(f"  {duration(receipt.seconds)}", "dim")
            return line.append(f"  {reason}") if (reason := trouble(receipt)) else line
        case StepSkipped():
            return _line(event.verdict, event.title, "skipped").append(f"  {event.reason}", "dim")
        case StepWaiting():
            line = _line(Verdict.not_available, event.title, "waiting").append(
                f"  for a{'n' * (event.ask == 'agent')} {event.ask}"
            )
            return line.append(f": {one_line(event.missing[0].message)}") if event.missing else line
        case StepRetried() | StepRepairing():
            return _again(event)
    return None


def trouble(receipt: Receipt) -> str:
    """Return in one sentence why a step's verdict is what it is; nothing where it passed."""
    if receipt.failure:
        return one_line(receipt.failure.message)
    if receipt.verdict in (Verdict.passed, Verdict.not_applicable):
        return ""
    return next((one_line(one.message) for one in receipt.findings if one.verdict == receipt.verdict), "")


def duration(seconds: float) -> str:
    """Return a time as people say it: 0.4 s, 12 s, 3 min 5 s, 2 h 10 min."""
    whole = round(seconds)
    if whole < TENTHS_MATTER:
        return f"{seconds:.1f} s"
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"


@dataclass
class Pace:
    """When a step last got a line, and its first progress; in seconds of a clock that only goes forward."""

    told: float
    first: tuple[int, float] | None = None  # units done, and when

    def left(self, done: int, total: int, now: float) -> float | None:
        """Return the seconds that the rest will take at the pace so far; None where there is none yet, or no rest."""
        if self.first is None or not self.first[0] < done < total:
            return None
        return (now - self.first[1]) / (done - self.first[0]) * (total - done)


class PlainProgress:
    """One plain line per finished step, and one every few seconds of a step that says how far it is."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console
        self.clock = clock
        self.paces: dict[str, Pace] = {}

    def __call__(self, event: Event) -> None:
        """Print the line that stays of an event."""
        match event:
            case StepStarted():
                self.paces[event.step] = Pace(self.clock())
            case StepProgressed() if event.step in self.paces:
                self._progress(event)
        line = Text(f"run {event.run}") if isinstance(event, RunStarted | RunResumed) else line_of(event)
        if line is not None:
            self.console.print(line)

    def _progress(self, event: StepProgressed) -> None:
        """Print how far a step is and how long the rest will take, unless that was said a moment ago."""
        now, pace = self.clock(), self.paces[event.step]
        if pace.first is None:
            pace.first = (event.done, now)
        if now - pace.told < PATIENCE:
            return
        pace.told = now
        left = pace.left(event.done, event.total, now)
        rest = "" if left is None else f", about {duration(left)} left"
        self.console.print(Text(f"{'':<{VERDICT_WIDTH}}  {event.done} of {event.total}  {event.note}{rest}", "dim"))


class LiveProgress(PlainProgress):
    """Each step that runs as a bar with its own progress, elapsed and remaining time; finished ones above them."""

    def __init__(self, console: Console) -> None:
        # Imported only for a terminal: a fifth of the time that zk0 takes to start.
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        super().__init__(console)
        self.tasks: dict[str, TaskID] = {}
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            transient=True,
        )

    def __call__(self, event: Event) -> None:
        """Move a bar, or let a finished step stay as a line."""
        match event:
            case StepStarted():
                again = f" (attempt {event.attempt})" if event.attempt > 1 else ""
                self._remove(event.step)
                self._remove(event.step.rpartition("/")[0])  # the steps within a step say more than the step itself
                self.tasks[event.step] = self.progress.add_task(event.title + again, total=None, note="")
            case StepProgressed() if event.step in self.tasks:
                self.progress.update(self.tasks[event.step], completed=event.done, total=event.total, note=event.note)
            case StepFinished(receipt=receipt):
                self._remove(receipt.step)
            case StepRepairing(failed=failed):
                self._remove(failed.receipt.step)
            case StepRetried() | StepWaiting():
                self._remove(event.step)
        super().__call__(event)

    def _progress(self, event: StepProgressed) -> None:
        """Print no line: the bar shows it."""

    def _remove(self, step: str) -> None:
        if step in self.tasks:
            self.progress.remove_task(self.tasks.pop(step))


def _again(event: StepRetried | StepRepairing) -> Text:
    if isinstance(event, StepRepairing):
        line = _line(event.failed.receipt.verdict, event.failed.receipt.title, "repair")
        return line.append(f"  {event.workflow} runs, since {trouble(event.failed.receipt)}")
    wait = f", again in {duration(event.wait)}" if event.wait else ""
    return _line(event.verdict, event.step, "again").append(f"  attempt {event.attempt}: {event.reason}{wait}")


def _line(verdict: Verdict, title: str, word: str = "") -> Text:
    return Text(f"{word or verdict:<{VERDICT_WIDTH}}  ", STYLES[verdict]).append(title, "default")
