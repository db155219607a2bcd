"""An in-toto statement: what it needs is there, and nothing that is unknown is written as passed."""

from datetime import UTC, datetime

import pytest

from zk0.checklists.evaluation import Evaluated, EvaluatedItem, EvidenceLine
from zk0.checklists.exporting import statement
from zk0.checklists.items import Checklist, ChecklistFile, Item
from zk0.checklists.snapshot import ProjectSnapshot
from zk0.core.checks import Part
from zk0.core.git import GitState
from zk0.core.verdicts import Verdict

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OUTCOMES = ("pass", "warn", "fail", "error", "not-applicable", "not-available")


def line(verdict: Verdict, message: str, at: str = "") -> EvidenceLine:
    name = "style.lint"
    return EvidenceLine(name, name, verdict, message, "project", "project", name, "d1", at, "fix it")


@pytest.fixture
def evaluated() -> Evaluated:
    """One item of each verdict, one that a person signed, one that nobody did, and one that is waived."""
    items = []
    for name in OUTCOMES:
        item = Item.model_validate({"id": name, "section": "S", "sentence": f"{name}?", "check": {"check": "a.b"}})
        verdict = Verdict(name)
        evidence = (line(verdict, "it & <that>\x00", "zk0/a.py:12"),)
        items.append(EvaluatedItem(item, "Mine", verdict, verdict is Verdict.passed, "it & <that>\x00", evidence))
    manual = {"section": "T", "sentence": "S.", "manual": True}
    for name, verdict in (("signed", Verdict.passed), ("unsigned", Verdict.not_available)):
        item = Item.model_validate({"id": name, **manual})
        items.append(EvaluatedItem(item, "Mine", verdict, name == "signed", "by ada"))
    item = Item.model_validate({"id": "waived", "section": "T", "sentence": "S.", "check": {"check": "a.b"}})
    waived = "waived by ada (terminal) until 2026-03-31: no GPU"
    items.append(EvaluatedItem(item, "Mine", Verdict.failed, ticked=False, message="bad", waived=waived))
    part = ChecklistFile(name="mine", title="Mine", phase="all", items=tuple(one.item for one in items))
    checklist = Checklist(name="mine", title="Mine", phase="all", parts=(part,))
    snapshot = ProjectSnapshot(GitState(commit="c" * 40, dirty=False, tree="t"), NOON, parts={Part.code: "f" * 64})
    return Evaluated(checklist, tuple(items), snapshot)


def test_an_in_toto_statement_names_the_code_and_keeps_unknown_apart(evaluated: Evaluated) -> None:
    told = statement(evaluated, "zk0")

    assert told["_type"] == "https://in-toto.io/Statement/v1"
    assert told["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert told["subject"] == [{"name": "zk0", "digest": {"sha256": "f" * 64, "gitCommit": "c" * 40}}]
    predicate = told["predicate"]
    assert predicate["result"] == "FAILED"
    assert [sorted(one) for one in predicate["configuration"]] == [["digest", "name"]]
    assert predicate["passedTests"] == ["pass", "signed"]
    assert predicate["warnedTests"] == ["warn"]
    assert predicate["failedTests"] == ["fail", "error"]
    assert predicate["zk0_openTests"] == ["not-applicable", "not-available", "unsigned"]
    assert predicate["zk0_waivedTests"] == ["waived"]


def test_an_in_toto_statement_passes_only_when_nothing_is_open(evaluated: Evaluated) -> None:
    def result(*ids: str) -> str:
        some = Evaluated(
            evaluated.checklist, tuple(one for one in evaluated.items if one.item.id in ids), evaluated.snapshot
        )
        return statement(some, "zk0")["predicate"]["result"]

    assert result("pass", "signed", "waived") == "PASSED"
    assert result("pass", "not-available") == "WARNED"
    assert result("pass", "warn") == "WARNED"


def test_uncommitted_code_is_not_passed_off_as_a_commit(evaluated: Evaluated) -> None:
    dirty = ProjectSnapshot(GitState(commit="c" * 40, dirty=True), NOON, parts={Part.code: "f" * 64})

    told = statement(Evaluated(evaluated.checklist, evaluated.items, dirty), "zk0")

    assert told["subject"][0]["digest"] == {"sha256": "f" * 64}
