"""Render a run as text or JSON: its steps with verdicts, times and findings."""

from collections.abc import Iterator, Sequence
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from zk0.cli.output import columns, show, verdict_text
from zk0.core.verdicts import Finding, Verdict
from zk0.reports.progress import duration, trouble
from zk0.workflow.engine import Outcome
from zk0.workflow.run import RunDirectory
from zk0.workflow.spec import ON_FAIL
from zk0.workflow.state import RunState, RunStatus, StepState, StepStatus

QUIET_VERDICTS = (Verdict.passed, Verdict.not_applicable)


def state_as_json(state: RunState, directory: RunDirectory, *, complaints: Sequence[str] = ()) -> dict[str, Any]:
    """Return plain data."""
    return {**state.model_dump(mode="json"), "directory": str(directory.path), "complaints": list(complaints)}


def print_outcome(outcome: Outcome) -> None:
    """Print the end of a run: its steps, the findings that did not pass, the steps' tables and the next command."""
    show(steps_table(outcome.state, every_finding=False))
    for step in outcome.state.steps:
        if table := _results(step):
            show("", Text(step.title, "bold"), table)
    show("", _summary(outcome.state))
    for complaint in outcome.subscriber_errors:
        typer.echo(f"not recorded everywhere: {complaint}", err=True)


def print_state(state: RunState, *, step: str | None = None) -> None:
    """Print a run, or one of its steps, with every finding.

    Raises:
        UnknownNameError: the run has no such step.
    """
    shown = state if step is None else state.model_copy(update={"steps": (state.step(step),)})
    show(_summary(state), steps_table(shown, every_finding=True))
    for chosen in shown.steps:
        for artifact in chosen.receipt.artifacts if step and chosen.receipt else ():
            show(f"  {artifact.name}: {artifact.path} ({artifact.size} bytes, sha256 {artifact.sha256[:16]})")


def steps_table(state: RunState, *, every_finding: bool) -> Table:
    """Return a row per step, followed by its findings: all of them, or those that did not pass."""
    table = columns(0, 0, 0, 0)
    for step in state.steps:
        seconds = "" if step.seconds is None else duration(step.seconds)
        word = verdict_text(step.verdict, step.status.value)
        table.add_row(word, step.id, step.title, Text(seconds, "dim", justify="right"))
        for line in _remarks(step, every_finding=every_finding):
            table.add_row("", "", line)
    return table


def _remarks(step: StepState, *, every_finding: bool) -> Iterator[Text]:
    if step.status is StepStatus.skipped:
        yield Text(f"  skipped: {step.reason}", "dim")
    for finding in step.missing:
        yield from _finding(finding)
    if step.status is StepStatus.waiting:
        tries = f", checked {step.attempt} times" if step.attempt else ""
        yield Text(f"  waits for {step.ask}{tries}: {step.handover}")
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


def _finding(finding: Finding) -> Iterator[Text]:
    about = f"{finding.check} {finding.at}".strip()
    yield Text("  ").append(verdict_text(finding.verdict)).append(f" {about}: {finding.message}")
    if finding.cause:
        yield Text(f"    because {finding.cause}")
    yield from _advice(finding.remedy)


def _advice(remedy: str | None) -> Iterator[Text]:
    if remedy:
        yield Text(f"    → {remedy}")


def _summary(state: RunState) -> Text:
    took = "" if state.seconds is None else f" in {duration(state.seconds)}"
    line = Text(f"{state.run}: {state.status}{took}, ").append(verdict_text(state.verdict))
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


def _results(step: StepState) -> Table | None:
    """Return the table in a step's outputs; its first row is the header."""
    rows = step.receipt.outputs.get("table") if step.receipt else None
    if not (isinstance(rows, list) and rows and all(isinstance(row, list) for row in rows)):
        return None
    table = Table(*map(str, rows[0]), box=None, padding=(0, 2, 0, 0), header_style="dim")
    for row in rows[1:]:
        table.add_row(*map(str, row))
    return table
