"""What one short federated run with one mu and one seed gave, and how several of them compare."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

type Unit = tuple[float, int]  # mu and seed of one run
type Arm = Mapping[int, Measurement]  # the runs with one mu, by seed
type Measure = Callable[[float, int], "Measurement"]


class Measurement(BaseModel):
    """The held-out losses of one run; all values are dimensionless.

    A run that diverged has a `failure` and no losses. `loss` is then infinite, so that it loses every comparison.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mu: float = Field(ge=0)
    seed: int
    losses: dict[str, float] = Field(
        default={}, description="each client's loss on its held-out data, without the term"
    )
    rounds: dict[int, float] = Field(default={}, description="mean held-out loss of the clients after each round")
    steps: int = Field(0, description="optimizer steps of all clients together")
    seconds: float = Field(0.0, description="wall time of the run")
    drift: float | None = Field(None, description="mean over clients of ||w - w_round|| at the last round's end")
    ratio: float | None = Field(None, description="mean of mu ||w - w_round|| / ||gradient of the loss||, last round")
    failure: str = ""

    @property
    def loss(self) -> float:
        """The mean over clients, each counting the same."""
        return fmean(self.losses.values()) if self.losses else math.inf

    def loss_of(self, client: str) -> float:
        """Return a client's loss; infinite where the run diverged."""
        return self.losses.get(client, math.inf)


class Runner(Protocol):
    """Measures runs; `width` of them side by side."""

    width: int

    def __call__(self, units: Sequence[Unit]) -> Iterable[Measurement]:
        """Measure runs; the measurements come in the order of the units."""


@dataclass(frozen=True)
class InOrder:
    """Measures one run after the other in this process."""

    measure: Measure
    width: int = 1

    def __call__(self, units: Sequence[Unit]) -> Iterator[Measurement]:
        """Measure runs lazily."""
        return (self.measure(mu, seed) for mu, seed in units)


def noise_floor(arms: Iterable[Mapping[int, Measurement]]) -> float | None:
    """Return how much another seed changes the loss: the smallest standard deviation of any arm over its seeds.

    The smallest, because a value of mu that is far too large also makes the loss vary more, and would hide that it
    is. None where no arm has two finite losses.
    """
    spreads = []
    for arm in arms:
        losses = [one.loss for one in arm.values() if math.isfinite(one.loss)]
        if len(losses) == len(arm) and len(losses) > 1:
            spreads.append(stdev(losses))
    return min(spreads, default=None)
