"""Convert a policy's trainable tensors to Flower's records and back, by name.

On the wire they are one array, whose key in the record is the layout: names and shapes. Flower sends each array of a
record by requests of its own, at every hop; for the 77 tensors of the smallest policy these took 30 s a round.
"""

import json
import math
from collections.abc import Mapping
from typing import Annotated

import numpy as np
import torch
from flwr.app import Array, ArrayRecord
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter
from torch import Tensor

from zk0.core.errors import PolicyError

PACKED = "packed:"  # begins the key of the one array; the layout follows

LAYOUT = TypeAdapter(dict[str, list[Annotated[int, Field(ge=0)]]])

type Array32 = NDArray[np.float32]
type Arrays = dict[str, Array32]


def to_record(tensors: Mapping[str, Tensor] | Mapping[str, Array32]) -> ArrayRecord:
    """Return a record of fp32 tensors, packed one after the other in the order of their names.

    Raises:
        PolicyError: a tensor is not fp32; lower precision would round local updates away.
    """
    arrays: Arrays = {}
    for name in sorted(tensors):
        value = tensors[name]
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else value
        if array.dtype != np.float32:
            raise PolicyError(f"{name} is {array.dtype}; trainable tensors are exchanged as float32")
        arrays[name] = array
    layout = json.dumps({name: array.shape for name, array in arrays.items()})
    packed = np.concatenate([array.reshape(-1) for array in arrays.values()]) if arrays else np.zeros(0, np.float32)
    return ArrayRecord({PACKED + layout: Array(packed)})


def to_arrays(record: ArrayRecord) -> Arrays:
    """Return a record's arrays by name, packed or not.

    Raises:
        ValueError: the packed numbers do not fit their layout, or it is none.
    """
    keys = list(record)
    if len(keys) != 1 or not keys[0].startswith(PACKED):
        return {name: record[name].numpy() for name in record}
    packed = record[keys[0]].numpy()
    arrays: Arrays = {}
    begin = 0
    for name, shape in LAYOUT.validate_json(keys[0].removeprefix(PACKED)).items():
        end = begin + math.prod(shape)
        arrays[name] = packed[begin:end].reshape(shape)
        begin = end
    if begin != packed.size:
        raise ValueError(f"{packed.size} numbers came, and their layout has {begin}")
    return arrays


def to_tensors(record: ArrayRecord) -> dict[str, Tensor]:
    """Return a record's tensors by name, in memory of their own."""
    # Flower's arrays are views of the message's bytes, which PyTorch must not write to.
    return {name: torch.from_numpy(array.copy()) for name, array in to_arrays(record).items()}
