"""The project's own agent: the program that `[tool.zk0] agent` names works on a step that waits for an agent.

It gets one argument more, a short text that points to the handover. What it says and how it ends decide nothing: its
work is judged as anybody's is. It runs as a program of the run, so it can answer for no person.
"""

from dataclasses import replace
from pathlib import Path

from zk0.core.errors import Zk0Error
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Finding, Verdict, passed, warned
from zk0.workflow.ask import Paused, judge, seconds_waited, wait
from zk0.workflow.attempt import Attempt
from zk0.workflow.event_log import EventLog
from zk0.workflow.events import StepStarted
from zk0.workflow.expressions import Scope
from zk0.workflow.handover import format_finding
from zk0.workflow.plan import Plan
from zk0.workflow.programs import Command
from zk0.workflow.state import StepState, fold
from zk0.workflow.timeouts import TimeLimit

CHECK = "agent"  # the name of this module's findings' check


def work_and_judge(attempt: Attempt, plan: Plan, scope: Scope, log: EventLog, before: StepState) -> Receipt:
    """Let the agent work and judge it, as often as the step's `retry` says, or once; return the step's receipt.

    Raises:
        Paused: it is not good enough yet, or the agent can't be started.
    """
    while True:
        one = replace(attempt, number=before.attempt + 1, findings=[])
        one.findings.append(_work(one, log, before))
        try:
            return judge(one, plan, scope, log, before)
        except Paused:
            if attempt.step.patient:
                raise
            before = fold(log.events).step(attempt.step.path)


def _work(attempt: Attempt, log: EventLog, before: StepState) -> Finding:
    """Start the agent, and say how it ended.

    Raises:
        Paused: it can't be started, or did not end in time.
    """
    context, effects, step = attempt.context, attempt.effects, attempt.step
    argv = (*effects.agent, _request(before, context.project.shown(before.handover or Path())))
    log.emit(StepStarted(context.run.id, step.path, f"{step.title}: {argv[0]}", attempt.number, effects.now()))
    try:
        with context.scheduler.slot():
            end = effects.start(Command(argv, context.project.root, limit=_limit(attempt, before)), attempt.log)
    except Zk0Error as error:
        attempt.files = before.files
        why = Finding(verdict=Verdict.not_available, message=error.message, check=CHECK, remedy=error.remedy)
        wait(attempt, log, before.attempt, (why,))
    message = f"{argv[0]} ended with exit status {end.status}"
    attempt.report_left(end.left)
    remedy = f"see {context.project.shown(attempt.log)}"
    found = warned(message, remedy=remedy) if end.status else passed(message)
    return found.model_copy(update={"check": CHECK})


def _request(before: StepState, handover: str) -> str:
    lines = [f"Read {handover} and do the task in it. It says what will be accepted and what may change."]
    lines += ["It was judged before, and this was missing:"] if before.missing else []
    lines += [f"- {format_finding(finding)}" for finding in before.missing]
    return "\n".join(lines)


def _limit(attempt: Attempt, before: StepState) -> TimeLimit | None:
    """Return the time that is left to the agent: that of the step, or of an outer one."""
    outer, timeout = attempt.limit(), attempt.step.timeout
    if timeout is None or before.asked is None:
        return outer
    left = max(0.0, timeout - seconds_waited(before, attempt.effects))
    return outer if outer and outer.seconds <= left else TimeLimit(left, attempt.step.path)
