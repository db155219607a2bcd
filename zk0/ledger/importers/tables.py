"""Plain numbers: CSV and its kin, JSON, JSON lines."""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from zk0.ledger.importers.metric_names import meaning_of, meanings, parse_number
from zk0.ledger.importers.metrics import Row, Rows
from zk0.ledger.importers.progress_counts import Unit
from zk0.ledger.importers.reading import FileReport, LogSource, batches
from zk0.ledger.importers.run_builder import RunBuilder
from zk0.ledger.importers.unwrap import MESSAGES

DELIMITERS = ",;\t|"
MOST_JSON = 64 << 20  # bytes of one JSON document, which has to be held as a whole
_JSON = re.compile(r"\s*(?:\{\s*[\"}]|\[\s*(?:[\[{\"\]]|-?\d[\d.eE+-]*\s*[,\]]))")  # and not `[INFO] …`
_OF_TRAINER: tuple[tuple[Unit, str, str], ...] = (
    ("step", "global_step", "max_steps"),
    ("epoch", "epoch", "num_train_epochs"),
)
DEPTH = 4  # of names within names
_DECIMAL = re.compile(
    r"(?<=^\d),(?=\d+(?:[eE][-+]?\d+)?$)|(?<=^-\d),(?=\d+$)|(?<=^\d\d),(?=\d+$)|(?<=^\d\d\d),(?=\d+$)"
)
NAME = "table of metrics"
_MONITOR = ["r", "l", "t"]
_EXPORTED = ["Wall time", "Step", "Value"]
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
    rows = _rows(source, run, NAME)
    delimiter = _delimiter(_first_lines(source)[0]) or ","
    lines = ("\n" if _is_comment(line) else f"{line}\n" for _, line in _numbered(source))
    reader = csv.reader(lines, delimiter=delimiter)
    head = next(filter(None, reader))
    names = _named(head, source)
    decimal = delimiter in ";\t"  # where a comma does not part columns it may part a number
    for given in reader:
        values = [_DECIMAL.sub(".", value) for value in given] if decimal else given
        at = f"{source.name}:{reader.line_num}"
        if len(values) == len(names) and values != head:
            rows.add(at, dict(zip(names, values, strict=True)))
        elif values == head or not any(values):
            rows.report.noise += 1  # a head that is repeated where a run was begun again
        else:
            _unknown(rows, at, delimiter.join(values))
    return rows.conclude()


def _is_comment(line: str) -> bool:
    return line.startswith("#{")  # Stable-Baselines3's monitor writes what it monitors before its columns


def _named(names: list[str], source: LogSource) -> list[str]:
    """Return the names of columns, in words where a program has letters, or leaves the name to the file's."""
    if names[:3] == _MONITOR:
        return ["reward", "episode_length", "seconds", *names[3:]]
    if names == _EXPORTED:  # one scalar of TensorBoard
        path = PurePath(source.name)
        tag = path.stem.partition("tag-")[2] or path.stem
        name = next((one for one in (tag, *path.parts[-2::-1]) if "loss" in one or meaning_of(one)), "Value")
        return ["seconds", "Step", name if meaning_of(name) or name == "Value" else "loss"]
    return names


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
    rows = _rows(source, run, NAME)
    head, delimiter = _head(source) or ("", ",")
    names = head.split(delimiter)
    for at, line in _numbered(source):
        if _is_row(line, delimiter, len(names)):
            rows.add(at, dict(zip(names, line.split(delimiter), strict=True)))
        elif line == head or not line.strip():
            rows.report.noise += 1
        else:
            _unknown(rows, at, line)
    return rows.conclude()


def _is_row(line: str, delimiter: str, size: int) -> bool:
    values = line.split(delimiter)
    return len(values) == size and any(map(_is_number, values))


def looks_like_json_lines(source: LogSource) -> bool:
    """Return whether the first two lines are JSON objects, and not messages of a log packed into JSON."""
    rows = [_parsed(line) for line in _first_lines(source)[:2]]
    if len(rows) < 2 or not all(isinstance(row, dict) for row in rows):  # noqa: PLR2004  one may be a whole document
        return False
    measured = any(REQUIRED & meanings(list(flat(row))).keys() for row in rows)
    return measured or not all(map(_is_message, rows))


def read_json_lines(source: LogSource, run: RunBuilder) -> FileReport:
    """Read one JSON object a line."""
    rows = _rows(source, run, "JSON lines of metrics")
    for at, line in _numbered(source):
        content = _parsed(line)
        if isinstance(content, dict):
            rows.add(at, flat(content))
        elif line.strip():
            _unknown(rows, at, line)
    return rows.conclude()


def _goes_on(line: str) -> bool:
    """Return whether something follows a whole JSON value in a line: `[1,0]<stdout>: …` is the line of a log."""
    try:
        _, end = json.JSONDecoder().raw_decode(line.lstrip())
    except ValueError:
        return False
    return bool(line.lstrip()[end:].strip())


def _is_message(row: dict[str, Any]) -> bool:
    return any(isinstance(row.get(name), str | list) for name in MESSAGES)


def looks_like_json(source: LogSource) -> bool:
    """Return whether it begins as a JSON document does, and not as a log of JSON objects."""
    if _JSON.match(source.head_text()) is None:
        return False
    lines = _first_lines(source)[:2]
    if lines and _goes_on(lines[0]):
        return False
    rows = [_parsed(line) for line in lines]
    return not (all(isinstance(row, dict) for row in rows) and (len(rows) > 1 or _is_message(rows[0])))


def read_json(source: LogSource, run: RunBuilder, documents: Iterable[DocumentReader] = ()) -> FileReport:
    """Read one JSON document, with the reader that recognises it, or as rows of metrics."""
    rows = _rows(source, run, "JSON of metrics")
    with source.stream() as stream:
        content = stream.read(MOST_JSON + 1)
    if len(content) > MOST_JSON:
        return _unknown(rows, source.name, f"more than {MOST_JSON >> 20} MiB of one JSON document")
    try:
        document = json.loads(content)
    except ValueError as error:
        return _unknown(rows, source.name, f"not JSON: {error}")
    for one in documents:
        if one.matches(document):
            one.read(run, document, source.name)
            rows.report.format, rows.report.understood = one.name, 1
            return rows.report
    if isinstance(document, dict) and "log_history" in document:  # of Hugging Face's Trainer
        for unit, reached, planned in _OF_TRAINER:
            run.count(unit, parse_number(document.get(reached)), parse_number(document.get(planned)))
    for number, row in enumerate(_rows_of(document), start=1):
        rows.add(f"{source.name}, row {number}", row)
    return rows.conclude()


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


def _rows(source: LogSource, run: RunBuilder, name: str) -> Rows:
    return Rows(run, FileReport(source.name, name, notes=source.notes))


def _unknown(rows: Rows, at: str, text: str) -> FileReport:
    """Count what was not understood, keep it as an example without its secrets, and return the report."""
    report = rows.report
    report.unknown += 1
    if report.wants_examples:
        report.add_example(at, rows.run.redact(text[:200], at))
    return report


def _numbered(source: LogSource) -> Iterator[tuple[str, str]]:
    """Yield (`file:line`, line)."""
    for numbers, lines, _ in batches(source):
        yield from ((f"{source.name}:{number}", line) for number, line in zip(numbers, lines, strict=True))


def _first_lines(source: LogSource) -> list[str]:
    text = source.head_text()
    whole = text.rpartition("\n")[0] or text
    return [line for line in whole.splitlines() if line.strip() and not _is_comment(line)][:3]


def _delimiter(line: str) -> str | None:
    most, mark = max((line.count(mark), mark) for mark in DELIMITERS)
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
