"""Ask a person in their terminal whether they approve what a run waits for."""

import getpass
import os
import sys

import typer

from zk0.workflow.approval import ApprovalAnswer, agent_mark
from zk0.workflow.state import RunState, StepStatus


def answers_in_terminal(state: RunState) -> dict[str, ApprovalAnswer]:
    """Ask about each step that waits for a person; nothing where nobody sits there, or what sits there is an agent."""
    waiting = [step for step in state.steps if step.status is StepStatus.waiting and step.ask == "person"]
    if not waiting or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return {}
    if mark := agent_mark(os.environ):
        typer.echo(f"{mark} is set: this terminal is not a person's, so nobody is asked here", err=True)
        return {}
    found = {}
    for step in waiting:
        typer.echo(f"{state.run} waits at {step.id}: {step.title}\n  {step.handover}", err=True)
        said = typer.prompt(
            "approve? yes, or no and why not, or nothing for later", default="", show_default=False, err=True
        )
        if answer := _answer(said.strip()):
            found[step.id] = answer
    return found


def _answer(said: str) -> ApprovalAnswer | None:
    word, _, reason = said.partition(" ")
    if word.lower() == "yes":
        return ApprovalAnswer(approved=True, by=getpass.getuser(), how="terminal")
    if word.lower().rstrip(",:;") == "no" and reason.strip():
        return ApprovalAnswer(approved=False, by=getpass.getuser(), how="terminal", reason=reason.strip())
    return None
