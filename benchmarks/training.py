"""The time of a training step and an action of the tiny policy on this machine."""

from collections.abc import Iterator

from zk0.core.project import cache_dir
from zk0.training.timing import machine
from zk0.training.timing import measure as timed


def measure() -> Iterator[tuple[str, str]]:
    """Yield the time of a step with the proximal term, and of one action chunk."""
    found = timed("tiny", cameras=("wrist", "overhead"), batch_size=16, runs=20, seed=0, cache=cache_dir())
    yield f"on {machine()}", f"{found.runs} runs each"
    yield "a step of batch 16 with the proximal term", f"{found.step * 1000:.1f} ms"
    yield "an action chunk", f"{found.action * 1000:.1f} ms"
