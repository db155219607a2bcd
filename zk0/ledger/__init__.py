"""A federated run as numbers: one JSON Lines event per round and client."""

from zk0.ledger.log_events import (
    EvaluationReplies,
    Incident,
    IncidentKind,
    LogProgress,
    LogRead,
    RaisedException,
)
from zk0.ledger.reader import Ledger, read_ledger
from zk0.ledger.schema import (
    Aggregation,
    AggregationRule,
    ClientData,
    Decision,
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
    short,
)
from zk0.ledger.writer import LedgerWriter

__all__ = [
    "Aggregation",
    "AggregationRule",
    "ClientData",
    "Decision",
    "Evaluation",
    "EvaluationReplies",
    "Faults",
    "Incident",
    "IncidentKind",
    "Ledger",
    "LedgerWriter",
    "LogProgress",
    "LogRead",
    "RaisedException",
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
