"""Ask the checks that look at the project itself, each in a process of its own, and keep their answers as receipts.

An answer is kept with the digests of what the check read, so it is asked again only where one of them changed. The
processes are forked from one that has imported the checks already; one that takes too long is ended with all that it
started, and counts as not answered.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from zk0.checklists.aging import BASIS, change
from zk0.checklists.evaluation import PROJECT
from zk0.checklists.items import Checklist, Judged
from zk0.checklists.present import Present
from zk0.checks import CHECKS, Check, Part
from zk0.errors import CommandError, MissingError, Zk0Error
from zk0.project import Project
from zk0.receipts import Receipt, ReceiptStore
from zk0.verdicts import Finding, Verdict, not_available, worst

AT_ONCE = max(2, os.cpu_count() or 1)  # most checks wait for a program or the disk part of their time
PRELOADED = ["zk0.checklists.judging"]

type Progress = Callable[[str, int, int], None]


@dataclass
class _Asked:
    """A check that is answering."""

    proof: Judged
    check: Check
    process: BaseProcess
    answers: Connection
    started: datetime
    deadline: float


def store_of(project: Project) -> ReceiptStore:
    """Return where the answers of checks of the project are kept."""
    return ReceiptStore(project.state_dir / "checklists")


def kept_answers(project: Project) -> list[Receipt]:
    """Return the answers kept so far."""
    return store_of(project).of_run(PROJECT)


def judge(
    project: Project,
    checklist: Checklist,
    present: Present,
    *,
    anew: bool = False,
    progress: Progress = lambda _name, _done, _all: None,
) -> None:
    """Ask every check that a checklist names and that has no answer for the project as it is.

    Args:
        project: what is judged.
        checklist: whose checks are asked.
        present: the project as it is.
        anew: ask all of them, whatever answers are kept.
        progress: told of each answer: the check, how many are done, how many are asked.

    Raises:
        UnknownNameError: the checklist names a check that does not exist.
    """
    kept = {receipt.step: receipt for receipt in kept_answers(project)}
    everything = (proof for _, item in checklist.items() for proof in item.check or ())
    proofs = {proof.key: proof for proof in everything if isinstance(proof, Judged)}
    wanted = [
        (proof, CHECKS.get(proof.project))
        for key, proof in proofs.items()
        if anew or key not in kept or change(kept[key], present)
    ]
    store = store_of(project)
    for done, receipt in enumerate(_answered(project, wanted, present), start=1):
        store.save(receipt)
        progress(receipt.uses, done, len(wanted))


def _answered(project: Project, wanted: Iterable[tuple[Judged, Check]], present: Present) -> Iterable[Receipt]:
    # The longest first, so that the others run beside it.
    waiting = sorted(wanted, key=lambda pair: pair[1].patience)
    context = _context()
    asked: list[_Asked] = []
    try:
        while waiting or asked:
            while waiting and len(asked) < AT_ONCE:
                asked.append(_ask(context, project.root, *waiting.pop()))
            soonest = min(one.deadline for one in asked)
            wait([one.answers for one in asked], timeout=max(0.0, soonest - time.monotonic()))
            for one in list(asked):
                if one.answers.poll() or time.monotonic() >= one.deadline:
                    asked.remove(one)
                    yield _receipt(one, _findings(one), present)
    finally:
        for one in asked:
            _end(one.process)


def _context() -> BaseContext:
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(PRELOADED)
    return context


def _ask(context: BaseContext, root: Path, proof: Judged, check: Check) -> _Asked:
    answers, theirs = context.Pipe(duplex=False)
    arguments = (theirs, root, Path.cwd(), check.id, proof.options)
    process = context.Process(target=_answer, args=arguments, daemon=True)  # type: ignore[attr-defined]
    process.start()
    theirs.close()
    return _Asked(proof, check, process, answers, datetime.now(UTC), time.monotonic() + check.patience)


def _answer(theirs: Connection, root: Path, cwd: Path, check: str, options: Mapping[str, object]) -> None:
    """Run one check: the whole of a process's life."""
    os.setsid()  # so that what it starts can be ended with it
    os.chdir(cwd)
    try:
        found = CHECKS.get(check).run(Project(root), options)
    except (MissingError, CommandError) as error:  # something is not here, or did not end in time
        found = [not_available(error.message).model_copy(update={"remedy": error.remedy, "check": check})]
    except Zk0Error as error:
        found = [Finding(verdict=Verdict.error, message=error.message, remedy=error.remedy, check=check)]
    except Exception as error:  # noqa: BLE001  a check is foreign code, and the others are to be asked all the same
        found = [Finding(verdict=Verdict.error, message=f"{type(error).__name__}: {error}", check=check)]
    theirs.send([finding.model_dump_json() for finding in found])
    theirs.close()


def _findings(one: _Asked) -> list[Finding]:
    try:
        if one.answers.poll():
            return [Finding.model_validate_json(text) for text in one.answers.recv()]
    except EOFError:
        one.process.join()
        message = f"its process ended with exit status {one.process.exitcode} and no answer"
        return [Finding(verdict=Verdict.error, message=message, check=one.check.id)]
    finally:
        _end(one.process)
    late = not_available(f"it did not answer within {one.check.patience:.0f} s")
    return [late.model_copy(update={"check": one.check.id})]


def _end(process: BaseProcess) -> None:
    process.join(0.2)  # seconds; it has answered, or it never will
    if process.is_alive() and process.pid:
        with suppress(ProcessLookupError, PermissionError):  # it may end, or not have begun its session, meanwhile
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.join()


def _receipt(one: _Asked, findings: list[Finding], present: Present) -> Receipt:
    basis = {part: None if part is Part.machine else present.parts.get(part) for part in one.check.reads}
    return Receipt(
        run=PROJECT,
        workflow=PROJECT,
        step=one.proof.key,
        title=one.check.summary,
        uses=one.check.id,
        inputs=one.proof.options,
        code=present.code,
        environment=dict(present.environment),
        started=one.started,
        finished=datetime.now(UTC),
        outputs={BASIS: basis},
        findings=tuple(findings),
        verdict=worst(finding.verdict for finding in findings),
    )
