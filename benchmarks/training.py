"""How long a training step and an action of the tiny policy take on this machine."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks import milliseconds
from zk0.project import cache_dir
from zk0.training.evaluation import acting
from zk0.training.loop import TrainingSettings, run_training_step, setup_training_components
from zk0.training.policy import build_policy, make_processors
from zk0.training.presets import TINY

BATCH = 16


@dataclass
class Seen:
    """An observation of nothing."""

    state: Any
    images: dict[str, Any]
    sentence: str = "Pick up the red cylinder."


def measure() -> Iterator[tuple[str, str]]:
    """Yield the time of a step with and without the proximal term, and of one action chunk."""
    policy = build_policy(TINY, cameras=("wrist", "overhead"), seed=0, cache=cache_dir())
    plain = {"mean": np.zeros(6), "std": np.ones(6)}
    processors = make_processors(policy, {"observation.state": plain, "action": plain})
    batch = {
        "observation.state": torch.randn(BATCH, 6),
        "observation.images.wrist": torch.rand(BATCH, 3, 96, 96),
        "observation.images.overhead": torch.rand(BATCH, 3, 96, 96),
        "action": torch.randn(BATCH, TINY.chunk, 6),
        "action_is_pad": torch.zeros(BATCH, TINY.chunk, dtype=torch.bool),
        "task": ["Pick up the red cylinder."] * BATCH,
    }
    for mu in (0.0, 0.01):
        settings = TrainingSettings(1e-3, 1e-4, 0, 0, 1000, 10.0, 1e-10, mu, 10, 0)
        components = setup_training_components(policy, processors, settings)

        def step(components: Any = components) -> None:
            run_training_step(components, dict(batch), step=0, measure=False)

        yield f"a step of batch {BATCH}, mu = {mu:g}", f"{milliseconds(step, runs=20):.1f} ms"
    image = np.zeros((96, 96, 3), dtype=np.uint8)
    seen = Seen(np.zeros(6, dtype=np.float32), {"wrist": image, "overhead": image})
    act = acting(policy, processors, seed=0)
    yield f"an action chunk of {TINY.chunk} steps", f"{milliseconds(lambda: act(seen), runs=10):.1f} ms"
