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
from dataclasses import dataclass, field

from zk0.ledger.importers.bars import pairs_of_bar, take_bar
from zk0.ledger.importers.failures import complains, kind_of
from zk0.ledger.importers.logs import EVALUATING, LogFile
from zk0.ledger.importers.metric_names import SERIES, meanings
from zk0.ledger.importers.pairs import NUMBER, Pairs
from zk0.ledger.importers.rules import LineReader, Taken
from zk0.ledger.importers.score_names import Shares, as_score, is_of_evaluation
from zk0.ledger.importers.shapes import ShapeReader
from zk0.ledger.importers.streams import LogStream, StepPosition
from zk0.ledger.log_events import IncidentKind

NAME = "metrics"
LOCAL = "local"  # the client of lines that name none
SIGNS = (
    "oss", "LOSS", "acc", "Acc", "rad", "poch", "EPOCH", "tep", "Iter", "iter", "ound", "lr", "mAP", "ewar", "ew_",
    "eturn", "|", "━", "[=", "omplete", "OMPLETE", "inish", "stopp", "Stopp", "total", "num", "max", "Num", "Total",
    "ITER", "uccess", "xent", "ost ", "mse", "name", "AP", "f1", "F1", "recision", "ecall", "dice", "Dice", "IoU",
    "iou", "dsc", "DSC", "_wer", "WER", "_cer", "CER",
)  # fmt: skip
JUDGED = ("evaluation", "evaluation_accuracy", "evaluation_score")
LOSSES = {"policy_loss", "total_loss", "evaluation"}
MEASURED = LOSSES | {"proximal_loss", "gradient_norm", "accuracy", "reward", "score", *JUDGED}
ENDS = re.compile(
    r"(?i)^\W*(?:\w[\w.:\[\]-]{0,80}\W+){0,2}?"  # words begin with a letter: a row of dashes has one reading only
    r"(?:(?:model |federated |offline |local )?(?:training|train|experiment|fine-?tuning)\b\W*"
    r"(?:loop |run |job |process )?(?:is |has |was )?(?:successfully )?(?:completed?|finished|done|ended)\b"
    r"|(?:finished|completed|done) (?:with )?(?:the )?training\b|`?Trainer\.fit`? stopped|\d+ epochs completed in"
    r"|TrainOutput\(global_step=|Early stopping, best iteration is:)"
    # It stopped because nothing was gained any more, which it was told to do.
    r"|(?i:.{0,60}?\bearly[ -]?stop(?:ping|ped)?(?: (?:triggered|at|after)\b|[.!]?\s*$)"
    r"|.{0,60}\bstopp(?:ed|ing) (?:training )?early\b|.{0,80}did not improve .{0,80}\bStopping)"
)
_STOPPED = re.compile(r"`max_(?P<unit>epochs|steps)=(?P<planned>\d+)` reached")
# Whatever else has to be a number while something learns: parts of a loss, a divergence, a gradient.
_HAS_TO_BE_FINITE = re.compile(r"(?i)(?:.*[\W_])?(?:loss|kl|grad\w*|gradient\w*)(?:[\W_]?norm)?")
MOST_SHAPES = 1_000
_DIGITS = re.compile(rf"(?i){NUMBER}|\d+")
_ABOUT_BEST = re.compile(r"(?i)\b(?:best|improve\w*|previous\w*|sav(?:e|ed|ing)|lowest)\b")
MOST_NAMES = 30  # in the note
SUMMARY = ("train_runtime", "train_samples_per_second")  # of Hugging Face's Trainer
COUNTS = ("epoch", "step", "round")


@dataclass
class _Memory:
    """What the reader keeps of a log: rows that wait for a second of their shape, names, evaluations."""

    waiting: dict[tuple[str, ...], tuple[Pairs, LogStream, int]] = field(default_factory=dict)
    shapes: set[tuple[str, ...]] = field(default_factory=set)
    noted: set[tuple[str, ...]] = field(default_factory=set)  # names of rows of which it was said how they are read
    rows: ShapeReader = field(default_factory=ShapeReader)
    names: dict[str, str] = field(default_factory=dict)  # of columns, and what they were read as
    note: str = ""
    evaluations: int = 0
    shares: Shares = field(default_factory=Shares)
    judged: tuple[object, ...] = ()  # the last evaluation, which bars repeat
    drawn: tuple[object, ...] = ()  # the last bar, which is drawn again at its end


def read(log: LogFile, text: str) -> Taken:
    """Take a line with numbers."""
    memory: _Memory | None = log.memory.get(NAME)
    if memory is None:
        memory = log.memory[NAME] = _Memory()
    end, pairs = 0, memory.rows.known(text)
    if pairs is None:  # else it is as a line that was no end and no bar
        if ENDS.match(text):
            return _ended(log, text)
        end = take_bar(log, text) if "%|" in text or "/" in text[:12] else 0
        pairs = pairs_of_bar(text, end, memory.rows.pairs) if end else memory.rows.search(text)
    if pairs is None or (end and log.stream.position.headings.get("step") == 0):
        return Taken.noise  # a bar begins with the numbers that the one before it ended with
    for unit, planned in pairs.planned.items():
        _plan(log, unit, planned)
    pairs.is_evaluation |= log.phase == EVALUATING
    meaning = meanings(list(pairs.values)) | {name: column for column, name in pairs.parts.items()}
    if not meaning.keys() & MEASURED:
        return _beside(log, text, pairs, meaning, in_bar=bool(end))
    if not pairs.is_row and not _is_repeated(log, text, pairs, meaning):
        return Taken.no
    if "loss" not in pairs.values and any(name in pairs.values for name in SUMMARY):
        log.run.close(log.server_round or 1, at=log.at)  # the means of all steps, printed at the end
        return Taken.understood
    taken = _row(log, pairs, meaning, in_bar=bool(end), certain=text.lstrip()[:1] in "{|")
    return Taken.understood if taken else Taken.no


def _ended(log: LogFile, text: str) -> Taken:
    """Take a line that says that the training has come to its end."""
    if found := _STOPPED.search(text):
        log.run.count("epoch" if found["unit"] == "epochs" else "step", None, float(found["planned"]))
    log.run.close(log.server_round or 1, at=log.at)
    return Taken.understood


def _is_repeated(log: LogFile, text: str, pairs: Pairs, meaning: dict[str, str]) -> bool:
    """Return whether a sentence with a loss and a counter was met before with other numbers: a program's own row."""
    counted = meaning.keys() & {*LOSSES, "reward"} and meaning.keys() & {"epoch", "step", "round"}
    judged = pairs.is_evaluation and meaning.keys() & {"score", "evaluation_score"}
    if not (counted or judged) or _ABOUT_BEST.search(text):
        return False
    memory: _Memory = log.memory.setdefault(NAME, _Memory())
    shape = (_DIGITS.sub("#", text),)
    if shape in memory.shapes:
        return True
    if len(memory.shapes) < MOST_SHAPES:
        memory.shapes.add(shape)
    log.undecided.add(log.number)
    return False


def _beside(log: LogFile, text: str, pairs: Pairs, meaning: dict[str, str], *, in_bar: bool) -> Taken:
    """Take a line without a measurement: a counter, a part of the loss that is no number, or known noise."""
    lost = (name for name, value in pairs.values.items() if not math.isfinite(value))
    if pairs.is_row and any(map(_HAS_TO_BE_FINITE.fullmatch, lost)):
        log.add_incident(IncidentKind.not_finite, text.strip()[:200])
        return Taken.understood
    counted = _count(log, pairs, meaning) or bool(pairs.planned)
    named = bool(pairs.values) and pairs.words <= 1 and kind_of(text) is None and not complains(text)
    return Taken.understood if counted else Taken.noise if in_bar or named else Taken.no


def take_row(log: LogFile, pairs: Pairs) -> bool:
    """Take numbers with names that another reader found; whether any means something here."""
    meaning = meanings(list(pairs.values))
    return bool(meaning.keys() & MEASURED) and _row(log, pairs, meaning, in_bar=False)


def _plan(log: LogFile, unit: str, planned: float) -> None:
    if unit in COUNTS:
        log.run.count(unit, None, planned)  # type: ignore[arg-type]


def _count(log: LogFile, pairs: Pairs, meaning: dict[str, str]) -> bool:
    """Keep counters on a line of their own: a heading."""
    counted = {unit: pairs.values[meaning[unit]] for unit in COUNTS if unit in meaning}
    if not counted or pairs.words > 2 or not math.isfinite(sum(counted.values())):  # noqa: PLR2004  `Learning iteration`
        return False
    position = log.stream.position
    for unit, value in counted.items():
        total = pairs.totals.get(meaning[unit])
        if unit == "round":
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


def _row(log: LogFile, pairs: Pairs, meaning: dict[str, str], *, in_bar: bool, certain: bool = False) -> bool:
    memory: _Memory = log.memory.setdefault(NAME, _Memory())
    shape = tuple(pairs.values)
    headings = log.stream.position.headings
    certain = certain or (not pairs.words and (pairs.is_evaluation or bool(meaning.keys() & set(JUDGED))))
    first = memory.waiting.pop(shape, None)
    placed = (
        in_bar
        or headings
        or certain
        or log.server_round is not None
        or meaning.keys() & {*COUNTS, "client"}
        or shape in memory.shapes
    )
    if first is None and not placed:
        if len(memory.waiting) < MOST_SHAPES:
            memory.waiting[shape] = (pairs, log.stream, log.number)
        log.undecided.add(log.number)
        return False
    if first is not None:
        memory.shapes.add(shape)
        stream, number = log.stream, log.number
        _, log.stream, log.number = first
        _take(log, first[0], meaning, memory, in_bar=False)
        log.stream, log.number = stream, number
        log.taken_later.add(first[2])
    _take(log, pairs, meaning, memory, in_bar=in_bar)
    return True


def _take(log: LogFile, pairs: Pairs, meaning: dict[str, str], memory: _Memory, *, in_bar: bool) -> None:
    values = {name: pairs.values[column] for name, column in meaning.items()}
    stream = log.stream
    client = None if stream.client == LOCAL else stream.client
    if (named := tuple(pairs.values)) not in memory.noted:
        memory.noted.add(named)
        _note(log, memory, meaning)
    if "client" in values and math.isfinite(values["client"]):
        stream = log.switch_client(f"{values['client']:g}")
        client = stream.client
    number = values.get("round")
    if number is not None and math.isfinite(number):
        total = pairs.totals.get(meaning["round"])
        log.enter_round(int(number), int(total) if total else None)
    for unit in ("epoch", "step"):
        if unit in values and math.isfinite(values[unit]):
            log.run.count(unit, values[unit], pairs.totals.get(meaning[unit]), client=client)
    headings = stream.position.headings
    if in_bar and "epoch" not in headings and "epoch" not in pairs.totals and "step" in headings:
        log.run.count("step", headings["step"], stream.position.per_epoch, client=client)  # a bar of the whole training
    judged = _judged(pairs, values, meaning.get("score", ""))
    measured = {
        name: memory.shares.of(name, value) if name == "accuracy" else value
        for name, value in values.items()
        if name in SERIES
    }
    drawn = (stream.position.epoch, stream.position.headings.get("step"), *values.values()) if in_bar else ()
    if drawn and drawn == memory.drawn:
        return
    memory.drawn = drawn
    if measured.keys() & MEASURED:
        log.stream = stream
        _measure(log, pairs, meaning, measured, in_bar=in_bar)
    if judged:
        name = next((meaning[kind] for kind in ("evaluation_score", "score") if kind in meaning), "")
        _evaluate(log, judged, memory, values, name)


def _judged(pairs: Pairs, values: dict[str, float], score: str) -> dict[str, float]:
    """Return what an evaluation measured, and take it out of the other values."""
    judged = {name: values[name] for name in JUDGED if name in values}
    if not judged and pairs.is_evaluation and "step" not in values and "gradient_norm" not in values:
        if values.keys() & {"policy_loss", "total_loss"}:
            judged["evaluation"] = values.pop("policy_loss", values.pop("total_loss", math.nan))
        if "accuracy" in values:
            judged["evaluation_accuracy"] = values.pop("accuracy")
    # A score without a word for its data is of the evaluation that it stands beside, or that it is by itself.
    alone = not LOSSES & values.keys() or is_of_evaluation(score)
    if "score" in values and "evaluation_score" not in judged and (judged or alone):
        judged["evaluation_score"] = values["score"]
    return judged


def _measure(log: LogFile, pairs: Pairs, meaning: dict[str, str], measured: dict[str, float], *, in_bar: bool) -> None:
    stream = log.stream
    if stream.client is None:
        stream.client = LOCAL if log.server_round is None else None
    if log.server_round is not None and stream.record is not None and stream.record.round != log.server_round:
        stream.record = None
    if stream.number is None and stream.record is None and log.server_round is None:
        stream.number = 1
    position = stream.position
    step = _step(position, pairs, meaning, in_bar=in_bar)
    if step <= position.last and stream.record is None:
        position.offset, position.last = -step, -1
        step = 0
    position.last = step
    log.add_measurements(step, measured)
    if log.stream.record is not None:
        log.stream.record.count_parts(pairs.values)


def _step(position: StepPosition, pairs: Pairs, meaning: dict[str, str], *, in_bar: bool) -> int:
    """Return the step of a row, from 0 and never back: by its counters, else one after the last."""
    headings = position.headings
    named = "step" in meaning or in_bar
    step = pairs.values.get(meaning.get("step", "")) if "step" in meaning else headings.get("step") if in_bar else None
    epoch = pairs.values.get(meaning.get("epoch", ""), headings.get("epoch"))
    per_epoch = pairs.totals.get(meaning.get("step", ""), position.per_epoch)
    if not named or step is None or not math.isfinite(step) or step != int(step):  # fairseq's update is a share
        if "epoch" in meaning and epoch is not None and epoch == int(epoch) and position.epoch is not None:
            position.epoch = epoch
        position.epoch = epoch if epoch is not None else position.epoch
        return position.last + 1
    if epoch is not None and position.epoch is not None and epoch > position.epoch and step <= (position.step or 0):
        position.offset += int(per_epoch or (position.step or 0) + 1)
    elif position.step is not None and step < position.step and epoch is None:
        position.offset += int(position.step) + 1  # it begins again
    position.epoch, position.step = epoch, step
    return max(position.offset + int(step), 0)


def _evaluate(log: LogFile, judged: dict[str, float], memory: _Memory, values: dict[str, float], score: str) -> None:
    number, epoch = log.server_round, values.get("epoch", log.stream.position.epoch)
    same = (number, epoch, log.stream.position.last, *judged.values())
    if same == memory.judged:
        return
    memory.judged = same
    if number is None:
        if values.get("step") == 0 and memory.evaluations == 0:
            number = 0
        else:
            memory.evaluations += 1
            number = memory.evaluations
            log.run.note("evaluations name no round: they are counted from 1")
    loss = judged.get("evaluation")
    metrics: dict[str, float] = {}
    if "evaluation_accuracy" in judged:
        metrics["accuracy"] = memory.shares.of("evaluation_accuracy", judged["evaluation_accuracy"])
    if "evaluation_score" in judged:
        metrics |= as_score(score, memory.shares.of(score, judged["evaluation_score"]))
    log.add_evaluation(
        number, loss, dataset="server", missing=None if loss is not None else "not in the log", metrics=metrics
    )


def _note(log: LogFile, memory: _Memory, meaning: dict[str, str]) -> None:
    """Say what was taken for the step, the loss and the norm: one note that grows."""
    found = {column: name for name, column in meaning.items() if name in {*MEASURED, *COUNTS}}
    if found.keys() <= memory.names.keys() or len(memory.names) > MOST_NAMES:
        return
    memory.names |= found
    if memory.note in log.run.notes:
        log.run.notes.remove(memory.note)
    memory.note = "numbers were read by their names: " + ", ".join(
        f"{column} as {name}" for column, name in memory.names.items()
    )
    log.run.note(memory.note)


LINES = LineReader(NAME, SIGNS, read)
