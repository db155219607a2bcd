"""Random numbers that depend only on the run's seed and their purpose."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager


def seed_of(seed: int, *purpose: object) -> int:
    """Return a 63-bit seed for a purpose, e.g. `seed_of(7, "training", client, round)`."""
    text = "\0".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


@contextmanager
def seeded(seed: int, *purpose: object) -> Iterator[None]:
    """Seed PyTorch's global generators inside the block, and restore them afterwards."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed_of(seed, *purpose))
        yield
