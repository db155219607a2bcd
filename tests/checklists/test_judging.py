"""Checks of the project run in processes of their own, and their answers are kept while they hold."""

import sys
import time
from pathlib import Path

import psutil
import pytest

from zk0.checklists.answers import AnswerStore
from zk0.checklists.evaluation import evaluate
from zk0.checklists.items import Checklist, ChecklistFile, Item
from zk0.checklists.judging import AT_ONCE, CheckRequest, judge, run_checks
from zk0.checklists.snapshot import take_snapshot
from zk0.core.checks import CHECKS
from zk0.core.errors import UnknownNameError
from zk0.core.project import Project
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Verdict

PLUGIN = '''
"""Checks that behave badly, for the tests."""
import os, subprocess, sys, time
from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError, RequestError
from zk0.core.project import Project
from zk0.core.verdicts import passed


@check("odd.counts", reads=(Part.code,))
def counts(project: Project, *, by: int = 1):
    """Counts how often it is asked."""
    path = project.root / ".zk0" / "asked"
    path.write_text((path.read_text() if path.exists() else "") + "x" * by)
    yield passed(f"asked {len(path.read_text())} times")


@check("odd.hangs", reads=(Part.code,), timeout=3)
def hangs(project: Project):
    """Starts a program and waits for ever."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (project.root / ".zk0" / "child").write_text(str(child.pid))
    time.sleep(60)
    yield passed("never")


@check("odd.dies", reads=(Part.code,))
def dies(project: Project):
    """Ends its process."""
    os._exit(7)


@check("odd.raises", reads=(Part.code,))
def raises(project: Project, *, kind: str):
    """Raises what it is told to."""
    raise {"missing": AssetMissingError, "request": RequestError, "bug": ValueError}[kind]("so it is")
    yield


@check("odd.silent", reads=(Part.machine,))
def silent(project: Project):
    """Looks at nothing."""
    yield from ()
'''


@pytest.fixture(autouse=True)
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "plugin"
    (folder / "zk0_odd-0.dist-info").mkdir(parents=True)
    (folder / "zk0_odd.py").write_text(PLUGIN)
    (folder / "zk0_odd-0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: zk0-odd\nVersion: 0\n")
    (folder / "zk0_odd-0.dist-info" / "entry_points.txt").write_text("[zk0.checks]\nodd = zk0_odd\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setitem(sys.modules, "zk0_odd", None)
    monkeypatch.delitem(sys.modules, "zk0_odd")
    from zk0.core.checks import CHECKS

    for name in [name for name in CHECKS._items if name.startswith("odd.")]:
        monkeypatch.delitem(CHECKS._items, name)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def checklist(*proofs: dict) -> Checklist:
    items = [
        Item.model_validate({"id": f"i{number}", "section": "S", "sentence": "It holds.", "check": proof})
        for number, proof in enumerate(proofs)
    ]
    part = ChecklistFile(name="mine", title="Mine", phase="all", items=tuple(items))
    return Checklist(name="mine", title="Mine", phase="all", parts=(part,))


def asked(project: Project, *proofs: dict, **how) -> dict[str, Receipt]:
    project.state_dir.mkdir(exist_ok=True)
    judge(project, checklist(*proofs), take_snapshot(project), **how)
    return {receipt.step: receipt for receipt in AnswerStore(project).read().receipts}


def test_an_answer_is_asked_for_once_and_again_when_the_code_changed(project: Project) -> None:
    def counted() -> int:
        return len((project.state_dir / "asked").read_text())

    asked(project, {"project": "odd.counts"})
    asked(project, {"project": "odd.counts"})
    assert counted() == 1

    (project.root / "notes.md").write_text("# Documents are no code\n")
    asked(project, {"project": "odd.counts"})
    assert counted() == 1

    (project.root / "train.py").write_text("mu = 0.5\n")
    asked(project, {"project": "odd.counts"})
    assert counted() == 2

    asked(project, {"project": "odd.counts"}, force=True)
    assert counted() == 3


def test_the_same_check_with_other_options_is_another_question(project: Project) -> None:
    found = asked(project, {"project": "odd.counts"}, {"project": "odd.counts", "with": {"by": 3}})

    assert len(found) == 2
    assert {str(receipt.inputs) for receipt in found.values()} == {"{}", "{'by': 3}"}


def test_a_check_that_hangs_is_ended_with_what_it_started(project: Project) -> None:
    [receipt] = asked(project, {"project": "odd.hangs"}).values()

    assert receipt.verdict is Verdict.not_available
    assert receipt.findings[0].message == "it did not answer within 3 s"
    child = int((project.state_dir / "child").read_text())
    deadline = time.monotonic() + 5  # what is killed may take a moment to be gone
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(child)


@pytest.mark.parametrize(
    ("proof", "verdict", "message"),
    [
        ({"project": "odd.dies"}, "error", "its process ended with exit status 7 and no answer"),
        ({"project": "odd.raises", "with": {"kind": "missing"}}, "not-available", "so it is"),
        ({"project": "odd.raises", "with": {"kind": "request"}}, "error", "so it is"),
        ({"project": "odd.raises", "with": {"kind": "bug"}}, "error", "ValueError: so it is"),
        ({"project": "odd.silent"}, "error", "the check looked at nothing"),
    ],
)
def test_a_check_that_gives_no_answer_never_passes(project: Project, proof, verdict, message) -> None:
    [receipt] = asked(project, proof).values()

    assert (str(receipt.verdict), receipt.findings[0].message) == (verdict, message)
    assert receipt.findings[0].check == proof["project"]


def test_a_check_that_does_not_exist_is_refused(project: Project) -> None:
    with pytest.raises(UnknownNameError, match="unknown check"):
        asked(project, {"project": "odd.nothing"})


def test_the_checks_after_one_that_died_or_hung_are_answered_all_the_same(project: Project) -> None:
    odd = [{"project": "odd.dies"}, {"project": "odd.hangs"}]
    others = [{"project": "odd.counts", "with": {"by": number}} for number in range(1, 5)]

    found = asked(project, *odd, *others)

    assert sorted(str(receipt.verdict) for receipt in found.values()) == ["error", "not-available", *["pass"] * 4]


def test_the_answer_decides_the_box_and_is_told_of_as_it_comes(project: Project) -> None:
    told: list[tuple[str, int, int]] = []
    what = checklist({"project": "odd.counts"})
    project.state_dir.mkdir()
    judge(project, what, take_snapshot(project), progress=lambda *done: told.append(done))

    [item] = evaluate(what, AnswerStore(project).read().receipts, take_snapshot(project)).items

    assert told == [("odd.counts", 1, 1)]
    assert (item.ticked, item.message) == (True, "asked 1 times")


def questions(count: int) -> list[CheckRequest]:
    return [CheckRequest(f"q{number}", CHECKS.get("machine.disk"), {"gib": number * 10**6}) for number in range(count)]


def workers() -> list[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    return [child for child in children if child.status() != psutil.STATUS_ZOMBIE]


def test_each_question_is_answered_once_with_its_times(project: Project) -> None:
    found = {answer.request.key: answer for answer in run_checks(project.root, questions(3 * AT_ONCE))}

    assert len(found) == 3 * AT_ONCE
    assert found["q0"].findings[0].verdict is Verdict.passed
    assert found["q1"].findings[0].verdict is Verdict.failed
    assert all(answer.started <= answer.finished for answer in found.values())


def test_who_stops_listening_leaves_no_process(project: Project) -> None:
    list(run_checks(project.root, questions(1)))  # the process that the others are forked from stays
    before = len(workers())

    listening = run_checks(project.root, questions(3 * AT_ONCE))
    next(listening)
    listening.close()

    assert len(workers()) == before


def test_no_question_begins_no_process(project: Project) -> None:
    assert list(run_checks(project.root, [])) == []
