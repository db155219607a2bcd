"""How many threads PyTorch computes with: one for a small policy, as many as it takes for others.

Measured on two cores, a step of the tiny policy takes as long with one thread as with two; beside other programs it
takes many times as long with two, since OpenMP's threads wait for each other by spinning (docs/performance.md). Another
number of threads also adds numbers up in another order, so with one the results don't depend on the number of cores.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zk0.federation.configuration import RunConfig

SMALL_PRESETS = ("tiny", "small")  # built from a shape, offline
SMALL_FILE = 256 * 1024**2  # bytes of weights of a start policy that is small


def needs_one_thread(config: RunConfig) -> bool:
    """Return whether a run's policy is small, and trained on a CPU."""
    return config.resolved_device() == "cpu" and _is_small(config)


@contextmanager
def threads_for(config: RunConfig) -> Iterator[None]:
    """Compute with as many threads in the block as a run's policy makes use of."""
    import torch

    before = torch.get_num_threads()
    if needs_one_thread(config):
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _is_small(config: RunConfig) -> bool:
    if config.backbone or (config.policy and not Path(config.policy).is_dir()):
        return False  # a backbone of somebody else, or a policy of the hub
    if config.policy:
        return sum(file.stat().st_size for file in Path(config.policy).glob("*.safetensors")) <= SMALL_FILE
    return config.preset in SMALL_PRESETS
