"""Decide each box from receipts and signatures; pure.

A box is ticked when all findings that its item names are `pass`, or `not-applicable` beside at least one `pass`. Of
several runs that hold such findings the latest decides. A receipt vouches for what it rested on: where the code, the
environment or what was made is no longer that, the box is open again and says what changed. The six verdicts are kept
apart: missing evidence is `not-available`, never a pass and never a failure. A waiver ticks nothing.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

from zk0.checklists.answers import PROJECT
from zk0.checklists.items import (
    ANY,
    Checklist,
    ChecklistFile,
    CheckRef,
    EvidenceRef,
    Item,
    ProjectCheckRef,
    StepVerdictRef,
)
from zk0.checklists.signatures import SignatureDecision, Signatures
from zk0.checklists.snapshot import ProjectSnapshot, why_stale
from zk0.core.app_subject import is_about_zk0
from zk0.core.receipts import Receipt
from zk0.core.verdicts import SEVERITY, Evidence, Verdict, worst


@dataclass(frozen=True)
class EvidenceLine:
    """One finding (or one step's verdict) that an item rests on, and its receipt; `proof` is how the item names it."""

    name: str
    proof: str
    verdict: Verdict
    message: str
    run: str
    workflow: str
    step: str
    receipt: str
    at: str = ""
    remedy: str | None = None
    numbers: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class EvaluatedItem:
    """An item with its box: `message` gives the reason, `waived` the reason why it may stay open."""

    item: Item
    part: str
    verdict: Verdict
    ticked: bool
    message: str
    evidence: tuple[EvidenceLine, ...] = ()
    waived: str = ""
    stale: bool = False
    word: str = "unsigned"  # of a manual item: `signed` with a key, or `stated` in a terminal

    @property
    def remedy(self) -> str | None:
        """What the finding that decided says to do."""
        return next((line.remedy for line in self.evidence if line.verdict is self.verdict and line.remedy), None)


@dataclass(frozen=True)
class ChecklistSection:
    """Items under one heading, of the part with this title."""

    part: str
    title: str
    items: tuple[EvaluatedItem, ...]


@dataclass(frozen=True)
class Evaluated:
    """A checklist with every box decided, for one snapshot; `problems` name kept answers that do not count."""

    checklist: Checklist
    items: tuple[EvaluatedItem, ...]
    snapshot: ProjectSnapshot
    problems: tuple[str, ...] = ()

    @cached_property
    def sections(self) -> tuple[ChecklistSection, ...]:
        """The items by part and section, in the order written."""
        grouped = groupby(self.items, key=lambda item: (item.part, item.item.section))
        return tuple(ChecklistSection(part, title, tuple(items)) for (part, title), items in grouped)

    @cached_property
    def ticked(self) -> int:
        """How many boxes are ticked."""
        return sum(item.ticked for item in self.items)

    @cached_property
    def manual(self) -> int:
        """How many items only a person decides."""
        return sum(item.item.manual is True for item in self.items)

    @cached_property
    def waived(self) -> int:
        """How many open boxes a person waived."""
        return sum(bool(item.waived) for item in self.items)

    @cached_property
    def verdicts(self) -> Mapping[Verdict, int]:
        """How many items that a machine decides have each verdict, all six named."""
        counted = Counter(item.verdict for item in self.items if item.item.manual is None)
        return {verdict: counted[verdict] for verdict in sorted(Verdict, key=SEVERITY.index)}


def evaluate(
    checklist: Checklist, receipts: Sequence[Receipt], snapshot: ProjectSnapshot, signatures: Signatures | None = None
) -> Evaluated:
    """Decide every box of a checklist as of a snapshot, from receipts, of one run or of many, and signatures."""
    given = signatures or Signatures()
    items = []
    for part, item in checklist.items():
        if item.check is None:
            found = _decide_by_signature(item, part, snapshot, given)
        else:
            found = _decide_by_receipts(item, part, receipts, snapshot, checklist.name)
        waiver = given.of(item, SignatureDecision.waived)
        if waiver and not found.ticked and not waiver.complaint(item, snapshot.at, snapshot.code.tree):
            found = replace(found, waived=waiver.summary)
        items.append(found)
    return Evaluated(checklist, tuple(items), snapshot)


def _decide_by_signature(
    item: Item, part: ChecklistFile, snapshot: ProjectSnapshot, signatures: Signatures
) -> EvaluatedItem:
    signed = signatures.of(item, SignatureDecision.signed)
    if signed is None:
        message = signatures.problems.get(item.id) or "not signed by a person"
        return EvaluatedItem(item, part.title, Verdict.not_available, ticked=False, message=message)
    if complaint := signed.complaint(item, snapshot.at, snapshot.code.tree):
        return EvaluatedItem(item, part.title, Verdict.not_available, ticked=False, message=complaint, stale=True)
    return EvaluatedItem(item, part.title, Verdict.passed, ticked=True, message=signed.summary, word=signed.word)


def _decide_by_receipts(
    item: Item, part: ChecklistFile, receipts: Sequence[Receipt], snapshot: ProjectSnapshot, checklist: str
) -> EvaluatedItem:
    evidence: list[EvidenceLine] = []
    outcomes: list[tuple[Verdict, str]] = []
    stale = False
    for proof in item.check or ():
        remedy = _remedy(proof, part, checklist)
        found = [receipt for receipt in receipts if any(lines_of(proof, receipt))]
        if not found:
            what = "answer" if isinstance(proof, ProjectCheckRef) else "run"
            message = f"no {what} of {proof} yet{remedy}"
            of_zk0 = isinstance(proof, CheckRef) and is_about_zk0(proof.check) and part.about == "project"
            outcomes.append((Verdict.not_available, snapshot.other_app if of_zk0 and snapshot.other_app else message))
        elif snapshot.other_app and part.about == "project":
            found = [one for one in found if not is_about_zk0(one.uses) or one.workflow == PROJECT]
            if not found:
                outcomes.append((Verdict.not_available, snapshot.other_app))
        latest = max(found, key=lambda receipt: receipt.order, default=None)
        for receipt in (one for one in found if latest and one.run == latest.run):
            lines = list(lines_of(proof, receipt))
            evidence += lines
            if changed := why_stale(receipt, snapshot):
                # What was found of other code says nothing of this code, neither good nor bad.
                stale = True
                outcomes.append((Verdict.not_available, f"{changed} since{remedy}"))
            else:
                outcomes += [(line.verdict, line.message) for line in lines]
    verdict = worst(outcome for outcome, _ in outcomes)
    message = next(message for outcome, message in outcomes if outcome is verdict)
    return EvaluatedItem(item, part.title, verdict, verdict is Verdict.passed, message, tuple(evidence), stale=stale)


def _remedy(proof: EvidenceRef, part: ChecklistFile, checklist: str) -> str:
    if isinstance(proof, ProjectCheckRef):
        return f": zk0 checklist verify {checklist}"
    workflow = part.renewed_by if proof.workflow == ANY else proof.workflow
    return f": zk0 run {workflow}" if workflow else ""


def lines_of(proof: EvidenceRef, receipt: Receipt) -> Iterator[EvidenceLine]:
    """Yield what a receipt says of a piece of evidence; nothing where it says nothing of it."""
    origin = (receipt.run, receipt.workflow, receipt.step, receipt.digest)
    match proof:
        case ProjectCheckRef() if receipt.workflow == PROJECT and receipt.step == proof.key:
            check = proof.project
        case CheckRef() if proof.workflow in (ANY, receipt.workflow) and proof.step in (ANY, receipt.step):
            check = proof.check
        case StepVerdictRef() if proof.workflow in (ANY, receipt.workflow) and proof.verdict_of == receipt.step:
            ended = receipt.failure.message if receipt.failure else f"{receipt.title}: {receipt.verdict}"
            yield EvidenceLine(f"step {receipt.step}", str(proof), receipt.verdict, ended, *origin)
            return
        case _:
            return
    for one in receipt.findings:
        if one.check == check:
            message = f"{one.at}: {one.message}" if one.at else one.message
            yield EvidenceLine(
                check,
                str(proof),
                one.verdict,
                message,
                *origin,
                at=one.at,
                remedy=one.remedy,
                numbers=tuple(one.evidence),
            )
