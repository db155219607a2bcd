"""Convert a policy's trainable tensors to Flower's records and back, by name."""

from collections.abc import Mapping

import numpy as np
import torch
from flwr.app import Array, ArrayRecord
from numpy.typing import NDArray
from torch import Tensor

from zk0.core.errors import PolicyError

type Array32 = NDArray[np.float32]
type Arrays = dict[str, Array32]


def to_record(tensors: Mapping[str, Tensor] | Mapping[str, Array32]) -> ArrayRecord:
    """Return a record of fp32 arrays, in the order of their names.

    Raises:
        PolicyError: a tensor is not fp32; lower precision would round local updates away.
    """
    arrays: dict[str, Array] = {}
    for name in sorted(tensors):
        value = tensors[name]
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else value
        if array.dtype != np.float32:
            raise PolicyError(f"{name} is {array.dtype}; trainable tensors are exchanged as float32")
        # NumPy makes a one-element vector of a contiguous scalar.
        arrays[name] = Array(np.ascontiguousarray(array).reshape(array.shape))
    return ArrayRecord(arrays)


def to_arrays(record: ArrayRecord) -> Arrays:
    """Return a record's arrays by name."""
    return {name: record[name].numpy() for name in record}


def to_tensors(record: ArrayRecord) -> dict[str, Tensor]:
    """Return a record's tensors by name, in memory of their own."""
    # Flower's arrays are views of the message's bytes, which PyTorch must not write to.
    return {name: torch.from_numpy(record[name].numpy().copy()) for name in record}
