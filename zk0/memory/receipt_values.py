"""The numbers of receipts, each as a source that names its receipt, its place in it and its value."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from zk0.core.errors import UnknownNameError
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Finding, Verdict
from zk0.memory.entries import Source

RESULTS = "results"  # an action's output of this name is a list of {name, value, unit}: what a run is about


def numbers_of(receipts: Sequence[Receipt]) -> tuple[Source, ...]:
    """Return the numbers that tell of a run: the results its actions name, then the evidence of its findings.

    Where results are named, of evidence only that of findings which are no pass: a run has hundreds of numbers that
    say nothing but that all is well, and they stay in the receipts. A value that is missing or not finite is no
    number; the finding that says so is in the receipt.
    """
    named = [source for receipt in receipts for source in _results(receipt)]
    telling = frozenset(Verdict) - {Verdict.passed} if named else frozenset(Verdict)
    evidence = [source for receipt in receipts for source in evidence_of(receipt, telling)]
    return tuple(named + evidence)


def evidence_of(receipt: Receipt, verdicts: Collection[Verdict] = tuple(Verdict)) -> Iterator[Source]:
    """Yield the numbers that a receipt's findings of these verdicts rest on."""
    for number, finding in enumerate(receipt.findings):
        if finding.verdict in verdicts:
            yield from _numbers(receipt, number, finding)


def value_at(receipt: Receipt | Mapping[str, Any], metric: str) -> object:
    """Return the value that a metric path names in a receipt, such as `findings.0.evidence.1.value`.

    Raises:
        UnknownNameError: the receipt has nothing at this path.
    """
    found: Any = receipt.model_dump(mode="json") if isinstance(receipt, Receipt) else receipt
    digest = found["digest"]
    for part in metric.split("."):
        if isinstance(found, dict) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            raise UnknownNameError(f"receipt {digest} has nothing at {metric!r}: no {part!r} there")
    return found


def _results(receipt: Receipt) -> Iterator[Source]:
    results = receipt.outputs.get(RESULTS)
    for index, result in enumerate(results if isinstance(results, list | tuple) else ()):
        if isinstance(result, dict) and isinstance(result.get("name"), str) and _is_number(result.get("value")):
            path = f"outputs.{RESULTS}.{index}.value"
            unit = str(result.get("unit") or "")
            yield Source(name=result["name"], receipt=receipt.digest, metric=path, value=result["value"], unit=unit)


def _numbers(receipt: Receipt, number: int, finding: Finding) -> Iterator[Source]:
    for index, evidence in enumerate(finding.evidence):
        if _is_number(evidence.value):
            where = evidence.at or finding.at
            yield Source(
                name=f"{finding.check}: {evidence.name}{f' ({where})' if where else ''}",
                receipt=receipt.digest,
                metric=f"findings.{number}.evidence.{index}.value",
                value=evidence.value,
                unit=evidence.unit,
            )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
