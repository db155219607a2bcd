"""Plain numbers: CSV and its kin, JSON, JSON lines."""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from zk0.ledger.importers.metrics import Row, Rows, meanings
from zk0.ledger.importers.reading import EXAMPLES, FileReport, LogSource, batches
from zk0.ledger.importers.run_builder import RunBuilder

DELIMITERS = ",;\t|"
MOST_JSON = 64 << 20  # bytes of one JSON document, which has to be held as a whole
_JSON = re.compile(r"\s*(?:\{\s*[\"}]|\[\s*(?:[\[{\"\]]|-?\d[\d.eE+-]*\s*[,\]]))")  # and not `[INFO] …`
DEPTH = 4  # of names within names
NAME = "table of metrics"
FEWEST_ROWS = 3  # among other lines; a message may look like one by chance
REQUIRED = {"policy_loss", "total_loss", "evaluation", "proximal_loss", "gradient_norm"}  # a column of one of these
_NAME = re.compile(r"\s*[A-Za-z_][\w ./\-#%()\[\]]{0,60}")  # of a column, among messages


@dataclass(frozen=True)
class DocumentReader:
    """Recognises and reads JSON documents of one kind; `read` gets the run, the document and its name."""

    name: str
    matches: Callable[[Any], bool]
    read: Callable[[RunBuilder, Any, str], None]


def looks_like_table(source: LogSource) -> bool:
    """Return whether line 1 names columns and line 2 has as many, or a program's rows are among its messages."""
    return _is_plain_table(source) or _head(source) is not None


def read_table(source: LogSource, run: RunBuilder) -> FileReport:
    """Read rows separated by a delimiter."""
    if not _is_plain_table(source):
        return _read_among_messages(source, run)
    report = FileReport(source.name, NAME)
    delimiter = _delimiter(_first_lines(source)[0]) or ","
    rows = Rows(run, source.name)
    reader = csv.reader(_lines(source), delimiter=delimiter)
    names = next(reader)
    size = len(names)
    for values in reader:
        if len(values) == size and values != names:
            rows.add(f"{source.name}:{reader.line_num}", dict(zip(names, values, strict=True)))
        elif values == names or not any(values):
            report.noise += 1  # a head that is repeated where a run was begun again
        else:
            _unknown(report, run, f"{source.name}:{reader.line_num}", delimiter.join(values))
    return _concluded(report, rows, source)


def _is_plain_table(source: LogSource) -> bool:
    lines = _first_lines(source)
    if len(lines) < 2:  # noqa: PLR2004  names, and one row
        return False
    delimiter = _delimiter(lines[0])
    if delimiter is None:
        return False
    names, values = next(csv.reader([lines[0]], delimiter=delimiter)), next(csv.reader([lines[1]], delimiter=delimiter))
    return (
        len(names) == len(values)
        and all(name.strip() and not _is_number(name) for name in names[1:])
        and any(map(_is_number, values))
    )


def _head(source: LogSource) -> tuple[str, str] | None:
    """Return the line that names columns, and its delimiter, where rows follow among other lines; None without."""
    text = source.head_text()
    lines = (text.rpartition("\n")[0] or text).splitlines()
    for place, line in enumerate(lines):
        delimiter = _delimiter(line)
        names = line.split(delimiter) if delimiter else []
        if not delimiter or not all(map(_NAME.fullmatch, names)) or not REQUIRED & meanings(names).keys():
            continue
        if sum(_is_row(other, delimiter, len(names)) for other in lines[place + 1 :]) >= FEWEST_ROWS:
            return line, delimiter
    return None


def _read_among_messages(source: LogSource, run: RunBuilder) -> FileReport:
    """Read the rows that a program prints on stdout while libraries write to stderr, both in one file."""
    report = FileReport(source.name, NAME)
    found = _head(source)
    head, delimiter = found or ("", ",")
    names = head.split(delimiter)
    rows = Rows(run, source.name)
    for numbers, lines, _ in batches(source):
        for number, line in zip(numbers, lines, strict=True):
            if _is_row(line, delimiter, len(names)):
                rows.add(f"{source.name}:{number}", dict(zip(names, line.split(delimiter), strict=True)))
            elif line == head or not line.strip():
                report.noise += 1
            else:
                _unknown(report, run, f"{source.name}:{number}", line)
    return _concluded(report, rows, source)


def _is_row(line: str, delimiter: str, size: int) -> bool:
    values = line.split(delimiter)
    return len(values) == size and any(map(_is_number, values))


def looks_like_json_lines(source: LogSource) -> bool:
    """Return whether the first two lines are JSON objects."""
    lines = _first_lines(source)[:2]
    return len(lines) > 1 and all(isinstance(_parsed(line), dict) for line in lines)


def read_json_lines(source: LogSource, run: RunBuilder) -> FileReport:
    """Read one JSON object a line."""
    report = FileReport(source.name, "JSON lines of metrics")
    rows = Rows(run, source.name)
    for numbers, lines, _ in batches(source):
        for number, line in zip(numbers, lines, strict=True):
            content = _parsed(line)
            if isinstance(content, dict):
                rows.add(f"{source.name}:{number}", flat(content))
            elif line.strip():
                _unknown(report, run, f"{source.name}:{number}", line)
    return _concluded(report, rows, source)


def looks_like_json(source: LogSource) -> bool:
    """Return whether it begins as a JSON document does."""
    return _JSON.match(source.head_text()) is not None


def read_json(source: LogSource, run: RunBuilder, documents: Iterable[DocumentReader] = ()) -> FileReport:
    """Read one JSON document, with the reader that recognises it, or as rows of metrics."""
    report = FileReport(source.name, "JSON of metrics")
    content = source.content(MOST_JSON)
    try:
        document = None if content is None else json.loads(content)
    except ValueError as error:
        _unknown(report, run, source.name, f"not JSON: {error}")
        return report
    if document is None:
        _unknown(report, run, source.name, f"more than {MOST_JSON >> 20} MiB of one JSON document")
        return report
    for one in documents:
        if one.matches(document):
            one.read(run, document, source.name)
            report.format, report.understood = one.name, 1
            return report
    rows = Rows(run, source.name)
    for number, row in enumerate(_rows_of(document), start=1):
        rows.add(f"{source.name}, row {number}", row)
    return _concluded(report, rows, source)


def flat(content: Mapping[str, Any], before: str = "", depth: int = DEPTH) -> dict[str, object]:
    """Return names within names as one level: `{"train": {"loss": 1}}` becomes `{"train/loss": 1}`."""
    found: dict[str, object] = {}
    for key, value in content.items():
        if isinstance(value, dict) and depth:
            found |= flat(value, f"{before}{key}/", depth - 1)
        else:
            found[f"{before}{key}"] = value
    return found


def _rows_of(document: Any) -> Iterator[Row]:
    match document:
        case {"log_history": list() as rows}:  # Hugging Face's Trainer
            yield from _rows_of(rows)
        case list():
            yield from (flat(row) for row in document if isinstance(row, dict))
        case dict() if document and all(isinstance(value, list) for value in document.values()):
            longest = max(map(len, document.values()))
            for place in range(longest):
                yield {name: values[place] for name, values in document.items() if place < len(values)}
        case dict() if document and all(key.isdigit() and isinstance(row, dict) for key, row in document.items()):
            for key, row in document.items():
                yield {"round": key, **flat(row)}
        case dict():
            yield flat(document)


def _concluded(report: FileReport, rows: Rows, source: LogSource) -> FileReport:
    rows.conclude()
    report.understood += rows.understood
    report.unknown += rows.unknown
    report.notes = source.notes
    return report


def _unknown(report: FileReport, run: RunBuilder, at: str, text: str) -> None:
    report.unknown += 1
    if len(report.examples) < EXAMPLES:
        report.examples.append(f"{at}: {run.redact(text[:200], at)}")


def _lines(source: LogSource) -> Iterator[str]:
    for _, lines, _ in batches(source):
        yield from (f"{line}\n" for line in lines)


def _first_lines(source: LogSource) -> list[str]:
    text = source.head_text()
    whole = text.rpartition("\n")[0] or text
    return [line for line in whole.splitlines() if line.strip()][:3]


def _delimiter(line: str) -> str | None:
    counted: Iterable[tuple[int, str]] = ((line.count(mark), mark) for mark in DELIMITERS)
    most, mark = max(counted)
    return mark if most else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
