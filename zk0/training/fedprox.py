"""FedProx's proximal term, in the gradient.

Li et al., "Federated Optimization in Heterogeneous Networks" (2020), equation 2: a client minimises
F(w) + mu/2 * ||w - w_round||^2 over the tensors it trains. The gradient of the second part is mu * (w - w_round). It
is added in closed form after the backward pass and before clipping and the optimizer step. A term computed after the
step changes nothing but the logged loss; `docs/fedprox.md` shows how that was once mistaken for an explosion.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

PART = 2**16  # values at a time: the difference stays in a core's cache


@dataclass(frozen=True)
class ProximalTerm:
    """The term of one client and one round."""

    parameters: Sequence[Tensor]  # the trained ones, whose values now are the round's reference
    mu: float  # dimensionless, at least 0. With 0 no gradient is touched: FedAvg to the last bit
    reference: list[Tensor] = field(init=False)

    def __post_init__(self) -> None:
        # Own storage: an alias of the parameters would move with them, and the term would be zero for ever.
        object.__setattr__(self, "reference", [value.detach().clone() for value in self.parameters])

    @torch.no_grad()
    def add_gradient(self) -> None:
        """Add mu * (w - w_round) to the gradients in place; exactly zero where w is still w_round."""
        if self.mu == 0:
            return
        for value, origin in zip(self.parameters, self.reference, strict=True):
            # A tensor without a gradient has not moved, and would not be moved by a zero either.
            if value.grad is not None:
                _add_difference(value.grad, value, origin, self.mu)

    @torch.no_grad()
    def drift(self) -> float:
        """Return ||w - w_round||, the L2 distance from the round's start."""
        pairs = zip(self.parameters, self.reference, strict=True)
        norms = torch.stack([torch.linalg.vector_norm(value - origin) for value, origin in pairs])
        return float(norms.double().square().sum().sqrt())

    def value(self, drift: float) -> float:
        """Return mu/2 * drift^2."""
        return self.mu / 2 * drift**2


def _add_difference(gradient: Tensor, value: Tensor, origin: Tensor, mu: float) -> None:
    """Add mu * (value - origin), a part at a time; a difference of the whole would cost its memory, and the cache."""
    # Subtracting first keeps the small difference exact; mu * w - mu * w_round would round it away.
    whole = (gradient, value, origin)
    if gradient.device.type != "cpu" or not all(tensor.is_contiguous() for tensor in whole):
        gradient.add_(value - origin, alpha=mu)
        return
    flat = [tensor.view(-1) for tensor in whole]
    for begin in range(0, gradient.numel(), PART):
        part, moved, start = (tensor[begin : begin + PART] for tensor in flat)
        part.add_(moved - start, alpha=mu)
