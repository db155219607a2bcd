"""The cost of checking and averaging four replies of 100 M parameters, beside Flower's unchecked average and memcpy."""

import tracemalloc
from collections.abc import Iterator

import numpy as np
from flwr.app import MetricRecord, RecordDict
from flwr.serverapp.strategy.strategy_utils import aggregate_arrayrecords

from benchmarks import Measured, processor_seconds, ratio
from zk0.federation.aggregation import ClientUpdate, split_updates, weighted_mean
from zk0.federation.exchange import to_record
from zk0.training.parameters import digest_of

CLIENTS, TENSORS, SIZE = 4, 10, 10_000_000
BYTES = TENSORS * SIZE * 4  # of one reply


def measure() -> Iterator[Measured | tuple[str, str]]:
    """Yield ratios of processor time, the memory of the mean, and its distance from the mean in float64."""
    generator = np.random.default_rng(0)
    sent = {f"t{number}": np.zeros(SIZE, dtype=np.float32) for number in range(TENSORS)}
    replies = [{name: generator.standard_normal(SIZE, dtype=np.float32) for name in sent} for _ in range(CLIENTS)]
    digest = digest_of(sent)
    updates = [
        ClientUpdate(f"c{n}", arrays, float(n + 1), digest, digest_of(arrays)) for n, arrays in enumerate(replies)
    ]
    records = [
        RecordDict({"arrays": to_record(arrays), "metrics": MetricRecord({"num-examples": number + 1})})
        for number, arrays in enumerate(replies)
    ]
    buffer = np.empty(SIZE, dtype=np.float32)

    def copy() -> None:
        for arrays in replies:
            for array in arrays.values():
                np.copyto(buffer, array)

    checked, averaged, flower, copied = processor_seconds(
        lambda: split_updates(updates, sent, digest),
        lambda: weighted_mean(updates),
        lambda: aggregate_arrayrecords(records, "num-examples"),
        copy,
        runs=3,
    )
    both = [one + other for one, other in zip(checked, averaged, strict=True)]
    yield ratio("Flower's unchecked average of 4 x 100 M / ours with all checks", flower, both, 3, at_least=True)
    yield ratio("Flower's unchecked average / our average alone", flower, averaged, 3, at_least=True)
    yield "our average / copying the replies to a warm buffer", f"{ratio('', averaged, copied, 0).value:.1f} x"
    yield "of our time, SHA-256 and the other checks", f"{sum(checked) / sum(both):.0%}"
    yield Measured("memory of the average, of one model", _memory(updates) / BYTES, "models", 1.1)
    mean = weighted_mean(updates)["t0"]
    exact = sum(update.arrays["t0"].astype(np.float64) * (update.weight / 10) for update in updates)
    units = np.abs(mean.view(np.int32).astype(np.int64) - exact.astype(np.float32).view(np.int32))
    yield Measured("distance from the mean in float64, rounded", float(units.max()), "ulp", 1)


def _memory(updates: list[ClientUpdate]) -> int:
    tracemalloc.start()
    try:
        weighted_mean(updates)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
