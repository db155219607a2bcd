"""A decided checklist as an in-toto test-result statement; pure.

It does not have our six verdicts. An undecided item is never written as passed: it is listed apart.

Source: in-toto Attestation Framework, Statement v1 and test-result predicate v0.1.
"""

from typing import Any

from zk0.checklists.evaluation import Evaluated, EvaluatedItem
from zk0.core.checks import Part
from zk0.core.receipts import canonical_digest
from zk0.core.verdicts import Verdict

STATEMENT = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"


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


def _class(item: EvaluatedItem) -> str:
    if item.ticked:
        return "passed"
    if item.waived:
        return "waived"
    if item.verdict.stops:
        return "failed"
    return "warned" if item.verdict is Verdict.warned else "open"
