"""A policy of a few thousand parameters with SmolVLA's interface, for a bench of hundreds of federated runs.

It is trained with the same flow-matching objective, has the same kinds of modules (frozen vision and language, a
trained expert with projections) under names by which zk0 tells them apart, and takes a millisecond a step where the
smallest SmolVLA takes 30. Everything around it is the product's own: server, strategy, client, loop, optimizer.
"""

from types import SimpleNamespace
from typing import Any

import torch
from lerobot.optim.optimizers import AdamWConfig
from torch import Tensor, nn

from zk0.training.policy import SMALLEST_DEVIATION, Processors
from zk0.training.seeds import seed_of, seeded

JOINTS, CHUNK, WIDTH = 6, 4, 24


class SmallPolicy(nn.Module):
    """Predicts the flow of an action chunk (batch, CHUNK, JOINTS) from state, a look at the picture and the task."""

    def __init__(self) -> None:
        super().__init__()
        self.config = SimpleNamespace(
            chunk_size=CHUNK,
            max_action_dim=JOINTS,
            n_action_steps=CHUNK,
            device="cpu",
            get_optimizer_preset=lambda: AdamWConfig(betas=(0.9, 0.95), eps=1e-8, grad_clip_norm=10.0),
        )
        self.vision_model = nn.Linear(3, WIDTH)
        self.text_model = nn.Embedding(64, WIDTH)
        self.state_proj = nn.Linear(JOINTS, WIDTH)
        self.action_in_proj = nn.Linear(CHUNK * JOINTS + 1, WIDTH)
        self.lm_expert = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU())
        self.action_out_proj = nn.Linear(WIDTH, CHUNK * JOINTS)
        for frozen in (self.vision_model, self.text_model):
            frozen.requires_grad_(requires_grad=False)

    def get_optim_params(self) -> Any:
        return self.parameters()

    def forward(
        self,
        batch: dict[str, Any],
        noise: Tensor | None = None,
        time: Tensor | None = None,
        reduction: str = "mean",
    ) -> tuple[Tensor, dict[str, Any]]:
        action, state = batch["action"], batch["observation.state"]
        noise = torch.randn_like(action) if noise is None else noise
        time = torch.rand(len(action)) if time is None else time
        mixed = time[:, None, None] * noise + (1 - time[:, None, None]) * action
        tasks = torch.tensor([seed_of(0, task) % 64 for task in batch["task"]])
        pictures = next(value for name, value in batch.items() if name.startswith("observation.images"))
        seen = self.state_proj(state) + self.vision_model(pictures.mean((2, 3))) + self.text_model(tasks)
        hidden = self.lm_expert(seen + self.action_in_proj(torch.cat([mixed.flatten(1), time[:, None]], dim=1)))
        error = (self.action_out_proj(hidden).view_as(action) - (noise - action)).square()
        losses = error.mean((1, 2))
        return (losses if reduction == "none" else losses.mean()), {}


def start(seed: int) -> SmallPolicy:
    """Return the start policy of a seed."""
    with seeded(seed, "small policy"):
        return SmallPolicy()


def processors(_: SmallPolicy, statistics: dict[str, dict[str, Any]], **_arguments: Any) -> Processors:
    """Return pipelines that normalise state and action, as LeRobot's do."""
    found = {
        name: (torch.tensor(values["mean"]).float(), torch.tensor(values["std"]).float().clamp(min=SMALLEST_DEVIATION))
        for name, values in statistics.items()
    }

    def before(batch: dict[str, Any]) -> dict[str, Any]:
        return batch | {name: (batch[name] - mean) / std for name, (mean, std) in found.items()}

    return Processors(before, lambda actions: actions)
