"""A federated run as numbers: one JSON Lines event per round and client."""

from zk0.ledger.reader import Ledger, read_ledger
from zk0.ledger.schema import (
    Aggregation,
    ClientData,
    Evaluation,
    Faults,
    RejectedReply,
    Reply,
    Resources,
    RolloutResult,
    RunClosed,
    RunOpened,
    Setting,
    Training,
)
from zk0.ledger.writer import LedgerWriter

__all__ = [
    "Aggregation",
    "ClientData",
    "Evaluation",
    "Faults",
    "Ledger",
    "LedgerWriter",
    "RejectedReply",
    "Reply",
    "Resources",
    "RolloutResult",
    "RunClosed",
    "RunOpened",
    "Setting",
    "Training",
    "read_ledger",
]
