"""A diagnosis in other forms: one line a run, Markdown for an issue or a job's summary, SARIF for code scanning."""

import json
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Any

from rich.table import Table

from zk0 import __version__
from zk0.cli.diagnosed import DiagnosedRun
from zk0.core.verdicts import Finding, Verdict
from zk0.ledger.importers import FileReport

MOST_MESSAGE = 100  # characters of a message in a line of the summary
MOST_RUNS = 20  # told in full in Markdown: GitHub takes 65,536 characters
MOST_EVIDENCE = 3  # lines of a finding in Markdown
SARIF_LEVELS = {Verdict.error: "error", Verdict.failed: "error", Verdict.warned: "warning"}


class Format(StrEnum):
    """A form of the output."""

    text = "text"
    markdown = "markdown"
    sarif = "sarif"


def describe(file: FileReport) -> str:
    """Return how a file was not read."""
    reason = "; ".join(file.notes) if file.notes else f"{file.unknown} lines not understood"
    return f"{file.name}: {file.format}, {reason}"


def summary_table(diagnosed: Sequence[DiagnosedRun]) -> Table:
    """Return one line for each run."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("verdict", "run", "first finding", ""):
        table.add_column(name, overflow="fold")
    for one in diagnosed:
        table.add_row(*_line(one))
    return table


def _line(one: DiagnosedRun) -> tuple[str, str, str, str]:
    root = one.diagnosis.root
    told = (root.check, root.message[:MOST_MESSAGE]) if root else ("", "")
    return (one.diagnosis.whole.outcome.value, one.imported.ledger.source, *told)


def markdown(diagnosed: Sequence[DiagnosedRun], empty: Sequence[FileReport]) -> str:
    """Return the diagnosis for a comment on GitHub: a table, and the findings of each run."""
    lines = ["| verdict | run | first finding |", "|---|---|---|"]
    for one in diagnosed:
        outcome, name, check, message = _line(one)
        lines.append(f"| {outcome} | `{_cell(name)}` | {f'`{check}`: {_cell(message)}' if check else ''} |")
    troubled = [one for one in diagnosed if one.diagnosis.problems]
    for one in troubled[:MOST_RUNS]:
        lines += ["", f"### `{one.imported.ledger.source}`", ""]
        lines += [line for finding in one.diagnosis.problems for line in _item(one, finding)]
    if len(troubled) > MOST_RUNS:
        lines += ["", f"{len(troubled) - MOST_RUNS} further runs have findings; `--json` has all of them."]
    if empty:
        lines += ["", "Not judged, since no run was found in:", "", *(f"- {_cell(describe(file))}" for file in empty)]
    return "\n".join(lines)


def _item(one: DiagnosedRun, finding: Finding) -> Iterator[str]:
    place = one.line_of(finding.at)
    yield f"- **{finding.verdict.value}** `{finding.check}` {finding.message}" + (f" (`{place}`)" if place else "")
    if finding.cause:
        yield f"  - because {finding.cause}"
    for evidence in [each for each in finding.evidence if each.value is not None][:MOST_EVIDENCE]:
        yield f"  - {evidence.name}: `{str(evidence.amount).replace('`', chr(39))}`"
    if finding.remedy:
        yield f"  - → {finding.remedy}"
    if finding.workflow:
        yield f"  - → `zk0 run {finding.workflow}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def sarif(diagnosed: Sequence[DiagnosedRun], empty: Sequence[FileReport]) -> str:
    """Return the findings as SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/)."""
    results = [_result(one, finding) for one in diagnosed for finding in one.diagnosis.problems]
    rules = sorted({result["ruleId"] for result in results})
    notes = [{"level": "warning", "message": {"text": f"no run found in {describe(file)}"}} for file in empty]
    run = {
        "tool": {"driver": {"name": "zk0", "version": __version__, "rules": [{"id": rule} for rule in rules]}},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notes}],
        "results": results,
    }
    document = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(document, ensure_ascii=False)


def _result(one: DiagnosedRun, finding: Finding) -> dict[str, Any]:
    place = next((each.at for each in finding.evidence if ":" in each.at), "") or one.line_of(finding.at)
    name, _, line = place.rpartition(":")
    told = [finding.message, finding.cause and f"because {finding.cause}", finding.remedy and f"→ {finding.remedy}"]
    location: dict[str, Any] = {"artifactLocation": {"uri": name or one.imported.ledger.source}}
    if line.isdigit():
        location["region"] = {"startLine": max(int(line), 1)}
    return {
        "ruleId": finding.check,
        "level": SARIF_LEVELS[finding.verdict],
        "message": {"text": ". ".join(filter(None, told))},
        "locations": [{"physicalLocation": location}],
    }


RENDERERS: dict[Format, Callable[[Sequence[DiagnosedRun], Sequence[FileReport]], str]] = {
    Format.markdown: markdown,
    Format.sarif: sarif,
}
