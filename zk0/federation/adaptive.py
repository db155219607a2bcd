"""Adapt mu from round to round, by the rule of the FedProx paper (Li et al. 2020, appendix C.3.3) with a noise guard.

The rule: raise mu by 0.1 when the loss rises, lower it by 0.1 when the loss falls five times in a row. The loss is
that of the objective without the term, which the term itself would raise. A rise or a fall counts only if it exceeds
the noise of batches; a smaller one waits, and counts when later rounds add to it. The server alone decides, one value
for all clients.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, variance
from typing import NamedTuple

STEP = 0.1
FALLS = 5  # in a row before mu is lowered
GUARD = 3.0  # standard errors; at 2, one round in twenty would be a rise or a fall by chance


class _Loss(NamedTuple):
    mean: float
    squared_error: float  # square of the mean's standard error


@dataclass
class AdaptiveMu:
    """The rule's state; `mu` is the value for the next round."""

    mu: float
    reason: str = "the configured value"
    falls: int = 0
    _reference: dict[str, _Loss] = field(default_factory=dict)  # by client, of the last change that counted

    def observe(self, losses: Mapping[str, Sequence[float | None]]) -> None:
        """Take a round into account: the loss of each step, without the term, by client.

        A client is compared with itself, so that a round with other clients is no rise.
        """
        self.reason = "as in the round before"
        now = {client: found for client, series in losses.items() if (found := _loss_of(series))}
        both = [(now[client], self._reference[client]) for client in now if client in self._reference]
        self._reference = now | self._reference
        if not both:
            return
        change = fmean(new.mean - old.mean for new, old in both)
        noise = GUARD * math.sqrt(sum(new.squared_error + old.squared_error for new, old in both)) / len(both)
        if abs(change) <= noise:
            return
        self._reference |= now
        self.falls = 0 if change > 0 else self.falls + 1
        if change > 0:
            self._move(STEP, f"the loss rose by {change:.3g}, noise is {noise:.2g}")
        elif self.falls == FALLS:
            self.falls = 0
            self._move(-STEP, f"the loss fell {FALLS} times in a row")

    def _move(self, step: float, reason: str) -> None:
        self.mu = round(max(0.0, self.mu + step), 9)
        self.reason = reason


def _loss_of(series: Sequence[float | None]) -> _Loss | None:
    known = [value for value in series if value is not None]
    return _Loss(fmean(known), variance(known) / len(known)) if len(known) > 1 else None
