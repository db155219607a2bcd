"""When a box is ticked, and what an open one says."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import git
import pytest

from zk0.checklists.evaluation import EvaluatedItem, evaluate
from zk0.checklists.items import Checklist, ChecklistFile, Item
from zk0.checklists.snapshot import ProjectSnapshot
from zk0.core.git import GitState
from zk0.core.project import Project
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Finding, Verdict, failed, not_applicable, not_available, passed, warned

type MakeReceipt = Callable[..., Receipt]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def found(finding: Finding, check: str = "data.episodes") -> Finding:
    return finding.model_copy(update={"check": check})


def checklist(*proofs: dict[str, str]) -> Checklist:
    decided = {"check": list(proofs)} if proofs else {"manual": True}
    item = Item.model_validate({"id": "a", "section": "S", "sentence": "It holds.", **decided})
    part = ChecklistFile(name="mine", title="Mine", phase="training", renewed_by="train", items=(item,))
    return Checklist(name="mine", title="Mine", phase="training", parts=(part,))


EPISODES = checklist({"check": "data.episodes"})


def decide(what: Checklist, receipts: Sequence[Receipt], code: GitState | None = None) -> EvaluatedItem:
    [item] = evaluate(what, receipts, ProjectSnapshot(code or GitState(), NOON)).items
    return item


def test_a_box_is_ticked_when_all_findings_pass(make_receipt: MakeReceipt) -> None:
    receipt = make_receipt(found(passed("8 episodes", at="client 1")), found(passed("9 episodes", at="client 2")))

    item = decide(EPISODES, [receipt])

    assert item.ticked
    assert item.message == "client 1: 8 episodes"
    assert [line.receipt for line in item.evidence] == [receipt.digest] * 2


def test_not_applicable_beside_a_pass_leaves_the_tick(make_receipt: MakeReceipt) -> None:
    findings = [found(not_applicable("mu is 0")), found(passed("acts"))]

    assert decide(EPISODES, [make_receipt(*findings)]).ticked


@pytest.mark.parametrize(
    ("finding", "verdict"),
    [
        (warned("few"), Verdict.warned),
        (failed("none"), Verdict.failed),
        (Finding(verdict=Verdict.error, message="crashed"), Verdict.error),
        (not_available("no file"), Verdict.not_available),
    ],
)
def test_one_finding_that_is_no_pass_opens_the_box_and_names_itself(
    make_receipt: MakeReceipt, finding: Finding, verdict: Verdict
) -> None:
    item = decide(EPISODES, [make_receipt(found(passed("8 episodes")), found(finding))])

    assert (item.ticked, item.verdict, item.message) == (False, verdict, finding.message)


def test_what_applies_to_nothing_is_no_tick(make_receipt: MakeReceipt) -> None:
    item = decide(EPISODES, [make_receipt(found(not_applicable("mu is 0")))])

    assert (item.ticked, item.verdict) == (False, Verdict.not_applicable)


def test_a_check_that_never_ran_is_not_available_and_says_what_would_run_it(make_receipt: MakeReceipt) -> None:
    item = decide(EPISODES, [make_receipt(found(passed("degrees"), "data.units"))])

    assert (item.ticked, item.verdict) == (False, Verdict.not_available)
    assert item.message == "no run of data.episodes yet: zk0 run train"


def test_an_item_with_two_pieces_of_evidence_needs_both(make_receipt: MakeReceipt) -> None:
    both = checklist({"check": "data.episodes"}, {"check": "data.units"})
    episodes = make_receipt(found(passed("8 episodes")))

    assert decide(both, [episodes]).verdict is Verdict.not_available
    assert decide(both, [episodes, make_receipt(found(passed("degrees"), "data.units"), step="units")]).ticked


def test_what_is_known_to_be_wrong_is_not_hidden_by_what_is_missing(make_receipt: MakeReceipt) -> None:
    both = checklist({"check": "data.episodes"}, {"check": "data.units"})

    assert decide(both, [make_receipt(found(failed("1 episode")))]).verdict is Verdict.failed


def test_evidence_of_another_step_or_workflow_does_not_count(make_receipt: MakeReceipt) -> None:
    receipt = make_receipt(found(passed("8 episodes")), step="data", workflow="testing")

    assert decide(checklist({"check": "data.episodes", "step": "data"}), [receipt]).ticked
    assert not decide(checklist({"check": "data.episodes", "step": "validation"}), [receipt]).ticked
    assert not decide(checklist({"check": "data.episodes", "workflow": "train"}), [receipt]).ticked


def test_the_latest_run_decides_whatever_the_order(make_receipt: MakeReceipt) -> None:
    earlier = make_receipt(found(failed("1 episode")), run="run-1")
    later = make_receipt(found(passed("8 episodes")), run="run-2", after=HOUR)

    assert decide(EPISODES, [later, earlier]).ticked
    assert decide(EPISODES, [later]).evidence == decide(EPISODES, [earlier, later]).evidence


def test_the_latest_run_decides_although_the_clock_was_set_back(make_receipt: MakeReceipt) -> None:
    earlier = make_receipt(found(passed("8 episodes")), run="run-1", after=HOUR)
    later = make_receipt(found(failed("1 episode")), run="run-2").changed(sequence=earlier.order + 1)

    assert decide(EPISODES, [later, earlier]).verdict is Verdict.failed


def test_a_step_of_the_same_run_that_failed_is_not_outvoted_by_a_later_one(make_receipt: MakeReceipt) -> None:
    receipts = [make_receipt(found(failed("1 episode"))), make_receipt(found(passed("ok")), step="again", after=HOUR)]

    assert decide(EPISODES, receipts).verdict is Verdict.failed


def test_the_verdict_of_a_step_can_be_the_evidence(make_receipt: MakeReceipt) -> None:
    of_step = checklist({"verdict_of": "data"})

    assert decide(of_step, [make_receipt(found(passed("8 episodes")))]).ticked
    assert decide(of_step, [make_receipt(found(failed("1 episode")))]).verdict is Verdict.failed
    assert decide(of_step, []).message == "no run of the verdict of step data yet: zk0 run train"


def test_a_manual_item_stays_open_and_counts_apart(make_receipt: MakeReceipt) -> None:
    evaluated = evaluate(checklist(), [make_receipt()], ProjectSnapshot(GitState(), NOON))

    assert (evaluated.ticked, evaluated.manual, sum(evaluated.verdicts.values())) == (0, 1, 0)
    assert evaluated.items[0].message == "not signed by a person"


def test_changed_code_opens_the_box_again(project: Project, make_receipt: MakeReceipt) -> None:
    receipt = make_receipt(found(passed("8 episodes")), code=project.git_state())
    assert decide(EPISODES, [receipt], project.git_state()).ticked

    (project.root / "train.py").write_text("mu = 0.1\n")
    item = decide(EPISODES, [receipt], project.git_state())

    assert (item.ticked, item.verdict) == (False, Verdict.not_available)
    assert item.message == "the uncommitted changes are others since: zk0 run train"


def test_another_commit_opens_the_box_and_going_back_ticks_it(
    repository: git.Repo, project: Project, make_receipt: MakeReceipt
) -> None:
    receipt = make_receipt(found(passed("8 episodes")), code=project.git_state())
    first = repository.head.commit.hexsha
    Path(repository.working_dir, "train.py").write_text("mu = 0.1\n")
    repository.index.add(["train.py"])
    second = repository.index.commit("Change mu").hexsha

    assert f"the commit was {first[:8]} and is {second[:8]}" in decide(EPISODES, [receipt], project.git_state()).message

    repository.git.checkout(first)
    assert decide(EPISODES, [receipt], project.git_state()).ticked


def test_a_failure_found_in_other_code_says_nothing_of_this_code(project: Project, make_receipt: MakeReceipt) -> None:
    receipt = make_receipt(found(failed("1 episode")), code=GitState(commit="f" * 40))

    assert decide(EPISODES, [receipt], project.git_state()).verdict is Verdict.not_available


def test_a_checklist_without_items_can_not_be_made() -> None:
    with pytest.raises(ValueError, match="at least 1 item"):
        Checklist(name="mine", title="Mine", phase="training", parts=())
