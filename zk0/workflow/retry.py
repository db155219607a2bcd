"""Retries: try a step until it succeeds or may not be tried again, with a back-off between the attempts."""

from collections.abc import Callable
from itertools import count

from zk0.core.receipts import Receipt
from zk0.workflow.attempt import Attempt
from zk0.workflow.event_log import EventLog
from zk0.workflow.events import StepRetried
from zk0.workflow.programs import CommandOutputs
from zk0.workflow.spec import ProgramRetry, Retry

LONGEST_BACK_OFF = 100  # attempts after which the wait grows no more; 100.0 ** 100 is still a float


def run_attempts(
    first: int, start: Callable[[int], Attempt], perform: Callable[[Attempt], Receipt], log: EventLog
) -> tuple[Attempt, Receipt]:
    """Try a step until it succeeds or may not be tried again; return the last attempt and its receipt.

    Args:
        first: the number of the first attempt.
        start: records that an attempt begins, and returns it.
        perform: performs an attempt.
        log: gets an event for each retry.
    """
    for number in count(first):
        attempt = start(number)
        receipt = perform(attempt)
        wait, deadline = back_off(attempt.step.retry, number), attempt.deadline
        too_late = deadline is not None and attempt.effects.ticks().seconds + wait >= deadline.at
        if too_late or not may_retry(attempt, receipt):
            return attempt, receipt
        run, step, now = attempt.context.run.id, attempt.step.path, attempt.effects.now()
        log.append(StepRetried(run, step, number, receipt.verdict, _reason(receipt), now, wait))
        if wait:
            with attempt.context.scheduler.unlocked():
                attempt.effects.pause(wait)
    raise AssertionError("a count does not end")


def may_retry(attempt: Attempt, receipt: Receipt) -> bool:
    """Return whether the step's `retry` allows another attempt after this one."""
    retry = attempt.step.retry
    if attempt.number >= retry.attempts or receipt.verdict not in retry.on:
        return False
    statuses = retry.exit_statuses if isinstance(retry, ProgramRetry) else ()
    outputs = attempt.outputs
    return not statuses or (isinstance(outputs, CommandOutputs) and outputs.exit_status in statuses)


def back_off(retry: Retry, attempt: int) -> float:
    """Return the seconds to wait after an attempt; the first attempt is number 1."""
    if retry.wait is None:
        return 0.0
    return min(retry.longest, retry.wait * retry.factor ** min(attempt - 1, LONGEST_BACK_OFF))


def _reason(receipt: Receipt) -> str:
    """Return in one sentence why an attempt was not good enough."""
    if receipt.failure:
        return receipt.failure.message
    return next((finding.message for finding in receipt.findings if finding.verdict == receipt.verdict), "")
