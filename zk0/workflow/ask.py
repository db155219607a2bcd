"""A step that an agent or a person does: hand over, wait, and judge what they did."""

from pathlib import Path
from typing import Any, NoReturn

from zk0.core.errors import TimeLimitError
from zk0.core.receipts import Receipt, canonical_digest
from zk0.core.verdicts import Finding, Verdict, failed, passed
from zk0.workflow.approval import ApprovalAnswer, ApprovalQuestion
from zk0.workflow.attempt import AskOutputs, Attempt
from zk0.workflow.clock import seconds_between
from zk0.workflow.effects import Effects
from zk0.workflow.event_log import EventLog
from zk0.workflow.events import StepStarted, StepWaiting
from zk0.workflow.expressions import Scope, fill
from zk0.workflow.handover import handover
from zk0.workflow.plan import Plan, PlannedStep
from zk0.workflow.state import RunState, StepState, fold
from zk0.workflow.timeouts import TimeLimit

HANDOVER = "handover.md"
GOOD_ENOUGH = (Verdict.passed, Verdict.warned, Verdict.not_applicable)  # can't tell is never yes


class Paused(Exception):  # noqa: N818  not an error: the run waits
    """The run can't continue before an agent or a person has acted."""


def hand_over(attempt: Attempt, plan: Plan, scope: Scope, log: EventLog) -> NoReturn:
    """Write the handover, and wait.

    Raises:
        SpecError: the instruction has an expression without a value.
        Paused: always, after recording that the run waits.
    """
    step, effects = attempt.step, attempt.effects
    state = fold(log.events)
    arguments = fill(step.arguments, scope)
    text = handover(step, arguments, plan.spec, state, effects.now())
    question = question_of(step, arguments, as_asked(log, step), attempt.context.run.step(step.path))
    effects.write_handover(
        attempt.context.run.step(step.path) / HANDOVER, text, question if asks_person(step) else None
    )
    _wait(attempt, log, 0, ())


def judge(attempt: Attempt, scope: Scope, log: EventLog, before: StepState) -> Receipt:
    """Judge the work, and return the receipt if the step has ended.

    Raises:
        Paused: something is still missing, as recorded.
    """
    step, effects = attempt.step, attempt.effects
    if step.timeout and before.asked and _waited(before, effects) > step.timeout:
        problem = f"{step.path} was not done within {TimeLimit(step.timeout)} of being asked for"
        top = step.path.partition("/")[0]
        return attempt.refuse(TimeLimitError(problem, remedy=f"zk0 resume {attempt.context.run.id} --from {top}"))
    attempt.number = before.attempt + 1
    file = attempt.context.run.step(step.path) / HANDOVER
    receipt = attempt.perform(scope, lambda *_: None)
    missing = tuple(finding for finding in attempt.findings if finding.verdict not in GOOD_ENOUGH)
    if receipt.failure:
        return receipt
    if missing:
        if step.patient or attempt.number < step.retry.attempts:
            _wait(attempt, log, attempt.number, missing)
        return attempt.finish(failed(f"was judged {attempt.number} times and is not good enough"))
    if not asks_person(step):
        return receipt
    state = as_asked(log, step)
    answer = effects.find_answer(question_of(step, fill(step.arguments, scope), state, file.parent))
    if answer is None:
        remedy = (
            f"zk0 resume {state.run} in a terminal, or sign {file.parent / 'approve.txt'} (ssh-keygen -Y sign -n zk0)"
        )
        nobody = Finding(
            verdict=Verdict.not_available, message="no person has answered yet", check="person", remedy=remedy
        )
        _wait(attempt, log, before.attempt, (nobody,))
    attempt.outputs = AskOutputs(by=answer.by, how=answer.how, reason=answer.reason, handover=file)
    return attempt.finish(_finding(answer))


def _waited(before: StepState, effects: Effects) -> float:
    """Return for how long a step has waited, in seconds; after a restart of the machine, by the wall clock."""
    now = effects.now()
    return seconds_between(before.asked_ticks, effects.ticks(), before.asked or now, now)


def as_asked(log: EventLog, step: PlannedStep) -> RunState:
    """Return the state of the run when the step began to wait, without what ended since."""
    begun = max(
        number for number, event in enumerate(log.events) if isinstance(event, StepStarted) and event.step == step.path
    )
    return fold(log.events[: begun + 1])


def question_of(step: PlannedStep, arguments: dict[str, Any], state: RunState, directory: Path) -> ApprovalQuestion:
    """Return the question to a person: about this step of this run, given the receipts so far."""
    evidence = canonical_digest([receipt.digest for receipt in state.receipts])
    asked = canonical_digest(arguments["instruction"])
    statement = f"zk0 run: {state.run}\nstep: {step.path}\ninstruction: sha256 {asked}\nevidence: sha256 {evidence}\n"
    return ApprovalQuestion(step.path, directory, statement, state.code.commit)


def asks_person(step: PlannedStep) -> bool:
    """Return whether only a person can answer."""
    return step.uses == "ask.person"


def _finding(answer: ApprovalAnswer) -> Finding:
    how = "in a terminal" if answer.how == "terminal" else "by SSH signature"
    if answer.approved:
        return passed(f"approved by {answer.by} {how}")
    return failed(f"rejected by {answer.by} {how}: {answer.reason}")


def _wait(attempt: Attempt, log: EventLog, number: int, missing: tuple[Finding, ...]) -> NoReturn:
    step, run = attempt.step, attempt.context.run
    log.append(
        StepWaiting(
            run=run.id,
            step=step.path,
            title=step.title,
            ask=step.uses.removeprefix("ask."),
            attempt=number,
            at=attempt.effects.now(),
            handover=run.step(step.path) / HANDOVER,
            missing=missing,
            ticks=attempt.effects.ticks(),
        )
    )
    raise Paused
