"""Render a run as text or JSON: its steps with verdicts, times and findings."""

import json
import os
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.table import Table
from rich.text import Text

from zk0.cli.output import columns, show, verdict_text
from zk0.core.verdicts import Finding, Verdict
from zk0.reports.progress import duration, trouble
from zk0.workflow.reserved import ON_FAIL, PROGRAM
from zk0.workflow.run import RunDirectory
from zk0.workflow.state import RunState, RunStatus, StepState, StepStatus

if TYPE_CHECKING:
    from zk0.workflow.engine import Outcome

LOG_LINES, LOG_BYTES = 10, 4096  # of a failed program's log, shown at the end of a run
QUIET_VERDICTS = (Verdict.passed, Verdict.not_applicable)


def state_as_json(state: RunState, directory: RunDirectory, *, complaints: Sequence[str] = ()) -> dict[str, Any]:
    """Return plain data."""
    return {**state.model_dump(mode="json"), "directory": str(directory.path), "complaints": list(complaints)}


def print_outcome(outcome: "Outcome") -> None:
    """Print the end of a run: its steps, the findings that did not pass, the steps' tables and the next command."""
    show(steps_table(outcome.state, every_finding=False, directory=outcome.directory))
    for step in outcome.state.steps:
        if table := _results(step):
            show("", Text(step.title, "bold"), table)
    if outcome.state.outputs:
        show("", *_outputs(outcome.state))
    show("", _summary(outcome.state))
    for complaint in outcome.subscriber_errors:
        typer.echo(f"not recorded everywhere: {complaint}", err=True)


def print_state(state: RunState, *, step: str | None = None) -> None:
    """Print a run, or one of its steps, with every finding.

    Raises:
        UnknownNameError: the run has no such step.
    """
    shown = state if step is None else state.model_copy(update={"steps": (state.step(step),)})
    show(_summary(state), steps_table(shown, every_finding=True), *(_outputs(state) if step is None else ()))
    for chosen in shown.steps:
        for artifact in chosen.receipt.artifacts if step and chosen.receipt else ():
            show(f"  {artifact.name}: {artifact.path} ({artifact.size} bytes, sha256 {artifact.sha256[:16]})")


def steps_table(state: RunState, *, every_finding: bool, directory: RunDirectory | None = None) -> Table:
    """Return a row per step, followed by its findings: all of them, or those that did not pass.

    With the run's directory, a program that failed is followed by the end of what it printed.
    """
    table = columns(0, 0, 0, 0)
    for step, others in _together(state.steps, apart=every_finding):
        seconds = "" if step.seconds is None else duration(step.seconds)
        word = verdict_text(step.verdict, step.status.value)
        title = f"{step.title}, and {others} more step{'s' * (others > 1)}" if others else step.title
        table.add_row(word, step.id, title, Text(seconds, "dim", justify="right"))
        for line in _remarks(step, every_finding=every_finding):
            table.add_row("", "", line)
        if directory and step.receipt and step.receipt.failure and step.receipt.uses == PROGRAM:
            for printed in _log_end(directory.log(step.id, step.attempt)):
                table.add_row("", "", Text(f"    | {printed}", "dim"))
    return table


def _together(steps: Sequence[StepState], *, apart: bool) -> Iterator[tuple[StepState, int]]:
    """Yield each step with the number of those after it that were skipped for the same reason; none if `apart`."""
    for reason, alike in groupby(steps, lambda step: step.reason if step.status is StepStatus.skipped else None):
        first, *others = alike
        if reason and not apart:
            yield first, len(others)
        else:
            yield from ((step, 0) for step in (first, *others))


def _log_end(log: Path) -> list[str]:
    """Return the last lines of a log, without what a terminal would act on."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - LOG_BYTES))
            lines = stream.read().decode(errors="replace").splitlines()
    except OSError:
        return []
    return ["".join(sign if sign.isprintable() else " " for sign in line) for line in lines[-LOG_LINES:]]


def _remarks(step: StepState, *, every_finding: bool) -> Iterator[Text]:
    if step.status is StepStatus.skipped:
        yield Text(f"  skipped: {step.reason}", "dim")
    for finding in step.missing:
        yield from _finding(finding)
    if step.status is StepStatus.waiting:
        tries = f", checked {step.attempt} times" if step.attempt else ""
        who = "an agent" if step.ask == "agent" else f"a {step.ask}"
        yield Text(f"  waits for {who}{tries}: {_beside(step.handover)}")
    if step.receipt is None:
        return
    if step.failed:
        yield Text(f"  before the repair by {step.id}/{ON_FAIL}: {trouble(step.failed.receipt)}", "dim")
    if failure := step.receipt.failure:
        yield Text(f"  {failure.code}: {failure.message}")
        yield from _advice(failure.remedy)
    for finding in step.receipt.findings:
        if every_finding or finding.verdict not in QUIET_VERDICTS:
            yield from _finding(finding)


def _beside(path: Path | None) -> Path | None:
    """Return a path relative to the working directory if it is inside, as a shell completes it."""
    here = Path.cwd()
    return path.relative_to(here) if path and path.is_relative_to(here) else path


def _finding(finding: Finding) -> Iterator[Text]:
    about = " ".join(filter(None, (finding.check, finding.at)))
    yield Text("  ").append(verdict_text(finding.verdict)).append(f"{f' {about}' if about else ''}: {finding.message}")
    if finding.cause:
        yield Text(f"    because {finding.cause}")
    yield from _advice(finding.remedy)


def _advice(remedy: str | None) -> Iterator[Text]:
    if remedy:
        yield Text(f"    → {remedy}")


def _summary(state: RunState) -> Text:
    took = "" if state.seconds is None else f" in {duration(state.seconds)}"
    line = Text(f"{state.run}: {state.status}{took}, ").append(verdict_text(state.verdict))
    if state.failure:
        line.append(f"\n{state.failure.code}: {state.failure.message}")
    for workflow in state.proposals:
        line.append(f"\nnext: zk0 run {workflow}")
    if state.spec_changed:
        line.append(f"\nits workflow file was replaced at {state.spec_changed:%Y-%m-%d %H:%M} UTC (--spec new)")
    for difference in state.differences:
        line.append(f"\naltered: {difference}", "red")
    if state.status is RunStatus.altered:
        line.append(f"\nnext: zk0 runs verify {state.run}")
    if state.status is RunStatus.waiting:
        line.append(f"\nnext: zk0 resume {state.run}")
    return line


def _outputs(state: RunState) -> Iterator[Text]:
    for name, value in state.outputs.items():
        yield Text(f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")


def _results(step: StepState) -> Table | None:
    """Return the table in a step's outputs; its first row is the header."""
    rows = step.receipt.outputs.get("table") if step.receipt else None
    if not (isinstance(rows, list) and rows and all(isinstance(row, list) for row in rows)):
        return None
    table = Table(*map(str, rows[0]), box=None, padding=(0, 2, 0, 0), header_style="dim")
    for row in rows[1:]:
        table.add_row(*map(str, row))
    return table
