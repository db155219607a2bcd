"""Is the policy loss a number, and does it fall? (`loss.finite`, `loss.trend`)

A training loss is noisy from batch to batch, so two single values say nothing. The trend is judged by rank (Kendall's
tau), its size by the medians of the first and last tenth: both resist a spike, and both have to say the same. The
noise is assumed to be independent from step to step, as that of shuffled batches is. A loss that wanders, because the
weights do, is judged by where it went: of random walks without drift, 3 to 5 in 10 have "fallen".
"""

from collections.abc import Iterator
from itertools import groupby
from math import isnan
from statistics import median
from typing import Literal

from zk0.diagnostics.registry import diagnostic, measured, point, where
from zk0.ledger import Ledger, Training
from zk0.verdicts import Finding, failed, not_available, passed, warned

MINIMUM_STEPS = 20  # below it, a tenth is one or two values and the rank test has little power
SIGNIFICANCE = 0.01  # chance of calling a flat loss falling; per client

type SeriesName = Literal["policy_loss", "total_loss"]


@diagnostic("loss.finite")
def loss_finite(ledger: Ledger) -> Iterator[Finding]:
    """Every step's loss and gradient is a finite number."""
    if not ledger.trainings:
        yield not_available("no client has trained")
    for training in ledger.trainings:
        bad = training.faults.non_finite_losses
        evidence = [point("steps without a finite loss or gradient", bad, where(training), "steps")]
        if bad:
            yield failed(
                f"{bad} of {training.steps} steps had a loss or gradient that is not finite; they changed nothing",
                at=where(training),
                evidence=evidence,
                cause="a learning rate that is too large, or values in the data that are",
                remedy="lower learning_rate, and look at the data set's ranges",
            )
        else:
            yield passed(f"{training.steps} steps, all finite", at=where(training), evidence=evidence)


@diagnostic("loss.trend")
def loss_trend(
    ledger: Ledger, *, series: SeriesName = "policy_loss", expect: Literal["falling"] = "falling"
) -> Iterator[Finding]:
    """Each client's training loss falls over all its rounds."""
    from scipy.stats import kendalltau  # 1.2 s: where a ledger is judged, not where a workflow is listed

    if not ledger.trainings:
        yield not_available("no client has trained")
    for client, trainings in _by_client(ledger.trainings):
        values = [value for one in trainings for _, value in measured(getattr(one, series))]
        if len(values) < MINIMUM_STEPS:
            yield not_available(f"needs {MINIMUM_STEPS} steps of {series}, has {len(values)}", at=client)
            continue
        tenth = max(1, len(values) // 10)
        first, last = median(values[:tenth]), median(values[-tenth:])
        tau, chance = map(float, kendalltau(range(len(values)), values))  # both NaN where all values are equal
        significant = chance < SIGNIFICANCE
        evidence = [
            point(f"{series}, median of the first tenth", first, client),
            point(f"{series}, median of the last tenth", last, client),
            point("Kendall's tau over steps", None if isnan(tau) else tau, client),
            point("p-value", None if isnan(chance) else chance, client),
        ]
        change = f"{first:.3g} to {last:.3g} over {len(values)} steps"
        if significant and tau < 0 and last < first:
            yield passed(f"{expect}: {change}", at=client, evidence=evidence)
        elif significant and tau > 0 and last > first:
            yield failed(
                f"rising: {change}",
                at=client,
                evidence=evidence,
                cause="the steps are too large, or the gradient is not that of this loss",
                remedy="lower learning_rate by a factor of 5, then look at gradient norms",
            )
        elif significant:
            yield warned(
                f"no steady trend: {change}, while most steps go the other way",
                at=client,
                evidence=evidence,
                cause="the loss jumped, and what came before or after the jump goes the other way",
                remedy="look at the series round by round",
            )
        else:
            yield warned(
                f"no trend to be told from noise: {change}",
                at=client,
                evidence=evidence,
                cause="too few steps, or a learning rate too small to matter",
                remedy="train for more local_steps or rounds",
            )


def _by_client(trainings: tuple[Training, ...]) -> Iterator[tuple[str, list[Training]]]:
    ordered = sorted(trainings, key=lambda training: (training.client, training.round))
    for client, group in groupby(ordered, key=lambda training: training.client):
        yield client, list(group)
