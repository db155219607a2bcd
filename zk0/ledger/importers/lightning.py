"""Rules for Lightning's early stopping, of which a log without its bars has the best scores and the end.

Metric val_loss improved by 0.012 >= min_delta = 0.0. New best score: 0.147
"""

import re

from zk0.ledger.importers.logs import LogFile
from zk0.ledger.importers.metric_names import evaluation_scores, meanings
from zk0.ledger.importers.records import UNTOLD
from zk0.ledger.importers.rules import Rule, rule
from zk0.ledger.importers.run_builder import SERVER
from zk0.ledger.importers.score_names import Shares

NAME = "Lightning"
_COUNT = "Lightning's evaluations"  # what the log keeps


def _improved(log: LogFile, found: re.Match[str]) -> None:
    name, value = found[1], float(found[2])
    meaning = meanings([name])
    loss = value if "evaluation" in meaning else None
    scores = evaluation_scores({name: value}, meaning, Shares())
    if loss is None and not scores:
        return
    number = log.memory[_COUNT] = log.memory.get(_COUNT, 0) + 1
    log.run.note("early stopping prints the evaluations that were the best so far, and no others")
    log.add_evaluation(number, loss, dataset=SERVER, missing=None if loss is not None else UNTOLD, metrics=scores)


RULES: tuple[Rule, ...] = (
    rule(r"Metric (\S+) improved\b.*New best score: (-?[\d.]+(?:e[-+]?\d+)?)", _improved),
    rule(
        r"Monitored metric \S+ did not improve in the last \d+ records\..*Signaling Trainer to stop",
        lambda log, _: log.end_run(),
    ),
    rule(r"GPU available:"),
    rule(r"TPU available:"),
    rule(r"IPU available:"),
    rule(r"HPU available:"),
    rule(r"LOCAL_RANK: \d+ - CUDA_VISIBLE_DEVICES"),
)
