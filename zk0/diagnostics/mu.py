"""Is mu of a size that holds the clients together and lets them learn? (`mu.strength`, `mu.diverges`)

What counts is the ratio of the term's gradient to the loss's own, mu * drift / ||gradient||: Adam rescales gradients,
so mu is not a percentage of the loss. A growing term is not an explosion by itself: AdamW moves every weight by about
learning rate a step, so the drift grows up to the sum of the rates times sqrt(parameters), and the term with its
square. Recorded series that were read as a loss explosion (1.201 to 28.832 in 50 steps) lie far inside that bound.
"""

import math
from itertools import accumulate
from statistics import median

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Finding, failed, not_applicable, not_available, passed, warned
from zk0.diagnostics.parameters import FALLS_BACK, falls_back
from zk0.diagnostics.series import (
    FEDAVG,
    each_client,
    each_training,
    ends,
    growth_exponent,
    line,
    losses_of,
    measured,
    point,
)
from zk0.ledger import Ledger, Training

TUNING = "mu-tuning"
MINIMUM_RATIOS = 5
NO_WAY = 1e-12  # a rate of 0 leads nowhere, and has no logarithm
TARGET = (0.05, 0.3)  # of the ratio mu * drift / ||gradient of the loss||: where FedProx restrains and still learns
OVERWHELMS = 1.0  # the term's gradient is larger than the loss's
NO_PROGRESS = 0.05  # a loss that falls by less, of itself, over all rounds

GROWTH_BOUND = 2.5  # exponent over the sum of rates: steps in one direction give 2, a random walk 1
EXPONENTIAL = 0.98  # R squared of log(term) over steps
TEN_TIMES = 10.0
MINIMUM_SERIES = 8


@check("mu.strength")
@each_client
def strength(trainings: list[Training], _: Ledger) -> Finding:
    """The term holds the weights near the round's start, and lets them learn."""
    if all(one.settings.get("proximal-mu") == 0 for one in trainings):
        return not_applicable(FEDAVG)
    # The second half of each round: at its start the term is small whatever mu is.
    ratios = [value for one in trainings for _, value in measured(one.proximal_ratio[len(one.proximal_ratio) // 2 :])]
    losses = losses_of(trainings)
    if len(ratios) < MINIMUM_RATIOS or len(losses) < MINIMUM_RATIOS:
        return not_available(f"needs {MINIMUM_RATIOS} proximal ratios, has {len(ratios)}")
    typical = median(ratios)
    first, last = ends(losses)
    fall = 1 - last / first if first else 0.0
    evidence = [
        point("median of mu * drift over the gradient of the loss", typical),
        point("fall of the policy loss, of itself", fall),
    ]
    low, high = TARGET
    if typical > OVERWHELMS and fall < NO_PROGRESS:
        return failed(
            f"its gradient is {typical:.3g} times that of the loss, which does not fall",
            evidence=evidence,
            cause="mu is so large that the weights stay at the round's start",
            remedy=f"lower proximal_mu by a factor of {_factor(typical / high)}",
            workflow=TUNING,
            fault=Fault.proximal_too_strong,
            confidence=0.9,
        )
    if typical < low and len(falls := falls_back(trainings)) > 1 and median(falls) > FALLS_BACK:
        lost = point("loss at a round's start over that at the end of the one before", median(falls))
        return warned(
            f"its gradient is {typical:.2g} times that of the loss, and the clients drift apart",
            evidence=[*evidence, lost],
            cause="mu is too small to hold the clients together",
            remedy=f"raise proximal_mu by a factor of {_factor(low / typical) if typical else 10}",
            workflow=TUNING,
            fault=Fault.proximal_too_weak,
            confidence=0.7,
        )
    hint = "" if low <= typical <= high else f"; {low:g} to {high:g} is where to begin when tuning mu"
    return passed(f"{typical:.2g} times the gradient of the loss{hint}", evidence=evidence)


def _factor(ratio: float) -> int:
    """Return the power of ten next to a ratio, at least 10."""
    return int(10 ** max(1, round(math.log10(ratio))))


@check("mu.diverges")
@each_training
def diverges(training: Training, _: Ledger) -> Finding:
    """The term grows as drift does, and not by a factor a step."""
    values = [(step, value) for step, value in measured(training.proximal_loss) if step > 0 and value > 0]
    if training.settings.get("proximal-mu") == 0:
        return not_applicable(FEDAVG)
    if len(values) < MINIMUM_SERIES:
        return not_available(f"needs {MINIMUM_SERIES} values above 0, has {len(values)}")
    # AdamW's farthest way is the sum of the rates; without rates, the number of steps replaces it.
    rates = [rate if rate is not None else 1.0 for rate in training.learning_rate]
    way = [0.0, *accumulate(rates)]
    terms = [value for _, value in values]
    exponent = growth_exponent([max(way[step], NO_WAY) for step, _ in values], terms)
    slope, fit = line([step for step, _ in values], [math.log(value) for value in terms])
    if exponent <= GROWTH_BOUND or fit <= EXPONENTIAL or terms[-1] <= TEN_TIMES * terms[0]:
        return passed(f"it grows with the power {exponent:.2g} of the way: drift, no explosion")
    return failed(
        f"it grows by a factor of {math.exp(slope):.2g} a step",
        evidence=[
            point("growth exponent over the sum of learning rates", exponent),
            point("growth a step", math.exp(slope)),
            point("R squared of exponential growth", fit),
        ],
        cause="mu times learning rate is too large: each step overshoots the reference by more than the last",
        remedy="lower proximal_mu or learning_rate, so that their product is well below 1",
        workflow=TUNING,
        fault=Fault.proximal_diverging,
        confidence=0.9,
    )
