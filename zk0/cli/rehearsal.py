"""What a dry run prints: each step with what it would do, or why it would not run."""

import shlex
from typing import Any

from zk0.cli.output import columns, print_envelope, show
from zk0.cli.wiring import Rehearsed
from zk0.workflow.events import StepFinished, StepPlanned, StepSkipped
from zk0.workflow.plan import Plan

UNDONE = {"skip": "skipped", "take": "not done", "fail": "fails"}


def print_rehearsal(planned: Plan, events: list[Rehearsed], *, as_json: bool) -> None:
    """Print what a dry run told."""
    steps = [_as_json(event) for event in events]
    if as_json:
        data = {"dry_run": True, "workflow": planned.spec.name, "inputs": planned.inputs_as_json(), "steps": steps}
        print_envelope(data=data)
        return
    table = columns(0, 0, 0)
    for number, step in enumerate(steps, 1):
        table.add_row(str(number), step["id"], step["title"])
        for name, value in _facts(step):
            table.add_row("", "", f"  {name}: {value}")
    show(f"{planned.spec.name}: {len(steps)} steps; nothing is done", table)


def _as_json(event: Rehearsed) -> dict[str, Any]:
    match event:
        case StepPlanned():
            return {"would": "run", **event.plan}
        case StepFinished(receipt=receipt) if receipt.failure:
            return {"would": "fail", "id": receipt.step, "title": receipt.title, "reason": receipt.failure.message}
        case StepFinished(receipt=receipt):
            return {"would": "take", "id": receipt.step, "title": receipt.title, "reason": event.reason}
        case StepSkipped():
            return {"would": "skip", "id": event.step, "title": event.title, "reason": event.reason}


def _facts(step: dict[str, Any]) -> list[tuple[str, str]]:
    if step["would"] != "run":
        return [(UNDONE[step["would"]], step["reason"])]
    arguments = [f"{name}={value}" for name, value in step["with"].items() if value not in (None, {}, ".")]
    if step["uses"] == "run":
        arguments[0] = shlex.join(map(str, step["with"]["argv"]))
    facts = [
        ("only if", "" if step["when"] is True else str(step["when"])),
        (step["uses"], ", ".join(arguments) or "no arguments"),
        ("changes", ", ".join(step["changes"])),
        ("checks", ", ".join(check["id"] for check in step["checks"])),
        ("ended after", f"{step['timeout']:g} s" if "timeout" in step else ""),
        ("if it fails", f"run {step['on_fail']['run']}, then once more" if "on_fail" in step else ""),
    ]
    return [(name, value) for name, value in facts if value]
