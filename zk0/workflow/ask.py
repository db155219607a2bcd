"""A step that an agent or a person does: hand over, wait, and judge what they did."""

from pathlib import Path
from typing import Any, NoReturn

from zk0.core.errors import ConfigurationError, JournalError, TimeLimitError
from zk0.core.file_snapshots import FileSnapshot
from zk0.core.receipts import Receipt, canonical_digest
from zk0.core.verdicts import Finding, Verdict, failed, passed
from zk0.workflow.agent_scope import AgentScope, changes_since, name_some
from zk0.workflow.approval import ApprovalAnswer, ApprovalQuestion
from zk0.workflow.attempt import AskOutputs, Attempt
from zk0.workflow.clock import seconds_between
from zk0.workflow.effects import Effects
from zk0.workflow.event_log import EventLog
from zk0.workflow.events import RunFinished, StepFinished, StepStarted, StepWaiting
from zk0.workflow.expressions import Scope, fill
from zk0.workflow.handover import handed_task, handover
from zk0.workflow.patterns import argument_texts
from zk0.workflow.plan import Plan, PlannedStep
from zk0.workflow.programs import PROGRAM_CHECK
from zk0.workflow.run import RunDirectory
from zk0.workflow.state import StepState, fold
from zk0.workflow.statement import changed_parts, statement_of
from zk0.workflow.timeouts import TimeLimit

HANDOVER = "handover.md"
OF_FILES = frozenset({"code", "files"})  # parts of a statement
GOOD_ENOUGH = (Verdict.passed, Verdict.warned, Verdict.not_applicable)  # can't tell is never yes


class Paused(Exception):  # noqa: N818  not an error: the run waits
    """The run can't continue before an agent or a person has acted."""


def hand_over(attempt: Attempt, plan: Plan, scope: Scope, log: EventLog, before: StepState | None) -> None:
    """Write the handover, and record that the run waits. Nothing else runs meanwhile, so the files stand still."""
    missing: tuple[Finding, ...] = ()
    if asks_person(attempt.step):
        question = question_of(attempt.step, scope, log, attempt)
        if before and before.receipt and before.receipt.verdict is Verdict.passed:
            missing = (_changed(attempt, question, log, "what was approved changed since"),)
        _write(attempt, plan, scope, log, question.subject.files, question)
    else:
        _write(attempt, plan, scope, log, _files_to_hand_over(attempt, scope, log))
    _record_wait(attempt, log, 0, missing)


def judge(attempt: Attempt, plan: Plan, scope: Scope, log: EventLog, before: StepState) -> Receipt:
    """Judge the work, and return the receipt if the step has ended.

    Raises:
        Paused: something is still missing, as recorded.
        ConfigurationError: there is a signature, and it does not count; the run waits.
    """
    step, effects = attempt.step, attempt.effects
    attempt.files, attempt.statement, attempt.task = before.files, before.statement, before.task
    if step.timeout and before.asked and seconds_waited(before, effects) > step.timeout:
        problem = f"{step.path} was not done within {TimeLimit(step.timeout)} of being asked for"
        top = step.path.partition("/")[0]
        return attempt.refuse(TimeLimitError(problem, remedy=f"zk0 resume {attempt.context.run.id} --from {top}"))
    attempt.number = before.attempt + 1
    receipt = _perform(attempt, scope) if asks_person(step) else _judge_agent(attempt, scope, log)
    missing = tuple(finding for finding in attempt.findings if finding.verdict not in GOOD_ENOUGH)
    if receipt.failure:
        return receipt
    if missing:
        if step.patient or attempt.number < step.retry.attempts:
            wait(attempt, log, attempt.number, missing)
        return attempt.finish(failed(f"was judged {attempt.number} times and is not good enough"))
    return _ask_person(attempt, plan, scope, log, before) if asks_person(step) else receipt


def _perform(attempt: Attempt, scope: Scope) -> Receipt:
    return attempt.perform(scope, lambda *_: None)


def _judge_agent(attempt: Attempt, scope: Scope, log: EventLog) -> Receipt:
    """Judge an agent's work: what changed, then by `accept`, which runs only as it was at the handover."""
    effects, handover = attempt.effects, _handover(attempt.context.run, attempt.step)
    if not attempt.files:  # handed over by an earlier zk0
        return _perform(attempt, scope)
    handed = effects.read_handed_over(handover, attempt.files)
    if handed is None:
        return attempt.refuse(JournalError(f"the list of the files at the handover of {attempt.step.path} is gone"))
    allowed = _scope_of(attempt, scope)
    before = effects.file_snapshot(allowed.program_names)
    findings = allowed.judge(handed, before, effects.performed_files(attempt.context.run, fold(log.events).spec))
    outputs = AskOutputs(handover=handover, changed=tuple(map(str, changes_since(handed, before))))
    if any(finding.verdict.stops for finding in findings):
        attempt.outputs = outputs
        return attempt.finish(*findings)
    receipt = _perform(attempt, scope)
    attempt.outputs = outputs
    after = effects.file_snapshot(allowed.program_names)
    if made := allowed.made_by_accept(before, after):  # if it is judged again, that is not the agent's work
        files = FileSnapshot({**handed.files, **made})
        effects.save_handed_over(handover, files)
        attempt.files = files.digest
    return receipt if receipt.failure else attempt.finish(*findings, *allowed.judge_meanwhile(before, after))


def _files_to_hand_over(attempt: Attempt, scope: Scope, log: EventLog) -> FileSnapshot:
    """Return the files as they are; what `accept` runs or reads, as it was before any work that was not accepted.

    So an agent that changed it does not get it accepted by having the step handed over once more.
    """
    first = ""
    for event in log.events:
        if isinstance(event, StepWaiting) and event.step == attempt.step.path:
            first = first or event.files
        elif isinstance(event, StepFinished) and event.receipt.step == attempt.step.path:
            first = first if event.receipt.verdict.stops else ""
    allowed = _scope_of(attempt, scope)
    now = attempt.effects.file_snapshot(allowed.program_names)
    handover = _handover(attempt.context.run, attempt.step)
    handed = attempt.effects.read_handed_over(handover, first) if first else None
    return allowed.with_guarded(handed, now) if handed else now


def _scope_of(attempt: Attempt, scope: Scope) -> AgentScope:
    step = attempt.step
    given = fill(step.arguments, scope)["scope"]
    programs = [fill(one.options, scope)["argv"] for one in step.checks if one.check is PROGRAM_CHECK]
    return AgentScope(
        None if isinstance(given, str) else tuple(argument_texts(given)),
        tuple(tuple(argument_texts(argv)) for argv in programs),
    )


def _ask_person(attempt: Attempt, plan: Plan, scope: Scope, log: EventLog, before: StepState) -> Receipt:
    """Return the receipt of a person's answer to the question as it is now.

    Raises:
        Paused: there is none, or what they were asked about has changed since; then they are asked again.
        ConfigurationError: there is a signature, and it does not count; the run waits.
    """
    question = question_of(attempt.step, scope, log, attempt)
    run = attempt.context.run
    if question.statement != before.statement:
        parts = changed_parts(before.statement, question.statement)
        changed = _changed(attempt, question, log, f"changed since the question was asked ({', '.join(parts)})")
        _write(attempt, plan, scope, log, question.subject.files, question)
        wait(attempt, log, before.attempt, (changed,))
    try:
        answer = attempt.effects.find_answer(question)
    except ConfigurationError as error:
        refused = Finding(verdict=Verdict.not_available, message=error.message, check="person", remedy=error.remedy)
        _record_wait(attempt, log, before.attempt, (refused,))
        raise
    if answer is None:
        sign = f"sign {question.file(approve=True)} (ssh-keygen -Y sign -n zk0)"
        message = "no person has answered yet"
        remedy = f"zk0 resume {run.id} in a terminal, or {sign}"
        nobody = Finding(verdict=Verdict.not_available, message=message, check="person", remedy=remedy)
        wait(attempt, log, before.attempt, (nobody,))
    attempt.outputs = AskOutputs(
        by=answer.by,
        how=answer.how,
        reason=answer.reason,
        key=answer.key,
        statement=canonical_digest(question.statement),
        handover=_handover(run, attempt.step),
        answer=answer.text,
        signature=answer.signature,
    )
    return attempt.finish(_finding(answer))


def seconds_waited(before: StepState, effects: Effects) -> float:
    """Return for how long a step has waited, in seconds; after a restart of the machine, by the wall clock."""
    now = effects.now()
    return seconds_between(before.asked_ticks, effects.ticks(), before.asked or now, now)


def _changed(attempt: Attempt, question: ApprovalQuestion, log: EventLog, message: str) -> Finding:
    """Return why an earlier answer does not count, with the files that changed since the question was last asked."""
    file = _handover(attempt.context.run, attempt.step)
    waits = (event for event in reversed(log.events) if isinstance(event, StepWaiting))
    digest = next((event.files for event in waits if event.step == attempt.step.path), "")
    asked = attempt.effects.read_handed_over(file, digest)
    changes = question.subject.files.changes_since(asked) if asked else ()
    files = f": {name_some(changes)}" if changes else ""
    return Finding(
        verdict=Verdict.not_available,
        message=f"{message}{files}; an earlier answer does not count",
        check="person",
        remedy=f"read {file}, and answer the new statement",
    )


def approval_holds(step: PlannedStep, before: StepState, scope: Scope, log: EventLog, effects: Effects) -> bool:
    """Return whether what a person approved is still as it was; an approval of something else holds for nothing.

    What the run itself changed since, in the steps behind the approval, does not matter: then the files are those with
    which it ended or began to wait. What an agent changes is judged in the agent's own step.
    """
    if not (asks_person(step) and before.receipt and before.receipt.verdict is Verdict.passed):
        return True
    question = _question(step, scope, log, effects, log.run.step(step.path))
    if canonical_digest(question.statement) == before.receipt.outputs.get("statement"):
        return True
    rests = [event for event in log.events if isinstance(event, RunFinished | StepWaiting)]
    approved = next(event for event in reversed(rests) if isinstance(event, StepWaiting) and event.step == step.path)
    if not OF_FILES.issuperset(changed_parts(approved.statement, question.statement)):
        return False
    last = rests[-1]
    return last.files == question.subject.files.digest or (isinstance(last, StepWaiting) and last.ask == "agent")


def question_of(step: PlannedStep, scope: Scope, log: EventLog, attempt: Attempt) -> ApprovalQuestion:
    """Return the question to a person about this step, with the project and what was made as they are now."""
    question = _question(step, scope, log, attempt.effects, attempt.context.run.step(step.path))
    attempt.files, attempt.statement = question.subject.files.digest, question.statement
    return question


def _question(step: PlannedStep, scope: Scope, log: EventLog, effects: Effects, directory: Path) -> ApprovalQuestion:
    begun, start = max(
        (number, event)
        for number, event in enumerate(log.events)
        if isinstance(event, StepStarted) and event.step == step.path
    )
    state = fold(log.events[: begun + 1])  # what ended since is no part of the question
    subject = effects.approval_subject(state.receipts)
    instruction = str(fill(step.arguments, scope)["instruction"])
    statement = statement_of(state, fold(log.events).spec, step.path, start.at, instruction, subject)
    return ApprovalQuestion(step.path, directory, effects.mask_secrets(statement), state.code.commit, subject)


def asks_person(step: PlannedStep) -> bool:
    """Return whether only a person can answer."""
    return step.uses == "ask.person"


def _write(
    attempt: Attempt,
    plan: Plan,
    scope: Scope,
    log: EventLog,
    files: FileSnapshot,
    question: ApprovalQuestion | None = None,
) -> None:
    """Write the handover with the files that it is held against, and the question if a person is asked."""
    step, effects = attempt.step, attempt.effects
    attempt.files = files.digest
    arguments: dict[str, Any] = fill(step.arguments, scope)
    attempt.task = handed_task(step, arguments)
    text = handover(step, arguments, plan.spec, fold(log.events), effects.now(), attempt.statement)
    effects.save_handed_over(_handover(attempt.context.run, step), files)
    effects.write_handover(_handover(attempt.context.run, step), text, question)


def _handover(run: RunDirectory, step: PlannedStep) -> Path:
    return run.step(step.path) / HANDOVER


def _finding(answer: ApprovalAnswer) -> Finding:
    how = f"signed with {answer.key}" if answer.how == "signed" else "stated in a terminal"
    if answer.approved:
        return passed(f"approved by {answer.by}, {how}")
    return failed(f"rejected by {answer.by}, {how}: {answer.reason}")


def wait(attempt: Attempt, log: EventLog, number: int, missing: tuple[Finding, ...]) -> NoReturn:
    """Record that the run waits, after so many judgements, and what is missing; raises Paused."""
    _record_wait(attempt, log, number, missing)
    raise Paused


def _record_wait(attempt: Attempt, log: EventLog, number: int, missing: tuple[Finding, ...]) -> None:
    step, run = attempt.step, attempt.context.run
    log.append(
        StepWaiting(
            run=run.id,
            step=step.path,
            title=step.title,
            ask=step.uses.removeprefix("ask."),
            attempt=number,
            at=attempt.effects.now(),
            handover=_handover(run, step),
            missing=missing,
            ticks=attempt.effects.ticks(),
            files=attempt.files,
            statement=attempt.statement,
            task=attempt.task,
        )
    )
