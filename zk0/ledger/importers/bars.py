"""Bars of progress: tqdm's, Lightning's and Keras's, and the numbers in and behind them."""

import re
from collections.abc import Callable

from zk0.ledger.importers.logs import LogFile
from zk0.ledger.importers.pairs import Pairs

_BAR = re.compile(
    r"(?P<head>.{0,80}?)\b(?P<share>\d{1,3})%\|[^|]{0,400}\|\s*(?P<done>\d+)(?P<unit>[kKM]?)/"
    r"(?P<total>\d+)(?P<scale>[kKM]?)"
)
_KERAS = re.compile(r"\s*(?P<done>\d+)/(?P<total>\d+) (?:\[[=>.\s]+\]|━+|- \d+s(?= ))")
_AFTER_BAR = re.compile(r"[A-Za-z_\"']\s*[:=]\s*[\"']?[-+\d.n]")
_EPOCH_OF_BAR = re.compile(r"(?i)\bepochs?\W*(?P<epoch>\d+)(?:\s*/\s*(?P<total>\d+))?")
_THOUSANDS = {"": 1, "k": 1_000, "K": 1_000, "M": 1_000_000}


def take_bar(log: LogFile, text: str) -> int:
    """Return where a bar ends, 0 where there is none; its position is kept for the lines behind it."""
    found = _BAR.match(text)
    keras = None if found else _KERAS.match(text)
    match = found or keras
    if match is None:
        return 0
    position = log.stream.position
    done, total = float(match["done"]), float(match["total"])
    if found:
        done, total = done * _THOUSANDS[found["unit"]], total * _THOUSANDS[found["scale"]]
        head = found["head"].strip()
        epoch = _EPOCH_OF_BAR.search(head)
        if epoch:
            position.headings["epoch"] = float(epoch["epoch"])
            log.run.count("epoch", float(epoch["epoch"]), float(epoch["total"]) if epoch["total"] else None)
        if not epoch and head and not re.search(r"(?i)train|iter|step|epoch|fit|loss", head):
            return match.end()  # files, shards, tokens: known noise
    position.headings["step"] = done
    position.per_epoch = total
    return match.end()


def pairs_of_bar(text: str, end: int, find: Callable[[str], Pairs]) -> Pairs | None:
    """Return the numbers of a line whose bar ends there; None where it says nothing but its progress."""
    loss_in_bar = "oss" in text[:end]
    if not loss_in_bar and not _AFTER_BAR.search(text, end):
        return None
    pairs = find(_behind_bar(text[end:]))
    if loss_in_bar and not pairs.values:  # `1|20|Loss: 0.41:  10%|█ | 20/200`
        pairs = find(text[: text.rfind(":", 0, text.find("%|"))])
    if epoch := _EPOCH_OF_BAR.search(text, 0, end):
        pairs.values["epoch"] = float(epoch["epoch"])
    return pairs


def _behind_bar(text: str) -> str:
    """Return what a bar says in its brackets, or what was printed right behind it where that is a row."""
    inside, _, behind = text.partition("]")
    return behind if behind.lstrip()[:1] == "{" else inside if "[" in inside else text
