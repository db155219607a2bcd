"""Which arms differ? Planned contrasts on the same episodes, adjusted for their number. Pure.

A difference counts as significant only if both agree: McNemar's test, adjusted by Holm, for the policies that were
trained; and an interval over training seeds and episodes that leaves zero out, for the way to train.
"""

from collections.abc import Mapping, Sequence
from itertools import chain

from pydantic import BaseModel, ConfigDict

from zk0.comparison.arms import FEDERATED
from zk0.core.intervals import bootstrap_difference, holm, mcnemar

LEVEL = 0.05
CENTRALISED, LOCAL, ELSEWHERE = "centralised", "local-only", "local-only elsewhere"

type Outcomes = Mapping[
    str, Sequence[Sequence[bool]]
]  # of an arm: by task, rows of training seeds, columns of episodes


class Contrast(BaseModel):
    """The difference of two arms' success rates over all tasks, first - second, with its 95 % interval."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    first: str
    second: str
    difference: float
    low: float
    high: float
    p: float  # McNemar's, of this contrast alone
    adjusted: float  # by Holm, for all contrasts of the comparison

    @property
    def is_significant(self) -> bool:
        """Whether the test and the interval agree that there is a difference."""
        return self.adjusted <= LEVEL and not self.low <= 0 <= self.high

    @property
    def words(self) -> str:
        """By how many points the first is above or below the second."""
        return f"{abs(self.difference) * 100:.0f} points {'above' if self.difference > 0 else 'below'}"

    @property
    def shown(self) -> str:
        """The difference in points, with its interval."""
        return f"{self.difference * 100:+.0f} [{self.low * 100:+.0f}, {self.high * 100:+.0f}]"


class TaskDifference(BaseModel):
    """How far a federated arm's success rate on a task is above that of pooled data, with its 95 % interval.

    `pooled` is the rate of pooled data.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    arm: str
    task: str
    pooled: float
    difference: float
    low: float
    high: float


def planned(arms: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs to compare of these arms: decided before any result is known."""
    found: list[str] = [arm for arm in FEDERATED if arm in arms]
    pairs = [(arm, other) for other in (CENTRALISED, LOCAL, ELSEWHERE) for arm in found]
    pairs += [(CENTRALISED, LOCAL), *((arm, "fedavg") for arm in found if arm != "fedavg")]
    return [(first, second) for first, second in pairs if first in arms and second in arms]


def contrasts(outcomes: Mapping[str, Outcomes]) -> list[Contrast]:
    """Compare the planned pairs; all arms have the same tasks, training seeds and episodes."""
    pairs = planned(list(outcomes))
    rows = {arm: over_tasks(found) for arm, found in outcomes.items()}
    p_values = [mcnemar(*(list(chain(*rows[arm])) for arm in pair)) for pair in pairs]
    found = []
    for (first, second), p, adjusted in zip(pairs, p_values, holm(p_values), strict=True):
        low, high = bootstrap_difference(rows[first], rows[second])
        way = rate(rows[first]) - rate(rows[second])
        found.append(Contrast(first=first, second=second, difference=way, low=low, high=high, p=p, adjusted=adjusted))
    return found


def to_centralised(outcomes: Mapping[str, Outcomes]) -> list[TaskDifference]:
    """Compare each federated arm with pooled data, task by task."""
    found = []
    for task, pooled in outcomes.get(CENTRALISED, {}).items():
        for arm in FEDERATED:
            if arm in outcomes:
                own = outcomes[arm][task]
                low, high = bootstrap_difference(own, pooled)
                mean, way = rate(pooled), rate(own) - rate(pooled)
                found.append(TaskDifference(arm=arm, task=task, pooled=mean, difference=way, low=low, high=high))
    return found


def sentence(found: Sequence[Contrast], seeds: int) -> str:
    """Return which differences are significant and which are not, in words."""
    clear = [one for one in found if one.is_significant]
    said = [f"{one.first} is {one.words} {one.second}" for one in clear]
    others = [f"{one.first} and {one.second}" for one in found if not one.is_significant]
    parts = [
        f"{name}: {'; '.join(which)}." for name, which in (("Significant", said), ("Not significant", others)) if which
    ]
    if seeds == 1:
        parts.append("With one training seed this is about these policies, not about the ways to train.")
    return " ".join(parts)


def over_tasks(outcomes: Outcomes) -> list[list[bool]]:
    """Return a row for each training seed with the episodes of all tasks."""
    return [list(chain(*row)) for row in zip(*outcomes.values(), strict=True)]


def rate(rows: Sequence[Sequence[bool]]) -> float:
    """Return the share of successes."""
    values = list(chain(*rows))
    return sum(values) / len(values)
