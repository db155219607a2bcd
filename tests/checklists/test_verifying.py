"""From a name to boxes, and from boxes to an exit status."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from zk0.checklists.evaluation import Evaluated, EvaluatedItem
from zk0.checklists.items import Checklist, ChecklistFile, Item
from zk0.checklists.loading import load_checklist
from zk0.checklists.snapshot import ProjectSnapshot
from zk0.checklists.verifying import decide, exit_status, find_item, until
from zk0.core.errors import ExitStatus, UnknownNameError
from zk0.core.git import GitState
from zk0.core.project import Project
from zk0.core.receipts import Receipt, ReceiptStore, artifact
from zk0.core.verdicts import Verdict, failed, passed

type MakeReceipt = Callable[..., Receipt]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


def evaluated(*outcomes: str) -> Evaluated:
    """Make a checklist with one item an outcome; `unsigned` and `waived` are outcomes here too."""
    items = []
    for number, name in enumerate(outcomes):
        decided = {"manual": True} if name == "unsigned" else {"check": {"check": "a.b"}}
        item = Item.model_validate({"id": f"i{number}", "section": "S", "sentence": "S.", **decided})
        verdict = Verdict({"unsigned": "not-available", "waived": "fail"}.get(name, name))
        waived = "by ada" if name == "waived" else ""
        items.append(EvaluatedItem(item, "Mine", verdict, verdict is Verdict.passed, "", waived=waived))
    part = ChecklistFile(name="mine", title="Mine", phase="all", items=tuple(one.item for one in items))
    checklist = Checklist(name="mine", title="Mine", phase="all", parts=(part,))
    return Evaluated(checklist, tuple(items), ProjectSnapshot(GitState(), NOON))


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        (["pass", "waived", "warn", "not-applicable"], ExitStatus.done),
        (["pass", "unsigned"], ExitStatus.waiting),
        (["unsigned", "not-available"], ExitStatus.missing),
        (["unsigned", "not-available", "fail"], ExitStatus.failed),
        (["error"], ExitStatus.failed),
    ],
)
def test_the_worst_open_box_decides_the_exit_status(outcomes: list[str], status: ExitStatus) -> None:
    assert exit_status(evaluated(*outcomes)) is status


def test_a_day_ends_with_its_last_second_and_may_not_have_passed() -> None:
    assert until("2026-03-05", 90, NOON) == datetime(2026, 3, 5, 23, 59, 59, tzinfo=UTC)
    assert until(None, 30, NOON) == datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC)
    assert until("2026-03-01", 90, NOON) > NOON
    with pytest.raises(ValueError, match="2026-02-28 has passed"):
        until("2026-02-28", 90, NOON)
    with pytest.raises(ValueError, match="Invalid isoformat"):
        until("tomorrow", 90, NOON)


def test_an_item_is_found_in_any_checklist_or_a_near_one_is_named(project: Project) -> None:
    assert find_item(project, "post-code-review")[1].for_code

    with pytest.raises(UnknownNameError) as unknown:
        find_item(project, "post-code-revue")
    assert "post-code-review" in unknown.value.remedy


def test_what_a_step_made_and_somebody_changed_is_no_evidence(
    project: Project, make_receipt: MakeReceipt, save_receipt: Callable[..., None]
) -> None:
    made = project.runs_dir / "run-1" / "model"
    made.parent.mkdir(parents=True)
    made.write_text("weights")
    finding = passed("fp32").model_copy(update={"check": "policy.trainable"})
    receipt = make_receipt(finding, code=project.git_state()).changed(
        artifacts=(artifact("model", made, base=made.parent),)
    )
    save_receipt(project, receipt)
    checklist = load_checklist(project, "training")

    def trainable() -> EvaluatedItem:
        return next(one for one in decide(project, checklist).items if one.item.id == "train-policy-trainable")

    assert trainable().ticked
    made.write_text("others")
    assert trainable().message == "what it made is gone or was changed since: zk0 run train"


def test_the_newest_run_decides_and_older_ones_only_what_it_does_not_tell(
    project: Project, make_receipt: MakeReceipt, save_receipt: Callable[..., None]
) -> None:
    code = project.git_state()
    old = [failed("1 episode"), failed("radians")]
    for finding, check in zip(old, ("data.episodes", "data.units"), strict=True):
        named = finding.model_copy(update={"check": check})
        save_receipt(project, make_receipt(named, run="run-1", step=check.replace(".", "-"), code=code))
    new = passed("8 episodes").model_copy(update={"check": "data.episodes"})
    save_receipt(project, make_receipt(new, run="run-2", code=code, after=timedelta(hours=1)))
    os.utime(project.runs_dir / "run-2" / "receipts", (time.time() + 5, time.time() + 5))

    found = {one.item.id: one.message for one in decide(project, load_checklist(project, "training")).items}

    assert (found["train-data-episodes"], found["train-data-units"]) == ("8 episodes", "radians")


def test_most_of_the_items_are_decided_by_a_machine() -> None:
    items = [item for _, item in load_checklist(Project(ROOT), "comprehensive").items()]

    assert len(items) == 87
    assert sum(item.check is not None for item in items) >= 60


def test_receipts_without_a_journal_tick_nothing_and_are_named(project: Project, make_receipt: MakeReceipt) -> None:
    finding = passed("fp32").model_copy(update={"check": "policy.trainable"})
    ReceiptStore(project.runs_dir).save(make_receipt(finding, code=project.git_state()))

    [item] = [
        one
        for one in decide(project, load_checklist(project, "training")).items
        if one.item.id == "train-policy-trainable"
    ]

    assert not item.ticked
    assert item.message.startswith("the records of run run-1 were altered")
