"""The generic reader: lines with numbers that have known names, of whatever program.

    Epoch [2/5], Step [100/600], Loss: 0.4124
    {'loss': 0.41, 'grad_norm': 1.2, 'learning_rate': 1e-05, 'epoch': 0.1}
    100%|████| 42/42 [00:01<00:00, 30.0it/s, loss=0.41]

A line counts where it names a loss, a norm or an accuracy, with the position it belongs to, or where another line of
the same shape follows. What was taken for the step and the loss is noted. Counters on lines of their own (`Epoch 3/5`)
are the position of the lines behind them.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from zk0.ledger.importers.bars import pairs_of_bar, take_bar
from zk0.ledger.importers.failures import complains, kind_of
from zk0.ledger.importers.logs import EVALUATING, LogFile
from zk0.ledger.importers.metric_names import meanings
from zk0.ledger.importers.pairs import NUMBER, Pairs
from zk0.ledger.importers.repeats import repeated_row
from zk0.ledger.importers.rows import COUNTS, JUDGED, LOCAL, LOSSES, MEASURED, take_measured
from zk0.ledger.importers.rules import LineReader, Taken
from zk0.ledger.importers.run_builder import client_name
from zk0.ledger.importers.shapes import Shape, ShapeReader
from zk0.ledger.log_events import IncidentKind

NAME = "metrics"
SIGNS = (
    "oss", "LOSS", "acc", "Acc", "rad", "poch", "EPOCH", "tep", "Iter", "iter", "ound", "lr", "mAP", "ewar", "ew_",
    "eturn", "|", "━", "[=", "omplete", "OMPLETE", "inish", "stopp", "Stopp", "total", "num", "max", "Num", "Total",
    "ITER", "lient", "uccess", "xent", "ost ", "ost=", "ost:", "mse", "MSE", "name", "AP", "f1", "F1", "recision",
    "ecall", "ing done", "ING DONE", "dice", "Dice", "IoU", "iou", "dsc", "DSC", "_wer", "WER", "_cer", "CER",
    "auc", "AUC",
)  # fmt: skip
ENDS = re.compile(
    r"(?i)^\W*(?:\d[\d/.:,-]{0,30}[\s\])]+){0,3}"  # a time that was not cut off
    r"(?:\w[\w.:\[\]-]{0,80}\W+){0,2}?"  # words begin with a letter: a row of dashes has one reading only
    r"(?:(?:model |federated |offline |local )?(?:training|train|experiment|fine-?tuning)\b"
    r"(?: and (?:evaluation|validation|testing))?\W*"
    r"(?:loop |run |job |process )?(?:is |has |was )?(?:successfully )?(?:completed?|finished|done|ended)\b"
    r"|(?:finished|completed|done) (?:with )?(?:the )?training\b|`?Trainer\.fit`? stopped|\d+ epochs completed in"
    r"|TrainOutput\(global_step=|Early stopping, best iteration is:)"
    # It stopped because nothing was gained any more, which it was told to do.
    r"|(?i:.{0,60}?\bearly[ -]?stop(?:ping|ped)?(?: (?:triggered|at|after)\b|[.!]?\s*$)"
    r"|.{0,60}\bstopp(?:ed|ing) (?:training )?early\b|.{0,80}did not improve .{0,80}\bStopping)"
)
_GROUP = re.compile(r"\s*\|\s*(?P<name>\w+)/\s*\|\s*\|\s*$")
_STOPPED = re.compile(r"`max_(?P<unit>epochs|steps)=(?P<planned>\d+)` reached")
# Whatever else has to be a number while something learns: parts of a loss, a divergence, a gradient.
_HAS_TO_BE_FINITE = re.compile(r"(?i)(?:.*[\W_])?(?:loss|kl|grad\w*|gradient\w*)(?:[\W_]?norm)?")
MOST_SENTENCES = 1_000
MOST_WORDS_OF_HEADING = 2  # beside its number: `Learning iteration 3`
_DIGITS = re.compile(rf"(?i){NUMBER}|\d+")
_ABOUT_BEST = re.compile(r"(?i)\b(?:best|improve\w*|previous\w*|sav(?:e|ed|ing)|lowest)\b")
SUMMARY = ("train_runtime", "train_samples_per_second")  # of Hugging Face's Trainer


@dataclass
class _Memory:
    """What the reader keeps of a log."""

    lines: ShapeReader = field(default_factory=ShapeReader)
    again: dict[tuple[str, ...], int] = field(default_factory=dict)  # finite rows of those that were not finite once
    group: str = ""  # of Stable-Baselines3's rows that follow: `rollout`, `train`, `eval`
    sentences: set[str] = field(default_factory=set)  # with a loss, without their digits


def _memory_of(log: LogFile) -> _Memory:
    found: _Memory | None = log.memory.get(NAME)
    if found is None:
        found = log.memory[NAME] = _Memory()
    return found


def read(log: LogFile, text: str) -> Taken:
    """Take a line with numbers."""
    memory = _memory_of(log)
    if known := memory.lines.find(text):  # it is as a line that was no end and no bar
        return _read_known(log, text, *known)
    if ENDS.match(text):
        return _ended(log, text)
    if group := _GROUP.match(text):
        memory.group = group["name"]
        return Taken.noise
    end = take_bar(log, text) if "%|" in text or "/" in text[:12] else 0
    pairs = pairs_of_bar(text, end, memory.lines.pairs) if end else memory.lines.search(text)
    if pairs is None or (end and log.stream.position.headings.get("step") == 0):
        return Taken.noise  # a bar begins with the numbers that the one before it ended with
    return _take(log, text, pairs, in_bar=bool(end))


def _read_known(log: LogFile, text: str, shape: Shape, numbers: Sequence[str]) -> Taken:
    """Take a line of a known shape: as a row like the last one, where it is no more than that."""
    if shape.row is not None and shape.row.take(log, numbers):
        log.prefix.repeat = shape.repeat
        return Taken.understood
    pairs = shape.read(text, numbers)
    taken = _take(log, text, pairs, in_bar=False)
    if taken is Taken.understood and shape.row is None and shape.is_known and not _is_summary(pairs):
        shape.row = repeated_row(pairs, _meaning(pairs), shape.places, numbers)
    return taken


def _take(log: LogFile, text: str, pairs: Pairs, *, in_bar: bool) -> Taken:
    """Take the numbers of a line."""
    for unit, planned in pairs.planned.items():
        _plan(log, unit, planned)
    pairs.is_evaluation |= log.phase == EVALUATING or (
        _memory_of(log).group == "eval" and text.lstrip().startswith("|")
    )
    meaning = _meaning(pairs)
    if not meaning.keys() & MEASURED:
        return _beside(log, text, pairs, meaning, in_bar=in_bar)
    if not pairs.is_row and not _is_repeated(log, text, pairs, meaning):
        return Taken.no
    if _is_summary(pairs):
        log.end_run()  # the means of all steps, printed at the end
        return Taken.understood
    taken = take_measured(log, pairs, meaning, in_bar=in_bar, certain=text.lstrip()[:1] in "{|")
    if any(meaning.get(kind, "").lower().startswith("final") for kind in JUDGED):
        log.end_run()  # `Final test accuracy: 96.90`
    return Taken.understood if taken else Taken.no


def _meaning(pairs: Pairs) -> dict[str, str]:
    return meanings(list(pairs.values)) | {name: column for column, name in pairs.parts.items()}


def _is_summary(pairs: Pairs) -> bool:
    return "loss" not in pairs.values and any(name in pairs.values for name in SUMMARY)


def _ended(log: LogFile, text: str) -> Taken:
    """Take a line that says that the training has come to its end."""
    if found := _STOPPED.search(text):
        log.run.count("epoch" if found["unit"] == "epochs" else "step", None, float(found["planned"]))
    log.end_run()
    return Taken.understood


def _is_repeated(log: LogFile, text: str, pairs: Pairs, meaning: dict[str, str]) -> bool:
    """Return whether a sentence with a loss and a counter was met before with other numbers: a program's own row."""
    counted = meaning.keys() & {*LOSSES, "reward"} and meaning.keys() & {"epoch", "step", "round"}
    judged = pairs.is_evaluation and meaning.keys() & {"score", "evaluation_score"}
    if not (counted or judged) or _ABOUT_BEST.search(text):
        return False
    memory = _memory_of(log)
    sentence = _DIGITS.sub("#", text)
    if sentence in memory.sentences:
        return True
    if len(memory.sentences) < MOST_SENTENCES:
        memory.sentences.add(sentence)
    log.undecided.add(log.number)
    return False


def _beside(log: LogFile, text: str, pairs: Pairs, meaning: dict[str, str], *, in_bar: bool) -> Taken:
    """Take a line without a measurement: a counter, a part of the loss that is no number, or known noise."""
    lost = (name for name, value in pairs.values.items() if not math.isfinite(value))
    names = tuple(pairs.values)
    memory = _memory_of(log)
    if pairs.is_row and any(map(_HAS_TO_BE_FINITE.fullmatch, lost)):
        begun = memory.again.setdefault(names, 0)
        log.add_incident(IncidentKind.not_finite, text.strip()[:200], since=lambda: memory.again[names] - begun)
        return Taken.understood
    if names in memory.again:
        memory.again[names] += 1
    counted = _count(log, pairs, meaning) or bool(pairs.planned)
    named = bool(pairs.values) and pairs.words <= 1 and kind_of(text) is None and not complains(text)
    return Taken.understood if counted else Taken.noise if in_bar or named else Taken.no


def _plan(log: LogFile, unit: str, planned: float) -> None:
    if unit in COUNTS:
        log.run.count(unit, None, planned)  # type: ignore[arg-type]


def _count(log: LogFile, pairs: Pairs, meaning: dict[str, str]) -> bool:
    """Keep counters on a line of their own: a heading."""
    headed = meaning.get("client")
    if headed and pairs.words <= MOST_WORDS_OF_HEADING and math.isfinite(pairs.values[headed]):
        log.stream.headed = client_name(f"{pairs.values[headed]:g}")
    counted = {unit: pairs.values[meaning[unit]] for unit in COUNTS if unit in meaning}
    if not counted or pairs.words > MOST_WORDS_OF_HEADING or not math.isfinite(sum(counted.values())):
        return False
    position = log.stream.position
    for unit, value in counted.items():
        total = pairs.totals.get(meaning[unit])
        if unit == "round":
            log.stream.headed = None
            log.enter_round(int(value), int(total) if total else None)
        else:
            position.headings[unit] = value
            log.run.count(
                "epoch" if unit == "epoch" else "step",
                value,
                total,
                client=None if log.stream.client == LOCAL else log.stream.client,
            )
            if unit == "step" and total and "epoch" in position.headings:
                position.per_epoch = total
    return True


LINES = LineReader(NAME, SIGNS, read)
