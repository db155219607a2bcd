"""Messages between server and client beside the tensors: JSON in a ConfigRecord, validated on both sides."""

from collections.abc import Iterable
from typing import Any

from flwr.app import ConfigRecord, Message, Metadata, MetricRecord, RecordDict
from pydantic import BaseModel, ConfigDict

from zk0.ledger import ClientData, Training

ARRAYS = "arrays"  # Flower's own names, which its strategies and mods look for
CONFIG = "config"
METRICS = "metrics"
REPORT = "report"
WEIGHT = "num-examples"


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Introduction(_Message):
    """A client's answer before the first round: its data, its statistics and the digest of its frozen tensors."""

    data: ClientData
    statistics: dict[str, dict[str, list[float]]]
    frozen_digest: str


class Assignment(_Message):
    """The server's additions to Flower's train configuration (server-round, proximal-mu)."""

    digest: str
    statistics: dict[str, dict[str, list[float]]]


class RoundReport(_Message):
    """A client's report of a round; the tensors travel beside it."""

    training: Training


def pack(message: _Message) -> ConfigRecord:
    """Return a message as a record."""
    return ConfigRecord({"json": message.model_dump_json()})


def unpack[M: _Message](kind: type[M], records: RecordDict, key: str = REPORT) -> M:
    """Return the message in a record.

    Raises:
        KeyError: there is no such record.
        pydantic.ValidationError: it is not of this kind.
    """
    return kind.model_validate_json(str(records.config_records[key]["json"]))


def answerer(reply: Message, asked: Iterable[Metadata]) -> int:
    """Return the node that a reply stands for: for a client that is lost, the SuperLink answers in its place."""
    nodes = {metadata.message_id: metadata.dst_node_id for metadata in asked}
    return nodes.get(reply.metadata.reply_to_message_id, reply.metadata.src_node_id)


def metrics(**values: Any) -> MetricRecord:
    """Return numbers as a record, with Flower's hyphens."""
    return MetricRecord({name.replace("_", "-"): value for name, value in values.items()})
