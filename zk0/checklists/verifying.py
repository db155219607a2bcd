"""Bring a checklist up to date and decide it: the one way from a name to boxes."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from zk0.checklists.evaluation import Evaluated, evaluate, lines_of
from zk0.checklists.items import Checklist, ChecklistFile, CheckRef, Item, ProjectCheckRef
from zk0.checklists.judging import Progress, judge, kept_answers
from zk0.checklists.loading import checklist_names, load_checklist
from zk0.checklists.rendering import TEMPLATE, render
from zk0.checklists.signatures import read_signatures
from zk0.checklists.snapshot import take_snapshot
from zk0.core.errors import ExitStatus, UnknownNameError
from zk0.core.project import Project
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Verdict
from zk0.workflow.integrity import RecordReader, RunRecords, read_json
from zk0.workflow.run import is_intact


def decide(project: Project, checklist: Checklist) -> Evaluated:
    """Decide a checklist from what is kept, asking no check.

    Raises:
        ConfigurationError: git refuses to read the repository.
    """
    of_runs, altered = _of_runs(project, checklist)
    kept = kept_answers(project, checklist)
    receipts = [*of_runs, *kept.receipts]
    snapshot, signatures = replace(take_snapshot(project), altered=altered), read_signatures(project)
    problems = tuple(kept.problems.values())
    evaluated = replace(evaluate(checklist, receipts, snapshot, signatures), problems=problems)
    # What was made can be large: only that of receipts which decide a box is read again.
    used = {line.receipt for item in evaluated.items for line in item.evidence}
    gone = {receipt.digest for receipt in receipts if receipt.digest in used and not is_intact(receipt, project)}
    if not gone:
        return evaluated
    evaluated = evaluate(checklist, receipts, replace(snapshot, gone=frozenset(gone)), signatures)
    return replace(evaluated, problems=problems)


def verify(
    project: Project,
    checklist: Checklist,
    *,
    force: bool = False,
    progress: Progress = lambda _name, _done, _all: None,
) -> Evaluated:
    """Ask every check whose answer is missing or stale, and decide.

    Raises:
        UnknownNameError: the checklist names a check that does not exist.
        ConfigurationError: git refuses to read the repository.
    """
    before = kept_answers(project, checklist).problems
    judge(project, checklist, take_snapshot(project), force=force, progress=progress)
    evaluated = decide(project, checklist)
    asked = tuple(f"{problem}: it was asked again" for problem in before.values())
    return replace(evaluated, problems=(*asked, *evaluated.problems))


def page(project: Project, evaluated: Evaluated) -> str:
    """Return the checklist as Markdown, by the project's template.

    A page is shared: it names files from the project's root, and not where this machine keeps them.
    """
    template = project.resource("checklists", TEMPLATE)
    text = render(evaluated, template.read_text(encoding="utf-8"), name=str(template))
    places = {f"{project.root}/": "", f"{Path.home()}/": "~/"}
    for place, shown in places.items():
        text = text.replace(place, shown) if place.strip("/") else text  # a container's home may be the root itself
    return text


def exit_status(evaluated: Evaluated) -> ExitStatus:
    """Return the exit status for the worst open box that is not waived.

    Failed where something is known to be wrong; missing where evidence is; waiting where only people have to sign.
    """
    open_items = [item for item in evaluated.items if not item.ticked and not item.waived]
    if any(item.verdict.stops for item in open_items):
        return ExitStatus.failed
    if any(item.verdict is Verdict.not_available and not item.item.manual for item in open_items):
        return ExitStatus.missing
    return ExitStatus.waiting if any(item.item.manual for item in open_items) else ExitStatus.done


def find_item(project: Project, name: str) -> tuple[ChecklistFile, Item]:
    """Return an item of any checklist by its id, with the part it belongs to.

    Raises:
        UnknownNameError: no checklist has it.
    """
    items: dict[str, tuple[ChecklistFile, Item]] = {}
    for checklist in checklist_names(project):
        items |= {item.id: (part, item) for part, item in load_checklist(project, checklist).items()}
    if name not in items:
        near = get_close_matches(name, items, n=3)
        remedy = f"did you mean {', '.join(near)}?" if near else "zk0 checklist list"
        raise UnknownNameError(f"no checklist has an item {name!r}", remedy=remedy)
    return items[name]


def until(day: str | None, days: int, now: datetime) -> datetime:
    """Return the end of a day given as `2027-01-31`, or of the day so many days from now.

    Raises:
        ValueError: it is not a day, or it has passed.
    """
    end = datetime.fromisoformat(day).replace(tzinfo=UTC) if day else now + timedelta(days=days)
    end = end.replace(hour=23, minute=59, second=59, microsecond=0)
    if end < now:
        raise ValueError(f"{day} has passed")
    return end


def _of_runs(project: Project, checklist: Checklist) -> tuple[list[Receipt], frozenset[str]]:
    """Return the receipts of runs that a checklist may rest on: of the newest runs until each proof has one.

    Of a run whose records do not agree, the receipts in the journal are evidence too, so that to change a receipt does
    not bring back an older one. Such runs are named; nothing of them ticks a box.
    """
    missing = [proof for proof in checklist.evidence() if not isinstance(proof, ProjectCheckRef)]
    found: list[Receipt] = []
    records, altered = RecordReader(project), set()
    # A run that was resumed is as new as its last receipt; a copy is as new as its original, and the name decides.
    folders = sorted(
        project.runs_dir.glob("*/receipts"), key=lambda path: (path.stat().st_mtime_ns, path), reverse=True
    )
    for folder in folders:
        if not missing:
            break
        names = [proof.check if isinstance(proof, CheckRef) else proof.verdict_of for proof in missing]
        words = [f'"{name}"'.encode() for name in names]
        # To look for a word is a hundred times faster than to read a receipt and check its digest.
        paths = [path for path in sorted(folder.rglob("*.json")) if any(word in path.read_bytes() for word in words)]
        if records.differences(folder.parent):
            altered.add(folder.parent.name)
        contents = [read_json(path) for path in paths]
        if folder.parent.name in altered:
            contents += [one for receipts in RunRecords(folder.parent).receipts.values() for one in receipts]
        receipts = list(_parsed(contents))
        found += receipts
        missing = [proof for proof in missing if not any(any(lines_of(proof, one)) for one in receipts)]
    return found, frozenset(altered)


def _parsed(contents: Iterable[Mapping[str, Any]]) -> Iterator[Receipt]:
    for content in contents:
        with suppress(ValidationError):  # the run is altered, and `zk0 runs verify` says how
            yield Receipt.model_validate(content)
