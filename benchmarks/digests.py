"""The speed of a digest of tensors, and what bounds it: SHA-256 on this processor; BLAKE2b is beside it."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import Measured, processor_seconds
from zk0.training.parameters import digest_of

SIZE = 50_000_000  # values of 4 bytes


def measure() -> Iterator[Measured | tuple[str, str]]:
    """Yield gigabytes a second of one thread's processor time."""
    tensors = {"w": np.random.default_rng(0).standard_normal(SIZE, dtype=np.float32)}
    content = tensors["w"].data
    ours, *others = (
        SIZE * 4 / 1e9 / min(times)
        for times in processor_seconds(
            lambda: digest_of(tensors),
            lambda: hashlib.sha256(content),
            lambda: hashlib.blake2b(content),
            runs=3,
        )
    )
    yield Measured("digest of tensors", ours, "GB/s", 5, at_least=True)
    for name, speed in zip(("SHA-256", "BLAKE2b"), others, strict=True):
        yield f"{name} alone", f"{speed:.2f} GB/s"
    info = Path("/proc/cpuinfo")
    known = "sha_ni" in info.read_text(encoding="utf-8") if info.exists() else "unknown"
    yield "this processor has instructions for SHA", str(known)
