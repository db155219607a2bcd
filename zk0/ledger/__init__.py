"""A federated run as numbers: one JSON Lines event per round and client."""

from zk0.ledger.reader import Ledger, read_ledger
from zk0.ledger.schema import (
    Aggregation,
    ClientData,
    Decision,
    Evaluation,
    Faults,
    Incident,
    IncidentKind,
    RejectedReply,
    Reply,
    Resources,
    RolloutResult,
    RunClosed,
    RunOpened,
    Setting,
    Training,
    short,
)
from zk0.ledger.writer import LedgerWriter

__all__ = [
    "Aggregation",
    "ClientData",
    "Decision",
    "Evaluation",
    "Faults",
    "Incident",
    "IncidentKind",
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
    "short",
]
