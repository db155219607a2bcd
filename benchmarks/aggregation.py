"""The cost of checking and averaging replies, compared with Flower's unchecked average."""

from collections.abc import Iterator

import numpy as np
from flwr.app import MetricRecord, RecordDict
from flwr.serverapp.strategy.strategy_utils import aggregate_arrayrecords

from benchmarks import milliseconds
from zk0.federation.aggregation import ClientUpdate, split_updates, weighted_mean
from zk0.federation.exchange import to_record
from zk0.training.parameters import digest_of

CLIENTS, TENSORS, SIZE = 4, 10, 1_000_000


def measure() -> Iterator[tuple[str, str]]:
    """Yield the times for four clients of ten million parameters each."""
    generator = np.random.default_rng(0)
    sent = {f"t{number}": np.zeros(SIZE, dtype=np.float32) for number in range(TENSORS)}
    replies = [{name: generator.standard_normal(SIZE, dtype=np.float32) for name in sent} for _ in range(CLIENTS)]
    digest = digest_of(sent)
    updates = [
        ClientUpdate(f"c{number}", arrays, 1.0, digest, digest_of(arrays)) for number, arrays in enumerate(replies)
    ]
    records = [
        RecordDict({"arrays": to_record(arrays), "metrics": MetricRecord({"num-examples": 1})}) for arrays in replies
    ]
    checked = milliseconds(lambda: split_updates(updates, sent, digest), runs=3)
    averaged = milliseconds(lambda: weighted_mean(updates), runs=3)
    flower = milliseconds(lambda: aggregate_arrayrecords(records, "num-examples"), runs=3)
    yield (
        f"check {CLIENTS} replies of {TENSORS * SIZE / 1e6:.0f} M parameters (finite, shape, digest)",
        f"{checked:.0f} ms",
    )
    yield "average them in float64", f"{averaged:.0f} ms"
    yield "Flower's average in float32, unchecked", f"{flower:.0f} ms"
    yield "checked average / Flower's", f"{(checked + averaged) / flower:.1f}"
