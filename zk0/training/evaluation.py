"""Evaluate a policy: its loss on held-out frames, and its actions in closed loop.

SmolVLA's flow-matching loss draws noise and a time for each frame. Both are drawn once per frame from a seed that
depends on the data set alone, so two evaluations of the same frames differ only by the weights.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
from numpy.typing import NDArray

from zk0.training.dataset_inspection import IMAGES, STATE
from zk0.training.frames import Frames
from zk0.training.policy import Processors
from zk0.training.seeds import seed_of, seeded

BATCH = 32  # frames a forward pass; the loss of a frame does not depend on it


@torch.no_grad()
def evaluate_loss(
    policy: SmolVLAPolicy, processors: Processors, frames: Frames, *, seed: int, name: str, limit: int = 0
) -> tuple[float | None, int]:
    """Return the mean policy loss (dimensionless, over normalised actions) and the number of frames behind it.

    The noise depends on the run's seed and the data set's name; `limit` is the most frames, evenly spaced, 0 for all.
    """
    count = min(limit, len(frames)) if limit else len(frames)
    indices = [int(index) for index in np.linspace(0, len(frames) - 1, count).round()]
    plan = [indices[at : at + BATCH] for at in range(0, count, BATCH)]
    config = policy.config
    with seeded(seed, "evaluation", name):
        noise = torch.randn(count, config.chunk_size, config.max_action_dim)
        # Any spread over (0, 1] is comparable; training's beta distribution only says where learning pays.
        times = torch.rand(count) * 0.999 + 0.001
    policy.eval()
    total, evaluated = 0.0, 0
    for at, batch in enumerate(frames.batches(plan)):
        size = len(batch.data.get("task", ()))
        if not size:
            continue
        begin = at * BATCH
        losses, _ = policy.forward(
            processors.before(dict(batch.data)),
            noise=noise[begin : begin + size].to(config.device),
            time=times[begin : begin + size].to(config.device),
            reduction="none",
        )
        total += float(losses.double().sum())
        evaluated += size
    return (total / evaluated if evaluated else None), evaluated


def make_actor(policy: SmolVLAPolicy, processors: Processors, *, seed: int) -> Callable[[Any], NDArray[np.float32]]:
    """Return the policy as a function from an observation to an action chunk (horizon, 6) in the data set's units.

    The observation has `state` (6,), `images` {camera: (height, width, 3) 8-bit} and `sentence`, the task in words.
    """
    policy.eval()
    generator = torch.Generator().manual_seed(seed_of(seed, "acting"))
    shape = (1, policy.config.chunk_size, policy.config.max_action_dim)

    @torch.no_grad()
    def act(observation: Any) -> NDArray[np.float32]:
        policy.reset()
        batch: dict[str, Any] = {STATE: torch.as_tensor(observation.state), "task": observation.sentence}
        for name, image in observation.images.items():
            batch[f"{IMAGES}{name}"] = torch.as_tensor(image).permute(2, 0, 1).float() / 255
        noise = torch.randn(shape, generator=generator).to(policy.config.device)
        chunk = policy.predict_action_chunk(processors.before(batch), noise=noise)
        actions: NDArray[np.float32] = processors.after(chunk)[0].numpy()
        return actions

    return act
