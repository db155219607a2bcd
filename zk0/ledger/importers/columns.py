"""Rows under a heading inside a log: columns by spaces, Markdown tables, and what ultralytics prints.

    epoch   train_loss   val_loss       | Epoch | Train loss |          Epoch    GPU_mem   box_loss   cls_loss
    1       0.69         0.70           |-------|------------|            1/3      2.3G      1.161      3.29

A heading names at least one loss or accuracy; a row has as many columns, and numbers in most of them.
"""

import re
from dataclasses import dataclass, field

from zk0.ledger.importers.logs import LogFile
from zk0.ledger.importers.metric_names import meaning_of, meanings
from zk0.ledger.importers.pairs import NUMBER, Pairs, parse_value
from zk0.ledger.importers.rows import MEASURED, take_row
from zk0.ledger.importers.rules import LineReader, Taken

NAME = "table"
FEWEST = 2  # columns
MOST_DISTANCE = 200  # lines behind a heading in which its rows stand, unless the last row was nearer
SHARE = 0.5  # of the values that are numbers
PARTS = (
    "box_loss",
    "cls_loss",
    "dfl_loss",
    "obj_loss",
    "seg_loss",
    "pose_loss",
    "kobj_loss",
    "loss_cls",
    "loss_bbox",
    "box",
    "obj",
    "cls",
)
_BAR = re.compile(r"\)?:?\s*\d{1,3}%(?:\||\s*━|\s+\d+/\d+ )")  # behind ultralytics' rows
_MARKDOWN = re.compile(r"\s*\|(?P<cells>.+)\|\s*$")
_RULE = re.compile(r"\s*\|?[\s:|+-]+\|?\s*$")
_NAMES = re.compile(r"[A-Za-z_][\w/.\-@()%]*(?::[\w.]+)?(?: [A-Za-z_(][\w/.\-@()%]*){0,2}")
_PRECISION = re.compile(r"(?i)mAP@?(?:\.?50?)(?P<range>[-:]\.?9?5?)?")  # `mAP50-95`, `mAP@.5:.95`, and cut off `mAP50-`
_PART = re.compile(r"(?i)loss[ _]\w+|\w+[ _]loss")  # `LOSS NER`
_NUMBER = re.compile(rf"{NUMBER}%?")
# scikit-learn's report: a row for each class, of which the mean says what its evaluation was.
_REPORT = ["precision", "recall", "f1-score", "support"]
_CLASS = re.compile(rf".{{1,60}}?(?:\s+{NUMBER}){{2,4}}\s*$")
_MEAN = re.compile(rf"\s*macro avg\s+{NUMBER}\s+{NUMBER}\s+(?P<f1>{NUMBER})\s+\d+\s*$")
_COUNT = re.compile(r"(\d+)/(\d+)")
_WIDE = re.compile(r"\s{2,}|\t")


@dataclass
class _Heading:
    names: list[str] = field(default_factory=list)
    line: int = -MOST_DISTANCE
    markdown: bool = False


def read(log: LogFile, text: str) -> Taken:
    """Take a heading of columns, or a row under one."""
    heading: _Heading = log.memory.setdefault(NAME, _Heading())
    if "%|" in text and not heading.names:
        return Taken.no  # a bar, and no row that it stands behind
    text = _BAR.split(text)[0] if "%" in text else text
    markdown = _MARKDOWN.match(text)
    cells = [cell.strip() for cell in markdown["cells"].split("|")] if markdown else _cells(text)
    if not _is_heading(cells) and _is_heading(words := text.split()):  # names that one blank parts
        cells = words
    if _is_heading(cells):
        log.memory[NAME] = _Heading(cells, log.number, markdown is not None)
        log.prefix.repeat = None
        return Taken.noise
    if not heading.names or log.number - heading.line > MOST_DISTANCE or heading.markdown is not (markdown is not None):
        return Taken.no
    if _RULE.match(text):
        return Taken.noise
    if heading.names == _REPORT:
        mean = _MEAN.match(text)
        known = mean is not None and take_row(log, Pairs({"macro f1": float(mean["f1"])}, is_evaluation=True))
        return Taken.understood if known else Taken.noise if _CLASS.match(text) else Taken.no
    return Taken.understood if _row(log, heading, text, cells) else Taken.no


def _cells(text: str) -> list[str]:
    """Return what stands between two spaces or a tab; a plain row may have one space between its values."""
    wide = [cell for cell in _WIDE.split(text.strip()) if cell]
    return wide if len(wide) >= FEWEST else text.split()


def _is_heading(cells: list[str]) -> bool:
    if len(cells) < FEWEST or not all(map(_is_name, cells)):
        return False
    known = set(meanings(cells))
    losses = sum(map(_is_part, cells))
    return bool(known & MEASURED) or losses > 1 or any(map(_PRECISION.fullmatch, cells))


def _is_name(cell: str) -> bool:
    return cell == "#" or (_NAMES.fullmatch(cell) is not None and not _NUMBER.fullmatch(cell))  # `nan`


def _is_part(name: str) -> bool:
    return name in PARTS or (_PART.fullmatch(name) is not None and not meaning_of(name))


def _row(log: LogFile, heading: _Heading, text: str, cells: list[str]) -> bool:
    values = cells if heading.markdown else text.split()
    if len(values) < len(heading.names) or (heading.markdown and len(values) != len(heading.names)):
        return False
    pairs = Pairs()
    for name, value in zip(heading.names, values, strict=False):
        count = _COUNT.fullmatch(value)
        if count:
            pairs.values[name], pairs.totals[name] = float(count[1]), float(count[2])
        elif _NUMBER.fullmatch(value):
            pairs.values[name] = parse_value(value.rstrip("%"), "%" if value.endswith("%") else "")
    if len(pairs.values) < SHARE * len(heading.names):
        return False
    parts = [pairs.values[name] for name in heading.names if _is_part(name) and name in pairs.values]
    if len(parts) > 1 and not meanings(list(pairs.values)).keys() & {"policy_loss", "total_loss"}:
        pairs.values["loss"] = pairs.values.get("total", sum(parts))
        log.run.note("the loss is the sum of the losses in the columns")
    if precisions := [found for name in heading.names if (found := _PRECISION.fullmatch(name))]:
        if "all" not in values[:1]:
            return False
        name = next((found for found in precisions if found["range"]), precisions[0])[0]
        pairs.values = {"map50_95": pairs.values[name]} if name in pairs.values else {}
        pairs.is_evaluation = True
    heading.line = log.number
    return take_row(log, pairs)


LINES = LineReader(NAME, ("  ", "\t", "|"), read)
