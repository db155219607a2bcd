"""Compare a round's updates: numbers that allow to check an average without its tensors.

They are measured from the replies and the aggregate, not by the code that averages, so that a ledger shows when that
code is wrong. One tensor after the other, with sums in float64.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zk0.federation.aggregation import ClientUpdate, parts
from zk0.federation.exchange import Array32

MANTISSA = 23  # bits of a float32's fraction that are stored


@dataclass(frozen=True)
class Geometry:
    """Measurements of a round; norms are L2 over the tensors that the aggregate and the sent tensors share.

    `update_norms` and `cosines` are in the order of the updates; a cosine is between a client's update and the
    aggregate's, and None if either is zero. `deviation` is the distance between the aggregate and what the declared
    shares and trimming give, over the aggregate's update norm. `outside` is the share of values outside the clients'
    range. `bits` is how many bits of float32's fraction the aggregate uses: 23, or 7 if it went through bfloat16.
    """

    update_norm: float
    update_norms: list[float]
    cosines: list[float | None]
    deviation: float | None
    outside: float
    not_finite: int
    bits: int | None
    weight_norm: float


def measure(
    aggregate: Mapping[str, Array32],
    updates: Sequence[ClientUpdate],
    sent: Mapping[str, Array32],
    *,
    shares: Sequence[float] | None = None,
    trimmed: int = 0,
) -> Geometry:
    """Compare an aggregate with its updates and the tensors that were sent.

    `shares` are the updates' in the mean, by default those of their examples; with `trimmed` values left out at each
    end of every number, it is the mean of the others.
    """
    total = sum(update.weight for update in updates)
    shares = shares or [update.weight / total for update in updates]
    squares, dots = np.zeros(len(updates)), np.zeros(len(updates))
    moved = deviation = weight = 0.0
    outside = not_finite = values = 0
    fraction = np.uint32(0)
    names = sorted(aggregate.keys() & sent.keys())
    for name in names:
        fraction |= _fraction(aggregate[name])
    for mean, origin, *own in pieces([aggregate, sent, *(update.arrays for update in updates)], names):
        way, expected = mean - origin, np.zeros(mean.shape)
        low, high = np.full(mean.shape, np.inf), np.full(mean.shape, -np.inf)
        for number, (array, share) in enumerate(zip(own, shares, strict=True)):
            difference = array - origin
            squares[number] += difference @ difference
            dots[number] += difference @ way
            expected += array * share
            np.minimum(low, array, out=low)
            np.maximum(high, array, out=high)
        if trimmed:
            expected = np.partition(own, (trimmed, len(own) - trimmed - 1), axis=0)[trimmed:-trimmed].mean(axis=0)
        expected -= mean
        moved += float(way @ way)
        deviation += float(expected @ expected)
        weight += float(mean @ mean)
        outside += int(np.count_nonzero((mean < low) | (mean > high)))
        not_finite += mean.size - int(np.count_nonzero(np.isfinite(mean)))
        values += mean.size
    norms = np.sqrt(squares)
    return Geometry(
        update_norm=math.sqrt(moved),
        update_norms=norms.tolist(),
        cosines=[_cosine(dot, norm, math.sqrt(moved)) for dot, norm in zip(dots, norms, strict=True)],
        deviation=math.sqrt(deviation / moved) if moved > 0 else None,
        outside=outside / values if values else 0.0,
        not_finite=not_finite,
        bits=_bits(int(fraction)) if names else None,
        weight_norm=math.sqrt(weight),
    )


def pieces(sets: Sequence[Mapping[str, Array32]], names: Iterable[str]) -> Iterator[list[NDArray[np.float64]]]:
    """Yield the values of several sets of arrays side by side, a part of a tensor at a time."""
    for name in names:
        flat = [arrays[name].reshape(-1) for arrays in sets]
        for part in parts(flat[0].size):
            yield [array[part].astype(np.float64) for array in flat]


def _cosine(dot: float, left: float, right: float) -> float | None:
    product = float(left) * right
    return float(dot) / product if math.isfinite(product) and product > 0 else None


def _fraction(array: Array32) -> np.uint32:
    """Return the fraction bits that any value uses, as one word; all of them if the array is not float32."""
    everything = np.uint32(2**MANTISSA - 1)
    if array.dtype != np.float32 or not array.size:
        return everything if array.size else np.uint32(0)
    return np.uint32(np.bitwise_or.reduce(np.ascontiguousarray(array).view(np.uint32), axis=None) & everything)


def _bits(fraction: int) -> int:
    return MANTISSA - ((fraction & -fraction).bit_length() - 1) if fraction else 0
