"""Processes that run checks, one after another: what one read of the project, such as its parsed code, serves the next.

They are forked from a process that has imported the checks already. A check that takes too long, or that ends its
process, costs no more than its own answer: the process is ended with all that the check started, and another is begun.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from pathlib import Path

from zk0.core.checks import CHECKS, Check, CheckContext
from zk0.core.errors import CommandError, MissingError, Zk0Error
from zk0.core.project import Project
from zk0.core.registry import extend
from zk0.core.verdicts import Finding, Verdict, not_available
from zk0.workflow.plugins import ProjectPlugins

AT_ONCE = max(2, os.cpu_count() or 1)  # most checks wait for a program or the disk part of their time
PRELOADED = ["zk0.checklists.workers"]
GRACE = 1.0  # seconds from the end of the questions to the end of a process


@dataclass(frozen=True)
class Question:
    """A check with its options, under the name that its answer is kept by."""

    key: str
    check: Check
    options: Mapping[str, object]


@dataclass(frozen=True)
class Answer:
    """What a check found, and when it was asked and answered."""

    question: Question
    findings: list[Finding]
    started: datetime
    finished: datetime


class Worker:
    """A process that answers questions about a project."""

    def __init__(self, context: BaseContext, root: Path) -> None:
        self.question: Question | None = None
        self.deadline = float("inf")
        self.usable = True  # for another question
        self.connection, theirs = context.Pipe()
        arguments = (theirs, root, Path.cwd())
        self._process = context.Process(target=_answering, args=arguments, daemon=True)  # type: ignore[attr-defined]
        self._process.start()
        theirs.close()

    def ask(self, question: Question) -> None:
        """Ask a question; the answer comes over `connection`, or never."""
        self.question, self.started = question, datetime.now(UTC)
        self.deadline = time.monotonic() + question.check.timeout
        with suppress(BrokenPipeError):  # its process has ended, as `answer` will find
            self.connection.send((question.check.id, dict(question.options)))

    def answer(self) -> Answer | None:
        """Return the answer to the last question, or that there is none in time; None while there is time."""
        if self.question is None or not (self.connection.poll() or time.monotonic() >= self.deadline):
            return None
        answer = Answer(self.question, self._findings(self.question.check), self.started, datetime.now(UTC))
        self.question, self.deadline = None, float("inf")
        return answer

    def _findings(self, check: Check) -> list[Finding]:
        try:
            if self.connection.poll():
                return [Finding.model_validate_json(text) for text in self.connection.recv()]
        except (EOFError, ConnectionResetError):
            self.usable = False
            self._process.join()
            message = f"its process ended with exit status {self._process.exitcode} and no answer"
            return [Finding(verdict=Verdict.error, message=message, check=check.id)]
        self.usable = False
        late = not_available(f"it did not answer within {check.timeout:.0f} s")
        return [late.model_copy(update={"check": check.id})]

    def end(self) -> None:
        """End the process, and what its checks started and left."""
        self.connection.close()
        if self.usable and self.question is None:
            self._process.join(GRACE)
        if self._process.is_alive() and self._process.pid:
            with suppress(ProcessLookupError, PermissionError):  # it may end, or not have begun its session, meanwhile
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
        self._process.join()


def answers(root: Path, questions: Iterable[Question]) -> Iterator[Answer]:
    """Yield the answers as they come; what may take the longest is asked first."""
    waiting = sorted(questions, key=lambda question: question.check.timeout)
    context = _context()
    workers: list[Worker] = []
    try:
        while waiting or any(worker.question for worker in workers):
            while len(workers) < min(AT_ONCE, len(waiting) + len(workers)):
                workers.append(Worker(context, root))
            for worker in workers:
                if waiting and worker.question is None:
                    worker.ask(waiting.pop())
            soonest = min(worker.deadline for worker in workers)
            wait([worker.connection for worker in workers], timeout=max(0.0, soonest - time.monotonic()))
            for worker in list(workers):
                if answer := worker.answer():
                    yield answer
                if not worker.usable:
                    workers.remove(worker)
                    worker.end()
    finally:
        for worker in workers:
            worker.end()


def _context() -> BaseContext:
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(PRELOADED)
    return context


def _answering(theirs: Connection, root: Path, cwd: Path) -> None:
    """Answer question after question: the whole of a process's life."""
    os.setsid()  # so that what it starts can be ended with it
    project = Project(root)
    extend(ProjectPlugins(project))
    while True:
        try:
            check, options = theirs.recv()
        except EOFError:
            return
        os.chdir(cwd)
        theirs.send([finding.model_dump_json() for finding in _found(check, project, options)])


def _found(check: str, project: Project, options: Mapping[str, object]) -> list[Finding]:
    try:
        return CHECKS.get(check).run(CheckContext(project), options)
    except (MissingError, CommandError) as error:  # something is not here, or did not end in time
        return [not_available(error.message).model_copy(update={"remedy": error.remedy, "check": check})]
    except Zk0Error as error:
        return [Finding(verdict=Verdict.error, message=error.message, remedy=error.remedy, check=check)]
    except Exception as error:  # noqa: BLE001  a check is foreign code, and the others are to be asked all the same
        return [Finding(verdict=Verdict.error, message=f"{type(error).__name__}: {error}", check=check)]
