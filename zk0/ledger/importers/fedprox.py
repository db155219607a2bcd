"""Rules for the reference code of FedProx (Li et al. 2020) and its many forks, whose server prints each round.

    At round 12 accuracy: 0.7419
    At round 12 training accuracy: 0.7302
    At round 12 training loss: 0.8127

The accuracy without a word before it is that of the clients' test data. The other two lines are read by their names.
"""

import math
import re

from zk0.ledger.importers.logs import LogFile
from zk0.ledger.importers.pairs import NUMBER
from zk0.ledger.importers.records import UNTOLD
from zk0.ledger.importers.rules import Rule, rule
from zk0.ledger.importers.run_builder import SERVER

NAME = "FedProx"


def _tested(log: LogFile, found: re.Match[str]) -> None:
    number, value = int(found["round"]), float(found["value"])
    log.enter_round(number)
    metrics = {"accuracy": value} if math.isfinite(value) else {}
    log.add_evaluation(number, None, dataset=SERVER, missing=UNTOLD, metrics=metrics)


RULES: tuple[Rule, ...] = (rule(rf"At round (?P<round>\d+) (?:test(?:ing)? )?accuracy: (?P<value>{NUMBER})", _tested),)
