import numpy as np
import pytest

from zk0.tuning.measurements import Measurement


@pytest.fixture
def quadratic():
    """Return a federation of clients with quadratic losses, whose best mu is about 2.

    A small mu lets the clients run to their own optima, a large one holds them at the start of the round.
    """
    clients, dimensions, rounds, steps, rate = 4, 6, 8, 20, 0.1
    draw = np.random.default_rng(2)
    curvature = [draw.uniform(0.2, 2.0, dimensions) * draw.uniform(0.5, 2) for _ in range(clients)]
    optima = [draw.normal(0, 1.5, dimensions) for _ in range(clients)]
    start = draw.normal(0, 3, dimensions)
    best = sum(h * c for h, c in zip(curvature, optima, strict=True)) / sum(curvature)

    def common(weights):
        return float(np.mean([h @ (weights - c) ** 2 / 2 for h, c in zip(curvature, optima, strict=True)]))

    def measure(mu, seed):
        noise = np.random.default_rng(seed)
        weights = start
        for _ in range(rounds):
            ends = []
            for h, c in zip(curvature, optima, strict=True):
                local = weights
                for _ in range(steps):
                    gradient = h * (local - c) + noise.normal(0, 0.2, dimensions)
                    local = local - rate / (1 + rate * mu) * (gradient + mu * (local - weights))
                ends.append(local)
            weights = np.mean(ends, axis=0)
        excess = common(weights) - common(best)
        losses = {f"client-{number}": excess * (1 + number / 10) for number in range(clients)}
        return Measurement(mu=mu, seed=seed, losses=losses, steps=rounds * steps * clients)

    return measure


@pytest.fixture
def flat():
    """Return a federation on which mu has no influence: its losses differ by seed, and by noise of each run."""

    def measure(mu, seed):
        common = np.random.default_rng(seed).normal(0, 0.05)
        own = np.random.default_rng([seed, int(mu * 1e9) % 2**31]).normal(0, 0.01, 4)
        losses = {f"client-{number}": float(1 + common + value) for number, value in enumerate(own)}
        return Measurement(mu=mu, seed=seed, losses=losses, steps=100)

    return measure
