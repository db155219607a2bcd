"""Ask the checks that look at the project itself, and keep their answers as receipts.

An answer is kept with the digests of what the check read, so it is asked again only where one of them changed.
"""

from collections.abc import Callable

from zk0.checklists.evaluation import PROJECT
from zk0.checklists.items import Checklist, Judged
from zk0.checklists.snapshot import Present
from zk0.checklists.staleness import BASIS, change
from zk0.checklists.workers import Answer, Question, answers
from zk0.core.checks import CHECKS, Part
from zk0.core.project import Project
from zk0.core.receipts import Receipt, ReceiptStore
from zk0.core.verdicts import worst

type Progress = Callable[[str, int, int], None]


def store_of(project: Project) -> ReceiptStore:
    """Return where the answers of checks of the project are kept."""
    return ReceiptStore(project.state_dir / "checklists")


def kept_answers(project: Project) -> list[Receipt]:
    """Return the answers kept so far."""
    return store_of(project).of_run(PROJECT)


def answers_for(project: Project, checklist: Checklist) -> list[Receipt]:
    """Return the answers kept so far of the checks that a checklist names."""
    keys = {proof.key for _, item in checklist.items() for proof in item.check or () if isinstance(proof, Judged)}
    return [receipt for receipt in kept_answers(project) if receipt.step in keys] if keys else []


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
    wanted = [proof for key, proof in proofs.items() if anew or key not in kept or change(kept[key], present)]
    questions = [Question(proof.key, CHECKS.get(proof.project), proof.options) for proof in wanted]
    store = store_of(project)
    for done, answer in enumerate(answers(project.root, questions), start=1):
        store.save(_receipt(answer, present))
        progress(answer.question.check.id, done, len(questions))


def _receipt(answer: Answer, present: Present) -> Receipt:
    check = answer.question.check
    basis = {part: None if part is Part.machine else present.parts.get(part) for part in check.reads}
    return Receipt(
        run=PROJECT,
        workflow=PROJECT,
        step=answer.question.key,
        title=check.summary,
        uses=check.id,
        inputs=dict(answer.question.options),
        code=present.code,
        environment=dict(present.environment),
        started=answer.started,
        finished=answer.finished,
        outputs={BASIS: basis},
        findings=tuple(answer.findings),
        verdict=worst(finding.verdict for finding in answer.findings),
    )
