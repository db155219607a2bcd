"""The optimizer of a client's round: AdamW as in LeRobot, or Muon for the matrices and AdamW for the rest.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) makes all singular values of a matrix's update
about equal, so that a step also moves in directions in which the gradient is small. A policy of random weights learns
more of each step by it (docs/skill.md). It is meant for hidden matrices: embeddings, the head over words, convolutions
and vectors keep AdamW. Both are PyTorch's own, and both begin anew with each round.
"""

from typing import Literal

import torch
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
from torch import Tensor

from zk0.training.parameters import trainable_parameters

OptimizerName = Literal["adamw", "muon"]

NO_HIDDEN_MATRIX = ("embed", "lm_head")
# The size of a matrix's update is that of AdamW's (Liu et al. 2025, arXiv 2502.16982): one learning rate for both.
SAME_SIZE = "match_rms_adamw"


class PolicyOptimizer:
    """One learning rate, and an optimizer for each kind of tensor."""

    def __init__(self, parts: list[torch.optim.Optimizer]) -> None:
        self.parts = parts

    def set_learning_rate(self, rate: float) -> None:
        """Use this rate from the next step on."""
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = rate

    def step(self) -> None:
        """Move the parameters by their gradients."""
        for part in self.parts:
            part.step()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for part in self.parts:
            part.zero_grad()


def make_optimizer(
    policy: SmolVLAPolicy, name: OptimizerName, *, learning_rate: float, weight_decay: float
) -> PolicyOptimizer:
    """Return the optimizer of this name over the policy's trained tensors."""
    matrices = hidden_matrices(policy) if name == "muon" else []
    parts: list[torch.optim.Optimizer] = []
    if matrices:
        parts.append(torch.optim.Muon(matrices, lr=learning_rate, weight_decay=weight_decay, adjust_lr_fn=SAME_SIZE))
    moved = {id(value) for value in matrices}
    preset = policy.config.get_optimizer_preset()
    preset.lr, preset.weight_decay = learning_rate, weight_decay
    # All others, in the policy's own order, as LeRobot does: frozen ones have no gradient and are skipped.
    adamw = preset.build([value for value in policy.get_optim_params() if id(value) not in moved])
    for group in adamw.param_groups:
        group["fused"] = True  # one pass over all tensors: a tenth of the time on a CPU, where foreach is no default
    return PolicyOptimizer([*parts, adamw])


def hidden_matrices(policy: SmolVLAPolicy) -> list[Tensor]:
    """Return the trained matrices between the layers' inputs and outputs."""
    return [
        value
        for name, value in trainable_parameters(policy).items()
        if value.ndim == 2 and not any(part in name for part in NO_HIDDEN_MATRIX)  # noqa: PLR2004  a matrix
    ]
