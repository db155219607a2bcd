"""Ask the checks of the project itself, each in another process, and keep their answers as receipts.

An answer is kept with the digests of what the check read, so it is asked again only where one of them changed, or where
zk0 did not write it.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from pathlib import Path

from zk0.checklists.answers import PROJECT, AnswerStore, KeptAnswers
from zk0.checklists.items import Checklist, ProjectCheckRef
from zk0.checklists.snapshot import BASIS, ProjectSnapshot, rests_on_machine, why_stale
from zk0.core.checks import CHECKS, Check, CheckContext, Part
from zk0.core.errors import CommandError, MissingError, Zk0Error
from zk0.core.extras import missing_extra
from zk0.core.git import ignore_directory
from zk0.core.project import Project
from zk0.core.receipts import Receipt
from zk0.core.registry import extend
from zk0.core.verdicts import Finding, Verdict, worst
from zk0.workflow.plugins import ProjectPlugins

AT_ONCE = max(2, os.cpu_count() or 1)  # most checks wait for a program or the disk part of their time
PRELOADED = ["zk0.checklists.judging"]
GRACE = 1.0  # seconds that an idle process has to end


@dataclass(frozen=True)
class CheckRequest:
    """A check with its options, and the name of its receipt."""

    key: str
    check: Check
    options: Mapping[str, object]


@dataclass(frozen=True)
class CheckResult:
    """What a check found, and when it was asked and answered."""

    request: CheckRequest
    findings: list[Finding]
    started: datetime
    finished: datetime


class Worker:
    """A process that runs checks of a project, one after another."""

    def __init__(self, context: BaseContext, root: Path) -> None:
        self.request: CheckRequest | None = None
        self.deadline = float("inf")
        self.usable = True  # for another request
        self.connection, theirs = context.Pipe()
        arguments = (theirs, root, Path.cwd())
        self._process = context.Process(target=_serve, args=arguments, daemon=True)  # type: ignore[attr-defined]
        self._process.start()
        theirs.close()

    def send(self, request: CheckRequest) -> None:
        """Send a request; the result comes over `connection`, or never."""
        self.request, self.started = request, datetime.now(UTC)
        self.deadline = time.monotonic() + request.check.timeout
        with suppress(BrokenPipeError):  # its process has ended, as `result` will notice
            self.connection.send((request.check.id, dict(request.options)))

    def result(self) -> CheckResult | None:
        """Return the result of the last request, an error where none came in time; None while there is time."""
        if self.request is None or not (self.connection.poll() or time.monotonic() >= self.deadline):
            return None
        result = CheckResult(self.request, self._findings(self.request.check), self.started, datetime.now(UTC))
        self.request, self.deadline = None, float("inf")
        return result

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
        message = f"it did not answer within {check.timeout:.0f} s"
        return [Finding(verdict=Verdict.not_available, message=message, check=check.id)]

    def end(self) -> None:
        """End the process, and what its checks started and left."""
        self.connection.close()
        if self.usable and self.request is None:
            self._process.join(GRACE)
        if self._process.is_alive() and self._process.pid:
            with suppress(ProcessLookupError, PermissionError):  # it may end, or not have begun its session, meanwhile
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
        self._process.join()


def run_checks(root: Path, requests: Iterable[CheckRequest]) -> Iterator[CheckResult]:
    """Yield the answers as they come; what may take the longest is asked first."""
    waiting = sorted(requests, key=lambda request: request.check.timeout)
    context = _context()
    workers: list[Worker] = []
    try:
        while waiting or any(worker.request for worker in workers):
            while len(workers) < min(AT_ONCE, len(waiting) + len(workers)):
                workers.append(Worker(context, root))
            for worker in workers:
                if waiting and worker.request is None:
                    worker.send(waiting.pop())
            soonest = min(worker.deadline for worker in workers)
            wait([worker.connection for worker in workers], timeout=max(0.0, soonest - time.monotonic()))
            for worker in list(workers):
                if result := worker.result():
                    yield result
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


def _serve(theirs: Connection, root: Path, cwd: Path) -> None:
    """Run one requested check after another, until the connection is closed."""
    os.setsid()  # so that what it starts can be ended with it
    project = Project(root)
    extend(ProjectPlugins(project))
    while True:
        try:
            check, options = theirs.recv()
        except EOFError:
            return
        os.chdir(cwd)
        found = [finding.model_dump_json() for finding in _run_check(check, project, options)]
        try:
            theirs.send(found)
        except BrokenPipeError:  # who asked was ended meanwhile
            return


def _run_check(check: str, project: Project, options: Mapping[str, object]) -> list[Finding]:
    try:
        return CHECKS.get(check).run(CheckContext(project), options)
    except Zk0Error as error:
        missing = isinstance(error, MissingError | CommandError)  # something is not here, or did not end in time
        verdict = Verdict.not_available if missing else Verdict.error
        return [Finding(verdict=verdict, message=error.message, remedy=error.remedy, check=check)]
    except Exception as error:  # noqa: BLE001  a check is foreign code, and the others are to be asked all the same
        if needed := missing_extra(error):
            return [Finding(verdict=Verdict.not_available, message=needed.message, remedy=needed.remedy, check=check)]
        return [Finding(verdict=Verdict.error, message=f"{type(error).__name__}: {error}", check=check)]


type Progress = Callable[[str, int, int], None]


def kept_answers(project: Project, checklist: Checklist) -> KeptAnswers:
    """Return the answers kept so far of the checks that a checklist names, and why others do not count."""
    keys = {proof.key for proof in checklist.evidence() if isinstance(proof, ProjectCheckRef)}
    kept = AnswerStore(project).read() if keys else KeptAnswers((), {})
    receipts = tuple(receipt for receipt in kept.receipts if receipt.step in keys)
    return KeptAnswers(receipts, {key: why for key, why in kept.problems.items() if key in keys})


def judge(
    project: Project,
    checklist: Checklist,
    snapshot: ProjectSnapshot,
    *,
    force: bool = False,
    progress: Progress = lambda _name, _done, _all: None,
) -> None:
    """Ask every check that a checklist names and that has no answer for the project as it is; all with `force`.

    What rests on the machine has no digest that could have changed, and what was missing or slow may be there now, so
    these are asked each time.

    `progress` is called for each answer with the check, how many are done, and how many are asked.

    Raises:
        UnknownNameError: the checklist names a check that does not exist.
    """
    kept = {receipt.step: receipt for receipt in kept_answers(project, checklist).receipts}
    proofs = {proof.key: proof for proof in checklist.evidence() if isinstance(proof, ProjectCheckRef)}
    wanted = [
        proof
        for key, proof in proofs.items()
        if force or key not in kept or why_stale(kept[key], snapshot) or _may_differ(kept[key])
    ]
    requests = [CheckRequest(proof.key, CHECKS.get(proof.project), proof.options) for proof in wanted]
    ignore_directory(project.state_dir)
    answers = AnswerStore(project)
    for done, result in enumerate(run_checks(project.root, requests), start=1):
        answers.save(_receipt(result, snapshot))
        progress(result.request.check.id, done, len(requests))


def _may_differ(answer: Receipt) -> bool:
    return rests_on_machine(answer) or answer.verdict is Verdict.not_available


def _receipt(result: CheckResult, snapshot: ProjectSnapshot) -> Receipt:
    check = result.request.check
    basis = {part: None if part is Part.machine else snapshot.parts.get(part) for part in (*check.reads, Part.zk0)}
    return Receipt(
        run=PROJECT,
        workflow=PROJECT,
        step=result.request.key,
        title=check.summary,
        uses=check.id,
        inputs=dict(result.request.options),
        code=snapshot.code,
        environment=dict(snapshot.environment),
        started=result.started,
        finished=result.finished,
        outputs={BASIS: basis},
        findings=tuple(result.findings),
        verdict=worst(finding.verdict for finding in result.findings),
    )
