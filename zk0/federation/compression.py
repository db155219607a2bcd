"""Fewer bytes from client to server: a client's update in 16 or 8 bits a value.

What a client changed is small beside its tensors and needs fewer digits, so the update is rounded and not the tensors.
What rounding loses is added to the client's next update (error feedback, Seide et al. 2014; Karimireddy et al. 2019,
https://arxiv.org/abs/1901.09847), so nothing is lost for good. 16 bits are bfloat16. 8 bits are whole numbers from
-127 to 127 times one float32 scale for each block of values, so that one large value costs its own block its digits
and no other (Dettmers et al. 2022, https://arxiv.org/abs/2110.02861).

Client and server decode the same bytes, so a client can state the digest of what the server will have.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from flwr.app import Array, ArrayRecord
from numpy.typing import NDArray

from zk0.federation.exchange import Array32, Arrays, flat, layout_of, shaped, to_arrays

FULL = 32  # bits of a value that is not compressed
UPDATE = {16: "update16:", 8: "update8:"}  # begins the key of the one array, by bits a value; the layout follows
BLOCK = 256  # values with one scale, which takes 4 bytes
LARGEST = 127  # of 8 bits with a sign: as many steps below zero as above


@dataclass(frozen=True)
class CompressedUpdate:
    """An update as it travels, what the receiver makes of it, and what rounding lost."""

    record: ArrayRecord
    received: Arrays
    lost: Arrays


def compress(
    trained: Mapping[str, Array32], sent: Mapping[str, Array32], lost: Mapping[str, Array32], bits: int
) -> CompressedUpdate:
    """Compress the way from `sent` to `trained`, and what rounding the update before it `lost`, if there was one.

    All are float32 by name, of the same names and shapes; `bits` a value are 16 or 8.
    """
    layout, origin = layout_of(sent), flat(sent)
    wanted = flat(trained) - origin
    if lost:
        wanted += flat(lost)
    packed = _to_bfloat16(wanted) if bits == 16 else _to_int8(wanted)  # noqa: PLR2004
    update = _decoded(packed, bits, origin.size)
    record = ArrayRecord({UPDATE[bits] + layout: Array(packed)})
    with np.errstate(invalid="ignore"):
        # A value that is not finite is refused by the server; kept, it would spoil every update that follows.
        lost_now = np.nan_to_num(wanted - update, copy=False, nan=0, posinf=0, neginf=0)
    return CompressedUpdate(record, shaped(origin + update, layout), shaped(lost_now, layout))


def received_arrays(record: ArrayRecord, sent: Mapping[str, Array32]) -> Arrays:
    """Return the tensors of a reply to `sent`, compressed or not.

    Raises:
        ValueError: the numbers do not fit their layout, or it is not that of what was sent.
    """
    [key, *others] = list(record) or [""]
    bits = next((bits for bits, prefix in UPDATE.items() if key.startswith(prefix)), None)
    if bits is None or others:
        return to_arrays(record)
    layout = key.removeprefix(UPDATE[bits])
    if json.loads(layout) != json.loads(layout_of(sent)):
        raise ValueError("an update of other tensors than those that were sent")
    origin = flat(sent)
    return shaped(origin + _decoded(record[key].numpy(), bits, origin.size), layout)


def _decoded(packed: NDArray[np.uint8], bits: int, size: int) -> Array32:
    """Return the numbers of an update.

    Raises:
        ValueError: there are more or fewer than `size`.
    """
    scales = -(-size // BLOCK) if bits == 8 else 0  # noqa: PLR2004
    if packed.dtype != np.uint8 or packed.size != size * bits // 8 + 4 * scales:
        raise ValueError(f"{packed.size} bytes of {packed.dtype} are no update of {size} numbers")
    if not scales:
        return (packed.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    values = packed[:size].view(np.int8).astype(np.float32)
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite stays so, and the server refuses it
        values *= np.repeat(packed[size:].copy().view(np.float32), BLOCK)[:size]
    return values


def _to_bfloat16(values: Array32) -> NDArray[np.uint8]:
    """Round float32 to the nearest bfloat16, to even where two are as near."""
    words = values.view(np.uint32)
    rounded = (words + (0x7FFF + (words >> 16 & 1))) >> 16
    rounded[np.isnan(values)] = 0x7FC0  # rounding could turn one into a number
    return rounded.astype(np.uint16).view(np.uint8)


def _to_int8(values: Array32) -> NDArray[np.uint8]:
    """Round float32 to whole steps of its block's scale; the scales follow the steps."""
    padded = np.zeros(-(-values.size // BLOCK) * BLOCK, np.float32)
    padded[: values.size] = values
    blocks = padded.reshape(-1, BLOCK)
    scales = np.abs(blocks).max(axis=1, initial=0) / np.float32(LARGEST)
    with np.errstate(invalid="ignore", divide="ignore"):
        steps = np.rint(blocks / scales[:, None])
    codes = np.nan_to_num(steps, posinf=LARGEST, neginf=-LARGEST).astype(np.int8).reshape(-1)[: values.size]
    return np.concatenate([codes.view(np.uint8), scales.view(np.uint8)])
