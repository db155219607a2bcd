"""One client's training."""

import torch
from torch import nn


def setup_training_components(net: nn.Module, lr: float):
    """Return the optimizer."""
    return torch.optim.SGD(net.parameters(), lr=lr)


def run_training_step(net: nn.Module, optimizer, x, y, reference, mu: float):
    """Train on one batch with FedProx's term in the objective."""
    loss = nn.functional.mse_loss(net(x), y)
    pairs = zip(net.parameters(), reference, strict=True)
    proximal = mu / 2 * sum(((weight - origin) ** 2).sum() for weight, origin in pairs)
    optimizer.zero_grad()
    (loss + proximal).backward()
    optimizer.step()
    return loss.item(), proximal.item()


def run_training_loop(net: nn.Module, optimizer, batches, reference, mu: float):
    """Train on all batches."""
    return [run_training_step(net, optimizer, x, y, reference, mu) for x, y in batches]


def fit_locally(net: nn.Module, batches, global_weights, mu: float, lr: float = 0.05):
    """Train on all batches and return what is to be logged."""
    reference = [weight.detach().clone() for weight in global_weights]
    optimizer = setup_training_components(net, lr)
    return run_training_loop(net, optimizer, batches, reference, mu)
