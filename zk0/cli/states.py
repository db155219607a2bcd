"""A run's state for people and for programs: its steps with verdicts and times, and what was found."""

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
    """Return a run's state as plain data."""
    return {**state.model_dump(mode="json"), "directory": str(directory.path), "complaints": list(complaints)}


def print_outcome(outcome: Outcome) -> None:
    """Print how a run ended: its steps, what is not well, the tables its steps made, and what to do next."""
    show(steps_table(outcome.state, every_finding=False))
    for step in outcome.state.steps:
        if table := _results(step):
            show("", Text(step.title, "bold"), table)
    show("", _summary(outcome.state))
    for complaint in outcome.subscriber_errors:
        typer.echo(f"not recorded everywhere: {complaint}", err=True)


def print_state(state: RunState, *, step: str | None = None) -> None:
    """Print a run, or one step of it, with every finding.

    Raises:
        UnknownNameError: the run has no such step.
    """
    shown = state if step is None else state.model_copy(update={"steps": (state.step(step),)})
    show(_summary(state), steps_table(shown, every_finding=True))
    for chosen in shown.steps:
        for artifact in chosen.receipt.artifacts if step and chosen.receipt else ():
            show(f"  {artifact.name}: {artifact.path} ({artifact.size} bytes, sha256 {artifact.sha256[:16]})")


def steps_table(state: RunState, *, every_finding: bool) -> Table:
    """Return one line a step, and under each what was found: everything, or only what is not well."""
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
        tries = f", judged {step.attempt} times" if step.attempt else ""
        yield Text(f"  waits for {step.ask}{tries}: {step.handover}")
    if step.receipt is None:
        return
    if step.failed:
        yield Text(f"  before it was repaired by {step.id}/{ON_FAIL}: {trouble(step.failed.receipt)}", "dim")
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
    if state.status is RunStatus.waiting:
        line.append(f"\nnext: zk0 resume {state.run}")
    return line


def _results(step: StepState) -> Table | None:
    """Return the table that a step's outputs hold, its first row the heads."""
    rows = step.receipt.outputs.get("table") if step.receipt else None
    if not (isinstance(rows, list) and rows and all(isinstance(row, list) for row in rows)):
        return None
    table = Table(*map(str, rows[0]), box=None, padding=(0, 2, 0, 0), header_style="dim")
    for row in rows[1:]:
        table.add_row(*map(str, row))
    return table
