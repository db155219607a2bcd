"""Rules for openpi's training: its losses are read by their names, its progress lines say how far it is to go.

Progress on: 200it/30.0kit rate:1.2it/s remaining:6:00:00 elapsed:02:10 postfix:-
"""

import re

from zk0.ledger.importers.logs import LogFile
from zk0.ledger.importers.rules import Rule, rule

NAME = "openpi"
_SCALE = {"": 1, "k": 1_000, "M": 1_000_000}


def _progress(log: LogFile, found: re.Match[str]) -> None:
    log.run.count("step", float(found[1]) * _SCALE[found[2]], float(found[3]) * _SCALE[found[4]])


RULES: tuple[Rule, ...] = (
    rule(r"Progress on: ([\d.]+)([kM]?)it/([\d.]+)([kM]?)it", _progress),
    rule(r"Initialized (?:data loader|train state)"),
    rule(r"Sharding"),
    rule(r"Restoring checkpoint"),
    rule(r"Saving checkpoint"),
    rule(r"Finished saving"),
)
