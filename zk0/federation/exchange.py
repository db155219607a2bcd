"""Convert a policy's trainable tensors to Flower's records and back, by name.

On the wire they are one array, whose key in the record is the layout: names and shapes. Flower sends each array of a
record by requests of its own, at every hop; for the 77 tensors of the smallest policy these took 30 s a round.
"""

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import numpy as np
from flwr.app import Array, ArrayRecord
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter

from zk0.core.errors import PolicyError

if TYPE_CHECKING:  # 2 s, which a process that has arrays alone does not need
    from torch import Tensor

PACKED = "packed:"  # begins the key of the one array; the layout follows

LAYOUT = TypeAdapter(dict[str, list[Annotated[int, Field(ge=0)]]])

type Array32 = NDArray[np.float32]
type Arrays = dict[str, Array32]


def to_record(tensors: "Mapping[str, Tensor] | Mapping[str, Array32]") -> ArrayRecord:
    """Return a record of fp32 tensors, packed one after the other in the order of their names.

    Raises:
        PolicyError: a tensor is not fp32; lower precision would round local updates away.
    """
    arrays: Arrays = {}
    for name in sorted(tensors):
        value = tensors[name]
        array = value if isinstance(value, np.ndarray | np.generic) else value.detach().cpu().numpy()
        if array.dtype != np.float32:
            raise PolicyError(f"{name} is {array.dtype}; trainable tensors are exchanged as float32")
        arrays[name] = array
    return ArrayRecord({PACKED + layout_of(arrays): Array(flat(arrays))})


def to_arrays(record: ArrayRecord) -> Arrays:
    """Return a record's arrays by name, packed or not.

    Raises:
        ValueError: the packed numbers do not fit their layout, or it is none.
    """
    keys = list(record)
    if len(keys) != 1 or not keys[0].startswith(PACKED):
        return {name: record[name].numpy() for name in record}
    return shaped(record[keys[0]].numpy(), keys[0].removeprefix(PACKED))


def layout_of(arrays: Mapping[str, Array32]) -> str:
    """Return names and shapes as JSON, in the order of the names."""
    return json.dumps({name: arrays[name].shape for name in sorted(arrays)})


def flat(arrays: Mapping[str, Array32]) -> Array32:
    """Return all numbers of some arrays, one array after the other in the order of their names."""
    return np.concatenate([np.zeros(0, np.float32), *(arrays[name].reshape(-1) for name in sorted(arrays))])


def shaped(numbers: Array32, layout: str) -> Arrays:
    """Return the arrays of a layout, as views of all their numbers.

    Raises:
        ValueError: the numbers do not fit the layout, or it is none.
    """
    arrays: Arrays = {}
    begin = 0
    for name, shape in LAYOUT.validate_json(layout).items():
        end = begin + math.prod(shape)
        arrays[name] = numbers[begin:end].reshape(shape)
        begin = end
    if begin != numbers.size:
        raise ValueError(f"{numbers.size} numbers came, and their layout has {begin}")
    return arrays


def to_tensors(record: ArrayRecord) -> "dict[str, Tensor]":
    """Return a record's tensors by name, in memory of their own."""
    import torch

    # Flower's arrays are views of the message's bytes, which PyTorch must not write to.
    return {name: torch.from_numpy(array.copy()) for name, array in to_arrays(record).items()}
