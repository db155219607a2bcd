"""What GitHub Actions shows of a run: a folded log for each step, annotations, and a summary of the job."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from zk0.core.receipts import Receipt
from zk0.core.verdicts import Verdict
from zk0.reports.github import PLACE, InertStream, annotate, plain, run_command
from zk0.reports.progress import duration, line_of
from zk0.workflow.events import Event, RunResumed, RunStarted, StepFinished, Subscriber
from zk0.workflow.run import RunDirectory
from zk0.workflow.state import RunState

LEVELS = {Verdict.failed: "error", Verdict.error: "error", Verdict.warned: "warning"}
LOG_TAIL = 65536  # bytes of a step's log
MOST_ROWS = 200  # of the summary, which may have 1 MB


@contextmanager
def github_report(runs_dir: Path) -> Iterator[Subscriber]:
    """Give a subscriber that writes to a copy of stderr, since what actions print there goes into a log."""
    sys.stderr.flush()
    with os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace") as copy:
        yield GitHubReport(copy, runs_dir)


class GitHubReport:
    """Folds the log of each step that ends, and annotates what did not pass; a subscriber.

    Args:
        stream: gets the commands and the logs.
        runs_dir: the directory of all runs.
    """

    def __init__(self, stream: TextIO, runs_dir: Path) -> None:
        self.commands = stream
        self.texts = InertStream(stream)
        self.runs_dir = runs_dir

    def __call__(self, event: Event) -> None:
        """Print what an event leaves."""
        if isinstance(event, RunStarted | RunResumed):
            self.texts.write(f"run {event.run}\n")
        line = line_of(event)
        if line is None:
            return
        log = self._log(event.receipt) if isinstance(event, StepFinished) else ""
        if log:
            run_command("group", line.plain, self.commands)
            self.texts.write(log if log.endswith("\n") else f"{log}\n")
            run_command("endgroup", stream=self.commands)
        else:
            self.texts.write(f"{line.plain}\n")
        self.commands.flush()
        if isinstance(event, StepFinished):
            self._annotate(event.receipt)

    def _annotate(self, receipt: Receipt) -> None:
        if failure := receipt.failure:
            annotate("error", failure.message, title=f"{receipt.step}: {failure.code}", stream=self.commands)
        for finding in receipt.findings:
            if level := LEVELS.get(finding.verdict):
                places = (finding.at, *(evidence.at for evidence in finding.evidence))
                place = next(filter(PLACE.search, places), "")
                title = f"{receipt.step}: {finding.check}"
                annotate(level, finding.message, title=title, place=place, stream=self.commands)

    def _log(self, receipt: Receipt) -> str:
        """Return the end of a step's log; empty if there is none."""
        path = RunDirectory(self.runs_dir / receipt.run).log(receipt.step, receipt.attempt)
        try:
            with path.open("rb") as stream:
                size = stream.seek(0, os.SEEK_END)
                stream.seek(max(0, size - LOG_TAIL))
                text = stream.read().decode(errors="replace")
        except OSError:
            return ""
        return text if size <= LOG_TAIL else f"… the last {LOG_TAIL} of {size} bytes of {path}\n{text}"


def run_summary(state: RunState) -> str:
    """Return a run as Markdown: its steps, and what did not pass."""
    rows = [
        f"| {step.verdict or step.status} | {plain(step.id)} | {plain(step.title)} | "
        f"{'' if step.seconds is None else duration(step.seconds)} |"
        for step in state.steps[:MOST_ROWS]
    ]
    rows += [f"| | {len(state.steps) - MOST_ROWS} more steps | | |"] if len(state.steps) > MOST_ROWS else []
    lines = [f"### {plain(state.title)}: {state.verdict}", "", "| verdict | step | title | time |", "|---|---|---|---|"]
    return "\n".join([*lines, *rows, "", *_remarks(state), f"Run {plain(state.run)}: {state.status}.", "", ""])


def _remarks(state: RunState) -> Iterator[str]:
    for receipt in state.receipts[:MOST_ROWS]:
        if receipt.failure:
            yield f"- {plain(receipt.step)}: {plain(receipt.failure.message)}"
        for finding in receipt.findings:
            if finding.verdict in LEVELS:
                yield f"- {plain(receipt.step)}, {plain(finding.check)}: {plain(finding.message)}"
    yield ""
