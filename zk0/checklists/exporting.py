"""A decided checklist in the formats of others: an in-toto test-result statement, JUnit XML, SARIF 2.1.0; pure.

None of them has our six verdicts. An undecided item is never written as passed: in-toto lists it apart, JUnit
calls it skipped with the reason, SARIF has `open` for it and `review` for what waits for a person.

Sources: in-toto Attestation Framework, Statement v1 and test-result predicate v0.1; the JUnit schema of Apache Ant that
CI servers read; OASIS SARIF 2.1.0 plus errata 01, sections 3.27.9 (kind) and 3.27.10 (level).
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from zk0 import __version__
from zk0.checklists.evaluation import Evaluated, EvaluatedItem, EvidenceLine
from zk0.core.checks import Part
from zk0.core.receipts import canonical_digest
from zk0.core.verdicts import Verdict

STATEMENT = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
PLACE = re.compile(r"(?P<file>[^\s:]+\.[\w.]+):(?P<line>[1-9]\d*)")
NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 can't hold

KINDS = {
    Verdict.passed: ("pass", "none"),
    Verdict.not_applicable: ("notApplicable", "none"),
    Verdict.not_available: ("open", "none"),
    Verdict.warned: ("fail", "warning"),
    Verdict.failed: ("fail", "error"),
    Verdict.error: ("fail", "error"),
}


JUNIT_COUNTS = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def statement(evaluated: Evaluated, project: str) -> dict[str, Any]:
    """Return an in-toto statement over the code; undecided items make the whole `WARNED` at best."""
    code = evaluated.snapshot.code
    digest = {"sha256": evaluated.snapshot.parts[Part.code]} if Part.code in evaluated.snapshot.parts else {}
    if code.commit and not code.dirty:
        digest["gitCommit"] = code.commit
    by_class: dict[str, list[str]] = {"passed": [], "warned": [], "failed": [], "open": [], "waived": []}
    for item in evaluated.items:
        by_class[_class(item)].append(item.item.id)
    result = "FAILED" if by_class["failed"] else "WARNED" if by_class["warned"] or by_class["open"] else "PASSED"
    return {
        "_type": STATEMENT,
        "subject": [{"name": project, "digest": digest}],
        "predicateType": TEST_RESULT,
        "predicate": {
            "result": result,
            "configuration": [
                {"name": part.name, "digest": {"sha256": canonical_digest(part.model_dump(mode="json"))}}
                for part in evaluated.checklist.parts
            ],
            "passedTests": by_class["passed"],
            "warnedTests": by_class["warned"],
            "failedTests": by_class["failed"],
            # Fields of our own, which readers that don't know them leave aside.
            "zk0_openTests": by_class["open"],
            "zk0_waivedTests": by_class["waived"],
            "zk0_receipts": {
                item.item.id: sorted({line.receipt for line in item.evidence})
                for item in evaluated.items
                if item.evidence
            },
        },
    }


def junit(evaluated: Evaluated) -> str:
    """Return JUnit XML: a suite a section, a case an item."""
    top = ET.Element("testsuites", name=evaluated.checklist.name)
    for number, section in enumerate(evaluated.sections):
        suite = ET.SubElement(top, "testsuite", name=f"{section.part}: {section.title}", id=str(number))
        suite.set("timestamp", evaluated.snapshot.at.isoformat(timespec="seconds"))
        counted = {"tests": len(section.items), "failures": 0, "errors": 0, "skipped": 0}
        group = f"{evaluated.checklist.name}.{section.title}"
        for item in section.items:
            case = ET.SubElement(suite, "testcase", classname=group, name=item.item.id, time="0")
            if tag := _junit_tag(item):
                counted[JUNIT_COUNTS[tag]] += 1
                outcome = ET.SubElement(case, tag, message=_xml(item.waived or item.message))
                if tag != "skipped":
                    outcome.set("type", str(item.verdict))
                outcome.text = _xml("\n".join(line.message for line in item.evidence))
        for counter, number_of in counted.items():
            suite.set(counter, str(number_of))
    ET.indent(top)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(top, encoding="unicode") + "\n"


def sarif(evaluated: Evaluated) -> dict[str, Any]:
    """Return a SARIF log of one run: a rule an item, a result a finding."""
    rules = [
        {"id": item.item.id, "shortDescription": {"text": item.item.sentence}, "properties": {"part": item.part}}
        for item in evaluated.items
    ]
    results = [
        {"ruleId": item.item.id, "ruleIndex": index, **result}
        for index, item in enumerate(evaluated.items)
        for result in _results(item)
    ]
    driver = {"name": "zk0", "version": __version__, "semanticVersion": __version__, "rules": rules}
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
    }


def _results(item: EvaluatedItem) -> Iterator[dict[str, Any]]:
    if item.item.manual and not item.ticked:
        yield {"kind": "review", "level": "none", "message": {"text": item.message}, **_suppression(item)}
        return
    bad = [line for line in item.evidence if line.verdict is item.verdict] if not item.stale else []
    if item.ticked or not bad:
        kind, level = KINDS[item.verdict]
        yield {"kind": kind, "level": level, "message": {"text": item.message}, **_suppression(item)}
        return
    for line in bad:
        kind, level = KINDS[line.verdict]
        text = f"{line.message}. {line.remedy}" if line.remedy else line.message
        yield {"kind": kind, "level": level, "message": {"text": text}, **_locations(line), **_suppression(item)}


def _locations(line: EvidenceLine) -> dict[str, Any]:
    place = PLACE.match(line.at)
    if not place:
        return {}
    region = {"startLine": int(place["line"])}
    return {"locations": [{"physicalLocation": {"artifactLocation": {"uri": place["file"]}, "region": region}}]}


def _suppression(item: EvaluatedItem) -> dict[str, Any]:
    return {"suppressions": [{"kind": "external", "justification": item.waived}]} if item.waived else {}


def _junit_tag(item: EvaluatedItem) -> str | None:
    failed = "error" if item.verdict is Verdict.error else "failure"
    return {"passed": None, "failed": failed}.get(_class(item), "skipped")


def _class(item: EvaluatedItem) -> str:
    if item.ticked:
        return "passed"
    if item.waived:
        return "waived"
    if item.verdict.stops:
        return "failed"
    return "warned" if item.verdict is Verdict.warned else "open"


def _xml(text: str) -> str:
    return NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _as_json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


# By name of a format: from a decided checklist, and what the subject is called, to a text.
EXPORTS: Mapping[str, Callable[[Evaluated, str], str]] = {
    "in-toto": lambda evaluated, project: _as_json(statement(evaluated, project)),
    "junit": lambda evaluated, _project: junit(evaluated),
    "sarif": lambda evaluated, _project: _as_json(sarif(evaluated)),
}
