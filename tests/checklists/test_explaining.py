"""`zk0 checklist show ITEM`: what an item claims, what was looked at, and what was not."""

from zk0.checklists.explaining import ExplainedItem, explain, text_of
from zk0.checklists.judging import judge
from zk0.checklists.loading import checklist_names, load_checklist
from zk0.checklists.snapshot import take_snapshot
from zk0.checklists.verifying import find_item
from zk0.core.project import Project
from zk0.core.receipts import artifact
from zk0.core.verdicts import Evidence, Verdict, passed

MINE = """name: mine
title: Mine
phase: all
items:
  - id: room
    section: Machine
    sentence: There is room for two recordings.
    not_looked_at: other disks
    check: {project: machine.disk, with: {gib: 0.001}}
"""


def explained(project: Project, name: str) -> ExplainedItem:
    part, item = find_item(project, name)
    return explain(project, part, item.id)


def test_an_item_names_its_answer_with_numbers_and_says_what_was_not_looked_at(project: Project):
    (project.root / "checklists").mkdir()
    (project.root / "checklists" / "mine.yaml").write_text(MINE)
    judge(project, load_checklist(project, "mine"), take_snapshot(project))

    room = explained(project, "room")

    [looked] = room.looked_at
    [line] = looked.lines
    assert (looked.proof, looked.reads) == ("machine.disk (gib=0.001)", ("machine", "code", "zk0"))
    assert (line.verdict, line.numbers[0].unit) == (Verdict.passed, "bytes")
    assert (project.root / looked.receipt).is_file()
    text = "\n".join(text_of(room))
    assert "room: ticked, pass" in text
    assert "not looked at\n  other disks" in text
    assert f"kept in {looked.receipt}" in text
    assert room.twins == ""  # it is an item of the project


def test_an_item_names_the_run_and_what_it_made(project: Project, make_receipt, save_receipt):
    made = project.runs_dir / "run-1" / "log.txt"
    made.parent.mkdir(parents=True)
    made.write_text("falls")
    number = Evidence(name="last loss", value=0.5)
    finding = passed("it falls", evidence=[number]).model_copy(update={"check": "loss.trend"})
    receipt = make_receipt(finding, code=project.git_state())
    save_receipt(project, receipt.changed(artifacts=(artifact("log", made, base=made.parent),)))

    falls = explained(project, "train-loss-falls")

    [looked] = falls.looked_at
    assert (looked.artifacts, looked.lines[0].run, looked.lines[0].numbers) == (("log.txt",), "run-1", (number,))
    text = "\n".join(text_of(falls))
    assert "step data of run run-1; kept in .zk0/runs/run-1/receipts/data.json" in text
    assert "last loss 0.5" in text


def test_an_item_without_evidence_says_so_and_how_to_have_it(project: Project):
    style = explained(project, "impl-style")

    assert all(one.lines == () for one in style.looked_at)
    assert style.as_json()["message"] == "no answer of style.lint yet: zk0 checklist verify implementation"
    assert style.twins == "pytest tests/checklists/test_twins.py -k impl-style"
    assert style.as_json()["not_looked_at"]


def test_an_item_of_a_person_has_no_evidence(project: Project):
    reviewed = explained(project, "post-code-review")

    assert reviewed.looked_at == ()
    assert "said\n  not signed by a person" in "\n".join(text_of(reviewed))


def test_every_item_that_a_machine_decides_says_what_is_not_looked_at(project: Project):
    items = [item for name in checklist_names(project) for _, item in load_checklist(project, name).items()]

    assert [item.id for item in items if item.check and not item.not_looked_at] == []
