"""Decide on mu from measurements. Pure.

A change is promoted only if, on seeds that did not choose it, it is lower than the current value at the level of
significance divided by the number of values that were confirmed, by more than another seed changes the loss, and for
no client higher than noise.
"""

import math
from collections.abc import Mapping
from statistics import fmean
from typing import Literal

from pydantic import BaseModel, ConfigDict

from zk0.tuning.measurements import Arm, noise_floor
from zk0.tuning.paired import PairedComparison, compare, difference

LEVEL = 0.05  # of significance, two-sided, for all confirmed values together

type DecisionOutcome = Literal["better", "not-better", "no-influence"]


class MuDecision(BaseModel):
    """The decision, with what it rests on.

    `best` is the value with the lowest loss on the seeds of the search; `mu` is the value to use from now on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    outcome: DecisionOutcome
    current: float
    best: float
    mu: float
    reason: str
    floor: float | None
    comparison: PairedComparison | None = None


def best_of(current: float, arms: Mapping[float, Arm]) -> float:
    """Return the mu with the lowest mean loss, of those measured on all seeds that make no client worse than now.

    A tie goes to the one that was measured first.
    """
    whole = [mu for mu, arm in arms.items() if len(arm) == len(arms[current])]
    harmless = [mu for mu in whole if mu == current or not worse_clients(arms[mu], arms[current])]
    return min(harmless, key=lambda mu: fmean(one.loss for one in arms[mu].values()))


def is_within_noise(mu: float, other: float, arms: Mapping[float, Arm]) -> bool:
    """Return whether two values differ by no more than another seed changes the loss of the second."""
    floor = noise_floor([arms[other]])
    found = compare_arms(arms[mu], arms[other])
    return floor is not None and found.pairs == len(arms[other]) and found.is_within(floor)


def has_no_influence(current: float, arms: Mapping[float, Arm]) -> bool:
    """Return whether no value differs from the current one by more than noise."""
    others = [mu for mu in arms if mu != current]
    return bool(others) and all(is_within_noise(mu, current, arms) for mu in others)


def decide(current: float, search: Mapping[float, Arm], confirmed: Mapping[float, Arm]) -> MuDecision:
    """Decide by the search, and by the confirmation of its best value on other seeds, if there was one.

    Args:
        current: the value in use.
        search: the measurements of all candidates.
        confirmed: on other seeds, those of the current value, the best one, and others that were confirmed earlier;
            empty without confirmation.
    """
    best = best_of(current, search)
    floor = noise_floor([search[current]])
    comparison: PairedComparison | None = None
    outcome: DecisionOutcome = "not-better"
    if has_no_influence(current, search):
        outcome, reason = "no-influence", f"no value changes the loss by more than another seed does ({_shown(floor)})"
    elif best == current:
        reason = f"no other value had a lower loss on {len(search[current])} seeds and was worse for no client"
    elif is_within_noise(best, current, search):
        reason = f"the lowest loss, at mu = {best:g}, is within noise ({_shown(floor)}) of that at mu = {current:g}"
    elif best not in confirmed or current not in confirmed:
        reason = f"mu = {best:g} looked better, and the budget ended before that was confirmed"
    else:
        floor = noise_floor([confirmed[current], confirmed[best]])
        comparison = compare_arms(confirmed[best], confirmed[current])
        level = LEVEL / (len(confirmed) - 1)
        outcome, reason = _judge(best, comparison, floor, level, worse_clients(confirmed[best], confirmed[current]))
    return MuDecision(
        outcome=outcome,
        current=current,
        best=best,
        mu=best if outcome == "better" else current,
        reason=reason,
        floor=floor,
        comparison=comparison,
    )


def _judge(
    best: float, found: PairedComparison, floor: float | None, level: float, worse: list[str]
) -> tuple[DecisionOutcome, str]:
    interval = f"[{_shown(found.low)}, {_shown(found.high)}]"
    numbers = f"{_shown(found.median)} {interval}, p = {found.p:.2g}, {found.pairs} seeds"
    if floor is not None and found.is_within(floor):
        return "no-influence", f"the difference of mu = {best:g} ({numbers}) is within noise ({_shown(floor)})"
    if not found.is_lower(level):
        return "not-better", f"mu = {best:g} is not significantly better ({numbers})"
    if worse:
        return "not-better", f"mu = {best:g} is better on average ({numbers}), and worse for {', '.join(worse)}"
    return "better", f"mu = {best:g} changes the held-out loss by {numbers}"


def compare_arms(first: Arm, second: Arm) -> PairedComparison:
    """Compare the mean losses of two arms on the seeds that both have."""
    return compare([difference(first[seed].loss, second[seed].loss) for seed in first if seed in second])


def worse_clients(first: Arm, second: Arm) -> list[str]:
    """Return the clients whose loss is higher in the first arm, by more than noise.

    Here a false alarm keeps the current value, and a missed one harms somebody: so there is no correction for the
    number of clients.
    """
    clients = sorted({client for arm in (first, second) for one in arm.values() for client in one.losses})
    found = []
    for client in clients:
        pairs = [difference(first[seed].loss_of(client), second[seed].loss_of(client)) for seed in first]
        comparison = compare(pairs)
        losses = [second[seed].loss_of(client) for seed in second]
        spread = (
            math.sqrt(fmean((loss - fmean(losses)) ** 2 for loss in losses)) if all(map(math.isfinite, losses)) else 0
        )
        if comparison.median > spread and comparison.p <= LEVEL:
            found.append(client)
    return found


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"
