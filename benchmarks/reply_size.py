"""The bytes that a client sends each round, beside those of the whole policy in float32.

The policy has the shape of SmolVLA's base; its update is noise, which no rounding compresses better than another.
"""

import time
from collections.abc import Iterator

import numpy as np

from benchmarks import Measured
from zk0.core.project import cache_dir
from zk0.federation.compression import UPDATE, compress
from zk0.federation.exchange import flat, layout_of, shaped
from zk0.training.parameters import trainable_parameters
from zk0.training.policy import build_policy
from zk0.training.presets import PRESETS


def measure() -> Iterator[Measured | tuple[str, str]]:
    """Yield the share of the whole policy that a reply has, by bits a value, and the time to compress it."""
    policy = build_policy(PRESETS["base-shape"], cameras=("wrist", "overhead"), seed=0, cache=cache_dir())
    whole = sum(value.numel() for value in policy.state_dict().values()) * 4
    sent = {name: value.detach().numpy() for name, value in trainable_parameters(policy).items()}
    way = np.random.default_rng(0).standard_normal(flat(sent).size, dtype=np.float32) * 1e-4
    trained = shaped(flat(sent) + way, layout_of(sent))
    yield "base-shape: the whole policy; its trained tensors", f"{whole / 1e6:,.0f} MB; {way.nbytes / 1e6:,.0f} MB"
    sizes = {}
    for bits in UPDATE:
        before = time.process_time()
        [array] = compress(trained, sent, {}, bits).record.values()
        taken = time.process_time() - before
        sizes[bits] = len(array.data)
        yield f"base-shape: a reply at {bits} bits", f"{sizes[bits] / 1e6:,.0f} MB, compressed in {taken:.1f} s"
    yield Measured("base-shape: reply at 8 bits / whole policy in fp32", sizes[8] / whole, "x", 1 / 16)
