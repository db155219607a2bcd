"""The metrics that Flower prints: an evaluation's, the means of all clients, and its history of both."""

import ast
import re

from zk0.ledger.importers.logs import EVALUATING, LogFile
from zk0.ledger.importers.metric_names import (
    SERIES,
    evaluation_loss,
    evaluation_scores,
    meaning_of,
    meanings,
    parse_number,
    training_summary,
)
from zk0.ledger.importers.records import NOT_FINITE, UNTOLD
from zk0.ledger.importers.rules import Taken
from zk0.ledger.importers.run_builder import SERVER
from zk0.ledger.importers.score_names import Shares

CENTRALIZED = "history of the server"  # a phase of the log
HISTORY_OF_FIT = "history of the training"
HISTORY_OF_CLIENTS = "history of the clients"
CLIENTS = "clients"  # the evaluation that clients do and the server averages
AVERAGE = "mean of all clients"
NUMBER = r"(-?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|nan|inf))"
_HISTORY = re.compile(
    r"[\"'](?P<name>[\w/ .-]+)[\"']: \["
    r"|\((?P<round>\d+), (?:np\.float\d+\()?(?P<value>-?\d+\.?\d*(?:[eE][-+]?\d+)?|nan|inf)\)"
)
# How NumPy and PyTorch print a number within a dict: `np.float64(0.91)`, `tensor(0.91, device='cuda:0')`.
_WRAPPED = re.compile(rf"(?:(?:np|numpy)\.)?(?:float|int)\d+\({NUMBER}\)|tensor\({NUMBER}[^()]*\)")
_NO_NUMBER = re.compile(r"(?<![\w'\"])-?(?:nan|inf)\b")
_NAME, _SHARES = "Flower's metric", "Flower's scores"  # what the log keeps: the name in a history, percent or shares


def mapping(text: str) -> dict[str, object]:
    """Return a Python dict as it was printed, None for what is not finite; empty where it is none or was cut off."""
    numbers = _WRAPPED.sub(lambda found: found[1] or found[2], text)
    try:
        found = ast.literal_eval(_NO_NUMBER.sub("None", numbers))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return {}
    return {str(key): value for key, value in found.items()} if isinstance(found, dict) else {}


def progress(log: LogFile, found: re.Match[str]) -> None:
    """Take `fit progress: (round, loss, {metrics}, seconds)`: the server's evaluation."""
    log.enter_round(int(found[1]))
    log.add_evaluation(int(found[1]), float(found[2]), dataset=SERVER, metrics=_scores(log, mapping(found[3] or "")))


def evaluated(log: LogFile, number: int | None, text: str, dataset: str = SERVER) -> None:
    """Take the metrics of an evaluation: its loss and its scores."""
    values = mapping(text)
    key, loss = evaluation_loss(values)
    scores = _scores(log, values)
    if number is None or (key is None and not scores):
        return
    if key is not None:
        log.run.note(f"the loss of an evaluation is read from {key!r}")
    missing = None if loss is not None else UNTOLD if key is None else NOT_FINITE
    log.add_evaluation(number, loss, dataset=dataset, missing=missing, metrics=scores)


def aggregated(log: LogFile, found: re.Match[str]) -> None:
    """Take what the server averages over the clients: of their evaluation, or of their training."""
    if log.server_round is None:
        return
    if log.phase == EVALUATING:
        evaluated(log, log.server_round, found[1], CLIENTS)
        return
    summary = training_summary(mapping(found[1]))
    if summary and (AVERAGE, log.server_round) not in log.run.trainings:
        record = log.run.training(AVERAGE, log.server_round, file=f"{log.source.name} (means)", at=log.at)
        record.summarise(summary, None)


def history_round(log: LogFile, found: re.Match[str]) -> None:
    """Take a line of the history of losses."""
    log.run.add_evaluation(int(found[1]), float(found[2]), at=log.at, dataset=_dataset(log))


def printed_history(log: LogFile, found: re.Match[str]) -> None:
    """Take `app_fit: metrics_centralized {'accuracy': [(0, 0.1), (1, 0.4)]}`, one line of Flower before 1.8."""
    before = log.phase
    log.phase = {"centralized": CENTRALIZED, "distributed": HISTORY_OF_CLIENTS}.get(found[1], HISTORY_OF_FIT)
    read_history(log, found[2])
    log.phase = before


def read_history(log: LogFile, text: str) -> Taken:
    """Take metrics of Flower's summary: `{'train_loss': [(1, 2.3), (2, 1.9)],`, over as many lines as it needs."""
    if not log.phase.startswith("history"):
        return Taken.no
    found = False
    for match in _HISTORY.finditer(text):
        if match["name"]:
            log.memory[_NAME] = match["name"]
            continue
        found = True
        number, value, name = int(match["round"]), float(match["value"]), log.memory.get(_NAME, "")
        meaning = meaning_of(name)
        if log.phase == HISTORY_OF_FIT and meaning in SERIES:
            known = log.run.trainings.get((AVERAGE, number))
            record = known or log.run.training(AVERAGE, number, file=f"{log.source.name} (means)", at=log.at)
            record.summarise({meaning: value}, None)
        elif meaning in ("evaluation", "policy_loss"):
            log.run.add_evaluation(number, value, at=log.at, dataset=_dataset(log))
        elif scores := _scores(log, {name: value}):
            log.run.add_evaluation(number, None, at=log.at, dataset=_dataset(log), metrics=scores)
    return Taken.understood if found else Taken.no


def _dataset(log: LogFile) -> str:
    return SERVER if log.phase == CENTRALIZED else CLIENTS


def _scores(log: LogFile, values: dict[str, object]) -> dict[str, float]:
    """Return the accuracy and the score of an evaluation, which names them as a training does."""
    numbers = {name: value for name, value in values.items() if parse_number(value) is not None}
    found = meanings(list(numbers))
    if "accuracy" in found:
        found.setdefault("evaluation_accuracy", found["accuracy"])
    return evaluation_scores(numbers, found, log.memory.setdefault(_SHARES, Shares()))
