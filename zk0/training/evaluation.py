"""How good is a policy: its loss on frames nobody trained on, and its actions in closed loop.

SmolVLA's flow-matching loss draws noise and a time for each frame. Both are drawn here once a frame from a seed that
depends on the data set alone, so two evaluations of the same frames differ by the weights and by nothing else.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy

from zk0.training.dataset import IMAGES, STATE
from zk0.training.frames import Frames
from zk0.training.policy import Processors
from zk0.training.seeds import seed_of, seeded

BATCH = 32  # frames a forward pass; the loss of a frame does not depend on it


@torch.no_grad()
def evaluate_loss(
    policy: SmolVLAPolicy, processors: Processors, frames: Frames, *, seed: int, name: str, limit: int = 0
) -> tuple[float | None, int]:
    """Return the mean policy loss (dimensionless, over normalised actions) and the number of frames behind it.

    Args:
        policy: with the weights to judge.
        processors: with the federated statistics.
        frames: held-out frames.
        seed: of the run.
        name: of the data set; part of what the noise is drawn from.
        limit: at most so many frames, evenly spaced; 0 takes all.
    """
    indices = np.arange(len(frames))
    if 0 < limit < len(indices):
        indices = np.linspace(0, len(indices) - 1, limit).round().astype(int)
    plan = [[int(index) for index in indices[at : at + BATCH]] for at in range(0, len(indices), BATCH)]
    config = policy.config
    with seeded(seed, "evaluation", name):
        noise = torch.randn(len(indices), config.chunk_size, config.max_action_dim)
        # Any spread over (0, 1] is comparable; training's beta distribution is only about where learning pays.
        times = torch.rand(len(indices)) * 0.999 + 0.001
    policy.eval()
    total, count = 0.0, 0
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
        count += size
    return (total / count if count else None), count


def acting(policy: SmolVLAPolicy, processors: Processors, *, seed: int) -> Callable[[Any], np.ndarray]:
    """Return the policy as a function from an observation to an action chunk (horizon, 6) in the data set's units.

    The observation has `state` (6,), `images` {camera: (height, width, 3) 8-bit} and `task`, a sentence.
    """
    policy.eval()
    generator = torch.Generator().manual_seed(seed_of(seed, "acting"))
    shape = (1, policy.config.chunk_size, policy.config.max_action_dim)

    @torch.no_grad()
    def act(observation: Any) -> np.ndarray:
        policy.reset()
        batch: dict[str, Any] = {STATE: torch.as_tensor(observation.state), "task": observation.task}
        for name, image in observation.images.items():
            batch[f"{IMAGES}{name}"] = torch.as_tensor(image).permute(2, 0, 1).float() / 255
        noise = torch.randn(shape, generator=generator).to(policy.config.device)
        chunk = policy.predict_action_chunk(processors.before(batch), noise=noise)
        return processors.after(chunk)[0].numpy()

    return act
