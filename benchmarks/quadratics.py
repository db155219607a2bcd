"""Federations of clients with quadratic losses: runs of a millisecond, with the expected loss of any mu known exactly.

A client's loss is h/2 (w - c)^2 in every dimension, its gradient has noise, and FedProx's step is implicit in mu, so
that no mu diverges. A small mu lets the clients run to their own optima, a large one holds them at the round's start.
All are judged by the mean loss: with data of their own only, what is best for the mean would be worse for some of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from zk0.tuning.measurements import Measurement

CLIENTS, DIMENSIONS = 4, 6
HIGHEST = 10.0  # mu where all tuners begin
GRID = np.concatenate([[0.0], np.geomspace(HIGHEST / 1000, HIGHEST, 601)])

type Array = NDArray[np.float64]


@dataclass(frozen=True)
class Quadratic:
    """A federation, drawn from its number; arrays are (client, dimension)."""

    number: int

    @cached_property
    def _drawn(self) -> tuple[Array, Array, Array, float]:
        """Curvatures, optima, start weights and the noise of a gradient."""
        draw = np.random.default_rng(self.number)
        curvature = draw.uniform(0.2, 2.0, (CLIENTS, DIMENSIONS)) * draw.uniform(0.5, 2.0, (CLIENTS, 1))
        optima = draw.normal(0, draw.uniform(0.5, 2.0), (CLIENTS, DIMENSIONS))
        return curvature, optima, draw.normal(0, 3, DIMENSIONS), draw.uniform(0.5, 2.0)

    @cached_property
    def _schedule(self) -> tuple[int, int, float]:
        """Rounds, steps of a round, learning rate."""
        draw = np.random.default_rng([self.number, 1])
        return int(draw.integers(4, 13)), int(draw.integers(5, 31)), float(draw.uniform(0.03, 0.1))

    @cached_property
    def _centre(self) -> Array:
        curvature, optima, *_ = self._drawn
        return (curvature * optima).sum(axis=0) / curvature.sum(axis=0)

    @property
    def rounds(self) -> int:
        """Rounds of a run."""
        return self._schedule[0]

    @property
    def steps(self) -> int:
        """Optimizer steps of a client in a round."""
        return self._schedule[1]

    @property
    def batch_noise(self) -> float:
        """Standard deviation of the loss between batches."""
        return self._drawn[3]

    def train(self, mu: float, rng: np.random.Generator, rounds: int | None = None) -> Iterator[float]:
        """Yield the loss above the lowest possible one after every round."""
        curvature, optima, weights, noise = self._drawn
        _, steps, rate = self._schedule
        step = rate / (1 + rate * mu)
        for _ in range(rounds or self.rounds):
            local = np.broadcast_to(weights, curvature.shape)
            for blow in rng.normal(0, noise, (steps, CLIENTS, DIMENSIONS)):
                local = local - step * (curvature * (local - optima) + blow + mu * (local - weights))
            weights = local.mean(axis=0)
            yield float((curvature * (weights - self._centre) ** 2 / 2).sum(axis=1).mean())

    def measure(self, mu: float, seed: int, *, label: float = 0.0) -> Measurement:
        """Run it once; equal seeds give equal noise, except under another label."""
        *_, loss = self.train(mu, np.random.default_rng([self.number, seed, round(label * 1e9)]))
        named = {f"client-{number}": loss * (1 + number / 10) for number in range(CLIENTS)}
        return Measurement(mu=mu, seed=seed, losses=named, steps=self.rounds * self.steps * CLIENTS)

    def expected(self, mu: float) -> float:
        """Return the expected loss above the lowest one; mean and variance of the weights follow a recursion."""
        curvature, optima, mean, noise = self._drawn
        rounds, steps, rate = self._schedule
        step = rate / (1 + rate * mu)
        decay = 1 - step * (curvature + mu)  # of the distance from the local fixed point, each step
        whole = decay**steps
        pull = whole + (1 - whole) * mu / (curvature + mu)  # of the round's start on its end
        blows = (step * noise) ** 2 * (1 - whole**2) / (1 - decay**2)
        variance = np.zeros(DIMENSIONS)
        for _ in range(rounds):
            ends = pull * mean + (1 - whole) * curvature / (curvature + mu) * optima
            mean, variance = ends.mean(axis=0), pull.mean(axis=0) ** 2 * variance + blows.sum(axis=0) / CLIENTS**2
        return float((curvature * ((mean - self._centre) ** 2 + variance) / 2).sum(axis=1).mean())

    @cached_property
    def _losses(self) -> Array:
        return np.array([self.expected(mu) for mu in GRID])

    @property
    def best(self) -> float:
        """The mu with the lowest expected loss."""
        return float(GRID[self._losses.argmin()])

    def regret(self, mu: float) -> float:
        """Return by how much the expected loss is above the lowest one, as a share of the range over all mu."""
        return (self.expected(mu) - float(self._losses.min())) / float(np.ptp(self._losses))
