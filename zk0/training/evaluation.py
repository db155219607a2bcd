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

from zk0.training.dataset_inspection import ACTION, IMAGES, STATE
from zk0.training.frames import Frames
from zk0.training.policy import Processors
from zk0.training.seeds import seeded

BATCH = 32  # frames a forward pass; the loss of a frame does not depend on it


@torch.no_grad()
def evaluate_loss(
    policy: SmolVLAPolicy, processors: Processors, frames: Frames, *, seed: int, name: str, limit: int = 0
) -> tuple[float | None, int]:
    """Return the mean policy loss (dimensionless, over normalised actions) and the number of frames behind it.

    The noise depends on the run's seed and the data set's name; `limit` is the most frames, evenly spaced, 0 for all.
    """
    plan = _plan(frames, limit)
    count = sum(map(len, plan))
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


@torch.no_grad()
def evaluate_error(
    policy: SmolVLAPolicy, processors: Processors, frames: Frames, *, actions: int, limit: int = 0
) -> float | None:
    """Return the mean absolute error of the first `actions` actions of each chunk, in degrees (percent of the gripper).

    The chunks start from zero noise, which gives the most typical actions. Unlike the loss it does not depend on the
    statistics that a policy normalises with. `limit` is as in `evaluate_loss`; None where no frame can be decoded.
    """
    config = policy.config
    policy.eval()
    total, compared = 0.0, 0
    for batch in frames.batches(_plan(frames, limit)):
        if not batch.data.get("task"):
            continue
        wanted, padding = batch.data[ACTION][:, :actions], batch.data["action_is_pad"][:, :actions]
        policy.reset()
        noise = torch.zeros(len(wanted), config.chunk_size, config.max_action_dim, device=config.device)
        chunks = processors.after(policy.predict_action_chunk(processors.before(dict(batch.data)), noise=noise))
        off = (chunks[:, :actions].cpu() - wanted).abs()[~padding]
        total, compared = total + float(off.double().sum()), compared + off.numel()
    return total / compared if compared else None


def make_actor(policy: SmolVLAPolicy, processors: Processors) -> Callable[[Any], NDArray[np.float32]]:
    """Return the policy as a function from an observation to an action chunk (horizon, 6) in the data set's units.

    The observation has `state` (6,), `images` {camera: (height, width, 3) 8-bit} and `sentence`, the task in words.
    Flow matching starts from zeros, the middle of the noise: the same observation always gives the same actions.
    """
    policy.eval()
    config = policy.config
    noise = torch.zeros(1, config.chunk_size, config.max_action_dim, device=config.device)

    @torch.no_grad()
    def act(observation: Any) -> NDArray[np.float32]:
        policy.reset()
        batch: dict[str, Any] = {STATE: torch.as_tensor(observation.state), "task": observation.sentence}
        for name, image in observation.images.items():
            batch[f"{IMAGES}{name}"] = torch.as_tensor(image).permute(2, 0, 1).float() / 255
        chunk = policy.predict_action_chunk(processors.before(batch), noise=noise)
        actions: NDArray[np.float32] = processors.after(chunk)[0].numpy()
        return actions

    return act


def _plan(frames: Frames, limit: int) -> list[list[int]]:
    """Return batches of at most `limit` frames, evenly spaced; 0 for all."""
    count = min(limit, len(frames)) if limit else len(frames)
    indices = [int(index) for index in np.linspace(0, len(frames) - 1, count).round()]
    return [indices[at : at + BATCH] for at in range(0, count, BATCH)]
