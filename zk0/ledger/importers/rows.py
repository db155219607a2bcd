"""Rows of numbers with names: whether one counts, and what the run gets of it.

A row counts where it has the position it belongs to (a counter, a heading, a bar, a round), or where another row with
the same names follows. What was taken for the step and the loss is noted.
"""

import math
from dataclasses import dataclass, field
from functools import lru_cache

from zk0.ledger.importers.logs import LogFile
from zk0.ledger.importers.metric_names import SERIES, meanings, parts_never_zero
from zk0.ledger.importers.pairs import Pairs
from zk0.ledger.importers.records import UNTOLD
from zk0.ledger.importers.run_builder import SERVER
from zk0.ledger.importers.score_names import Shares, as_score, is_of_evaluation, plain
from zk0.ledger.importers.streams import LogStream, StepPosition
from zk0.ledger.schema import RETURN

NAME = "rows"
LOCAL = "local"  # the client of lines that name none
JUDGED = ("evaluation", "evaluation_accuracy", "evaluation_score", "evaluation_return")
LOSSES = {"policy_loss", "total_loss", "evaluation"}
MEASURED = LOSSES | {"proximal_loss", "gradient_norm", "accuracy", "reward", "value_loss", "score", *JUDGED}
COUNTS = ("epoch", "step", "round")
MOST_WAITING = 1_000
MOST_NAMES = 30  # in the note
MOST_RESTARTS = 1_000  # that are kept of a training

type Names = tuple[str, ...]  # of a row


@dataclass
class RowMemory:
    """What is kept of a log's rows: those that wait for a second with the same names, how they are read."""

    waiting: dict[Names, tuple[Pairs, LogStream, int]] = field(default_factory=dict)
    repeated: set[Names] = field(default_factory=set)
    noted: set[Names] = field(default_factory=set)  # it was said how they are read
    names: dict[str, str] = field(default_factory=dict)  # of columns, and what they were read as
    note: str = ""
    evaluations: int = 0
    shares: Shares = field(default_factory=Shares)
    judged: tuple[object, ...] = ()  # the last evaluation, which bars repeat
    drawn: tuple[object, ...] = ()  # the last bar, which is drawn again at its end


def memory_of(log: LogFile) -> RowMemory:
    """Return what is kept of the log's rows."""
    found: RowMemory | None = log.memory.get(NAME)
    if found is None:
        found = log.memory[NAME] = RowMemory()
    return found


def take_row(log: LogFile, pairs: Pairs) -> bool:
    """Take numbers with names that another reader found; whether any means something here."""
    meaning = meanings(list(pairs.values))
    return bool(meaning.keys() & MEASURED) and take_measured(log, pairs, meaning, in_bar=False)


def take_measured(log: LogFile, pairs: Pairs, meaning: dict[str, str], *, in_bar: bool, certain: bool = False) -> bool:
    """Take a row with a measurement; False where it waits for a second one. `certain`: it can be nothing else."""
    rows = memory_of(log)
    names = tuple(pairs.values)
    headings = log.stream.position.headings
    certain = certain or (not pairs.words and (pairs.is_evaluation or bool(meaning.keys() & set(JUDGED))))
    first = rows.waiting.pop(names, None)
    placed = (
        in_bar
        or headings
        or certain
        or log.server_round is not None
        or meaning.keys() & {*COUNTS, "client"}
        or names in rows.repeated
    )
    if first is None and not placed:
        if len(rows.waiting) < MOST_WAITING:
            rows.waiting[names] = (pairs, log.stream, log.number)
        log.undecided.add(log.number)
        return False
    if first is not None:
        rows.repeated.add(names)
        stream, number = log.stream, log.number
        _, log.stream, log.number = first
        _take(log, first[0], meaning, rows, in_bar=False)
        log.stream, log.number = stream, number
        log.taken_later.add(first[2])
    _take(log, pairs, meaning, rows, in_bar=in_bar)
    return True


def _take(log: LogFile, pairs: Pairs, meaning: dict[str, str], rows: RowMemory, *, in_bar: bool) -> None:
    values = {name: pairs.values[column] for name, column in meaning.items()}
    if (named := tuple(pairs.values)) not in rows.noted:
        rows.noted.add(named)
        _note(log, rows, meaning)
    stream = _lane(log, values)
    client = None if stream.client == LOCAL else stream.client
    number = values.get("round")
    # Of the round before, whose evaluation is printed when the server has said the next one's number.
    late = bool(log.dialects) and log.server_round is not None and number == log.server_round - 1
    if number is not None and math.isfinite(number) and not late:
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
        name: rows.shares.of(name, value) if name == "accuracy" else value
        for name, value in values.items()
        if name in SERIES
    }
    drawn = (stream.position.epoch, stream.position.headings.get("step"), *values.values()) if in_bar else ()
    if drawn and drawn == rows.drawn:
        return
    rows.drawn = drawn
    if measured.keys() & MEASURED:
        log.stream = stream
        _measure(log, pairs, meaning, measured, in_bar=in_bar)
    if judged:
        name = next((meaning[kind] for kind in ("evaluation_score", "score") if kind in meaning), "")
        dataset = client if client and "client" in values else SERVER
        _evaluate(
            log, judged, rows, values, name, int(number) if late and number is not None else log.server_round, dataset
        )


def _lane(log: LogFile, values: dict[str, float]) -> LogStream:
    """Return where the row belongs: to the client that it names; among several clients, without a name to none."""
    stream = log.stream
    if "client" in values and math.isfinite(values["client"]):
        return log.return_to(f"{values['client']:g}")
    if stream.headed is not None:
        return log.return_to(stream.headed)
    if len(stream.others) > 1 and stream.client != LOCAL:
        return log.return_to(LOCAL if LOCAL in stream.others else None)
    return stream


def _judged(pairs: Pairs, values: dict[str, float], score: str) -> dict[str, float]:
    """Return what an evaluation measured, and take it out of the other values."""
    judged = {name: values[name] for name in JUDGED if name in values}
    only_judged = "evaluation" in judged and not values.keys() & {"policy_loss", "total_loss"}
    if only_judged and "accuracy" in values:  # `val loss_avg: 2.58 top1_avg: 0.44`
        judged.setdefault("evaluation_accuracy", values.pop("accuracy"))
    if not judged and pairs.is_evaluation and "step" not in values and "gradient_norm" not in values:
        if values.keys() & {"policy_loss", "total_loss"}:
            judged["evaluation"] = values.pop("policy_loss", values.pop("total_loss", math.nan))
        if "accuracy" in values:
            judged["evaluation_accuracy"] = values.pop("accuracy")
    if "reward" in values and "step" not in values and (pairs.is_evaluation or names_evaluation(tuple(pairs.values))):
        judged["evaluation_return"] = values.pop("reward")
    # A score without a word for its data is of the evaluation that it stands beside, or that it is by itself.
    alone = not LOSSES & values.keys() or is_of_evaluation(score)
    if "score" in values and "evaluation_score" not in judged and (judged or alone):
        judged["evaluation_score"] = values["score"]
    return judged


@lru_cache(maxsize=1024)
def names_evaluation(names: Names) -> bool:
    """Return whether a counter is of evaluations: `eval_episode=3, episodic_return=271`."""
    return any(plain(name).startswith(("eval_", "evaluation_", "test_")) for name in names)


def _measure(log: LogFile, pairs: Pairs, meaning: dict[str, str], measured: dict[str, float], *, in_bar: bool) -> None:
    stream = log.stream
    if stream.client is None:
        stream.client = LOCAL if log.server_round is None else None
    if log.server_round is not None and stream.record is not None and stream.record.round != log.server_round:
        stream.record = None
        stream.position = StepPosition(per_epoch=stream.position.per_epoch, headings=stream.position.headings)
    if stream.number is None and stream.record is None and log.server_round is None:
        stream.number = 1
    position = stream.position
    epoch, printed = position.epoch, position.step
    step = _step(position, pairs, meaning, in_bar=in_bar)
    again = _is_less(position.epoch, epoch) or (position.epoch is None and _is_less(position.step, printed))
    if step <= position.last and stream.record is None:
        position.offset, position.last = -step, -1
        step = 0
    position.last = step
    log.add_measurements(step, measured)
    if log.stream.record is not None:
        parts = parts_never_zero(tuple(pairs.values))
        log.stream.record.count_parts({name: pairs.values[name] for name in parts})
        if again and len(log.stream.record.restarts) < MOST_RESTARTS:
            log.stream.record.restarts.append(log.stream.record.last_step)


def _is_less(value: float | None, than: float | None) -> bool:
    return value is not None and than is not None and value < than


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


def _evaluate(
    log: LogFile,
    judged: dict[str, float],
    rows: RowMemory,
    values: dict[str, float],
    score: str,
    number: int | None,
    dataset: str,
) -> None:
    epoch = values.get("epoch", log.stream.position.epoch)
    same = (dataset, number, epoch, log.stream.position.last, score, *judged.values())
    if same == rows.judged:
        return
    rows.judged = same
    if number is None:
        if values.get("step") == 0 and rows.evaluations == 0:
            number = 0
        else:
            rows.evaluations += 1
            number = rows.evaluations
            log.run.note("evaluations name no round: they are counted from 1")
    loss = judged.get("evaluation")
    metrics: dict[str, float] = {}
    if "evaluation_accuracy" in judged:
        metrics["accuracy"] = rows.shares.of("evaluation_accuracy", judged["evaluation_accuracy"])
    if "evaluation_score" in judged:
        metrics |= as_score(score, rows.shares.of(score, judged["evaluation_score"]))
    if math.isfinite(value := judged.get("evaluation_return", math.nan)):
        metrics[RETURN] = value
    log.add_evaluation(number, loss, dataset=dataset, missing=None if loss is not None else UNTOLD, metrics=metrics)


def _note(log: LogFile, rows: RowMemory, meaning: dict[str, str]) -> None:
    """Say what was taken for the step, the loss and the norm: one note that grows."""
    found = {column: name for name, column in meaning.items() if name in {*MEASURED, *COUNTS}}
    if found.keys() <= rows.names.keys() or len(rows.names) > MOST_NAMES:
        return
    rows.names |= found
    if rows.note in log.run.notes:
        log.run.notes.remove(rows.note)
    rows.note = "numbers were read by their names: " + ", ".join(
        f"{column} as {name}" for column, name in rows.names.items()
    )
    log.run.note(rows.note)
