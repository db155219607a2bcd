"""The formats of others: what they need is there, and nothing that is unknown is written as passed."""

import json
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from zk0.checklists.evaluation import Evaluated, EvaluatedItem, EvidenceLine
from zk0.checklists.exporting import EXPORTS
from zk0.checklists.items import Checklist, ChecklistFile, Item
from zk0.checklists.snapshot import ProjectSnapshot
from zk0.core.checks import Part
from zk0.core.git import GitState
from zk0.core.verdicts import Verdict

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OUTCOMES = ("pass", "warn", "fail", "error", "not-applicable", "not-available")


def line(verdict: Verdict, message: str, at: str = "") -> EvidenceLine:
    return EvidenceLine("style.lint", verdict, message, "project", "project", "style.lint", "d1", at, "fix it")


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
    told = json.loads(EXPORTS["in-toto"](evaluated, "zk0"))

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
        return json.loads(EXPORTS["in-toto"](some, "zk0"))["predicate"]["result"]

    assert result("pass", "signed", "waived") == "PASSED"
    assert result("pass", "not-available") == "WARNED"
    assert result("pass", "warn") == "WARNED"


def test_uncommitted_code_is_not_passed_off_as_a_commit(evaluated: Evaluated) -> None:
    dirty = ProjectSnapshot(GitState(commit="c" * 40, dirty=True), NOON, parts={Part.code: "f" * 64})

    told = json.loads(EXPORTS["in-toto"](Evaluated(evaluated.checklist, evaluated.items, dirty), "zk0"))

    assert told["subject"][0]["digest"] == {"sha256": "f" * 64}


def test_junit_counts_and_skips_what_is_not_known(evaluated: Evaluated) -> None:
    top = ET.fromstring(EXPORTS["junit"](evaluated, "zk0"))
    suites = {suite.get("name"): suite for suite in top.iter("testsuite")}
    counts = {
        name: [int(suite.get(key)) for key in ("tests", "failures", "errors", "skipped")]
        for name, suite in suites.items()
    }
    tags = {case.get("name"): [child.tag for child in case] for case in top.iter("testcase")}

    assert counts == {"Mine: S": [6, 1, 1, 3], "Mine: T": [3, 0, 0, 2]}
    assert tags["pass"] == tags["signed"] == []
    assert (tags["fail"], tags["error"]) == (["failure"], ["error"])
    assert {tags[name][0] for name in ("warn", "not-applicable", "not-available", "unsigned", "waived")} == {"skipped"}


def test_sarif_has_a_rule_an_item_and_a_result_with_its_place(evaluated: Evaluated) -> None:
    log = json.loads(EXPORTS["sarif"](evaluated, "zk0"))
    [run] = log["runs"]
    results = {result["ruleId"]: result for result in run["results"]}

    assert log["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [item.item.id for item in evaluated.items]
    assert all(run["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] == one["ruleId"] for one in run["results"])
    assert {name: (one["kind"], one["level"]) for name, one in results.items()} == {
        "pass": ("pass", "none"),
        "warn": ("fail", "warning"),
        "fail": ("fail", "error"),
        "error": ("fail", "error"),
        "not-applicable": ("notApplicable", "none"),
        "not-available": ("open", "none"),
        "signed": ("pass", "none"),
        "unsigned": ("review", "none"),
        "waived": ("fail", "error"),
    }
    place = results["fail"]["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "zk0/a.py"}, "region": {"startLine": 12}}
    assert results["waived"]["suppressions"][0]["justification"].startswith("waived by ada")
