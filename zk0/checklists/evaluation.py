"""Decide each box from receipts; pure.

A box is ticked when all findings that its item names are `pass`, or `not-applicable` beside at least one `pass`. Of
several runs that hold such findings the latest decides. A receipt vouches for the code it ran on: where that is not
the code of now, the box is open again and says what changed. The six verdicts are kept apart: what could not be
told is `not-available`, never a pass and never a failure.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import groupby

from zk0.checklists.items import ANY, Checklist, ChecklistFile, FindingOf, Item, Proof, VerdictOf
from zk0.project import GitState
from zk0.receipts import Receipt
from zk0.verdicts import SEVERITY, Verdict, worst

SHORT_COMMIT = 8  # digits of a commit's name in a message, enough to look it up


@dataclass(frozen=True)
class EvidenceLine:
    """One finding (or one step's verdict) that an item rests on, and the receipt it stands in."""

    name: str
    verdict: Verdict
    message: str
    run: str
    workflow: str
    step: str
    receipt: str


@dataclass(frozen=True)
class EvaluatedItem:
    """An item with its box: `message` says why it is as it is."""

    item: Item
    part: str
    verdict: Verdict
    ticked: bool
    message: str
    evidence: tuple[EvidenceLine, ...] = ()


@dataclass(frozen=True)
class Section:
    """Items under one heading, of the part with this title."""

    part: str
    title: str
    items: tuple[EvaluatedItem, ...]


@dataclass(frozen=True)
class Evaluated:
    """A checklist with every box decided, for one state of the code at one time."""

    checklist: Checklist
    items: tuple[EvaluatedItem, ...]
    code: GitState
    at: datetime

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """The items by part and section, in the order written."""
        grouped = groupby(self.items, key=lambda item: (item.part, item.item.section))
        return tuple(Section(part, title, tuple(items)) for (part, title), items in grouped)

    @cached_property
    def ticked(self) -> int:
        """How many boxes are ticked."""
        return sum(item.ticked for item in self.items)

    @cached_property
    def manual(self) -> int:
        """How many items only a person decides."""
        return sum(item.item.manual is True for item in self.items)

    @cached_property
    def verdicts(self) -> Mapping[Verdict, int]:
        """How many items that a machine decides have each verdict, all six named."""
        counted = Counter(item.verdict for item in self.items if item.item.manual is None)
        return {verdict: counted[verdict] for verdict in sorted(Verdict, key=SEVERITY.index)}


def evaluate(checklist: Checklist, receipts: Sequence[Receipt], *, code: GitState, now: datetime) -> Evaluated:
    """Decide every box of a checklist.

    Args:
        checklist: what is to be decided; it has at least one item.
        receipts: the evidence, of one run or of many.
        code: the state of the working tree that the boxes are to vouch for.
        now: when the boxes are decided.
    """
    items = tuple(_decided(item, part, receipts, code) for part, item in checklist.items())
    return Evaluated(checklist, items, code, now)


def _decided(item: Item, part: ChecklistFile, receipts: Sequence[Receipt], code: GitState) -> EvaluatedItem:
    if item.check is None:
        return EvaluatedItem(item, part.title, Verdict.not_available, ticked=False, message="not signed by a person")
    remedy = f": zk0 run {part.renewed_by}" if part.renewed_by else ""
    evidence: list[EvidenceLine] = []
    outcomes: list[tuple[Verdict, str]] = []
    for proof in item.check:
        found = _latest_run([receipt for receipt in receipts if any(_lines(proof, receipt))])
        if not found:
            outcomes.append((Verdict.not_available, f"no run of {proof} yet{remedy}"))
        for receipt in found:
            lines = list(_lines(proof, receipt))
            evidence += lines
            if change := _change(receipt.code, code):
                # What was found of other code says nothing of this code, neither good nor bad.
                outcomes.append((Verdict.not_available, f"{change} since{remedy}"))
            else:
                outcomes += [(line.verdict, line.message) for line in lines]
    verdict = worst(outcome for outcome, _ in outcomes)
    message = next(message for outcome, message in outcomes if outcome is verdict)
    return EvaluatedItem(item, part.title, verdict, verdict is Verdict.passed, message, tuple(evidence))


def _latest_run(receipts: Sequence[Receipt]) -> list[Receipt]:
    if not receipts:
        return []
    run = max(receipts, key=lambda receipt: receipt.finished).run
    return [receipt for receipt in receipts if receipt.run == run]


def _lines(proof: Proof, receipt: Receipt) -> Iterator[EvidenceLine]:
    if proof.workflow not in (ANY, receipt.workflow):
        return
    match proof:
        case FindingOf() if proof.step in (ANY, receipt.step):
            for finding in receipt.findings:
                if finding.check == proof.check:
                    where = f"{finding.at}: " if finding.at else ""
                    yield _line(receipt, proof.check, finding.verdict, where + finding.message)
        case VerdictOf() if proof.verdict_of == receipt.step:
            ended = receipt.failure.message if receipt.failure else f"{receipt.title}: {receipt.verdict}"
            yield _line(receipt, f"step {receipt.step}", receipt.verdict, ended)


def _line(receipt: Receipt, name: str, verdict: Verdict, message: str) -> EvidenceLine:
    return EvidenceLine(
        name=name,
        verdict=verdict,
        message=message,
        run=receipt.run,
        workflow=receipt.workflow,
        step=receipt.step,
        receipt=receipt.digest,
    )


def _change(then: GitState, now: GitState) -> str | None:
    """Say how the code differs from the one a receipt ran on; None where it does not."""
    if then.commit != now.commit:
        return f"the commit was {_named(then.commit)} and is {_named(now.commit)}"
    if then.changes != now.changes:
        return "the uncommitted changes are others"
    return None


def _named(commit: str | None) -> str:
    return commit[:SHORT_COMMIT] if commit else "none"
