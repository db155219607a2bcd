"""Two models of the same shape and other values, with foreign get and set around each."""

import copy
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from zk0.core.verdicts import Evidence
from zk0.probes.inside.bench import Scene
from zk0.probes.inside.pairs import Pair, Parcel, Side, array, items

DIGITS = 16  # of a digest, to tell and to read


@dataclass(frozen=True)
class Sides:
    """Two models of the same shape and other values, with the code around each, and what left the first."""

    sender: Side
    receiver: Side
    sent: Parcel


def digest(parcel: Parcel) -> str:
    """Return a digest over names, dtypes, shapes and values."""
    found = hashlib.sha256()
    for name, value in items(parcel):
        values = array(value)
        found.update(f"{name} {dtype_of(value)} {values.shape} ".encode() + np.ascontiguousarray(values).tobytes())
    return found.hexdigest()[:DIGITS]


def exchanged(pair: Pair) -> Sides:
    """Send from one model to the other."""
    sender, receiver = side_of(pair, 0), side_of(pair, 1)
    sent = copy.deepcopy(sender.get())
    receiver.set(copy.deepcopy(sent))
    return Sides(sender, receiver, sent)


def side_of(pair: Pair, number: int, change: Callable[[nn.Module], Any] = lambda _: None) -> Side:
    """Return a side whose model has values of its own, batch norm's counter too."""
    scene = Scene(0.0, distance=0.3 * (number + 1), dtype=torch.float32, moved="buffers")
    scene.depart()
    change(scene.model)
    return pair.side(scene)


def state_of(model: nn.Module) -> dict[str, Any]:
    """Return a model's tensors, as they are now."""
    return {name: array(value).copy() for name, value in model.state_dict().items()}


def dtype_of(value: Any) -> str:
    """Return a tensor's or array's dtype as text."""
    return str(value.dtype).removeprefix("torch.") if hasattr(value, "dtype") else type(value).__name__


def differ(name: str, one: Any, other: Any) -> tuple[Evidence, Evidence]:
    """Return the two numbers that differ most, or the shapes."""
    values, others = array(one), None if other is None else array(other)
    if others is None or values.shape != others.shape:
        return (
            Evidence(name=f"{name} sent", value=str(values.shape)),
            Evidence(name="arrived", value=str(None if others is None else others.shape)),
        )
    place = np.unravel_index(int(np.argmax(np.abs(values.astype(float) - others))), values.shape)
    where = f"{name}[{', '.join(str(int(index)) for index in place)}]"
    return (
        Evidence(name=f"{where} sent", value=float(values[place])),
        Evidence(name="arrived", value=float(others[place])),
    )
