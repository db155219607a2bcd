"""What a policy did in closed loop, and how long it took: the same for local inference and for a server."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from zk0.core.verdicts import Evidence, Finding, failed, passed_if
from zk0.simulator.tasks import task

if TYPE_CHECKING:  # NumPy is not in the core
    from zk0.simulator.rollout import Rollouts


class TaskResult(BaseModel):
    """Episodes of one task, with the 95 % Wilson interval of the success rate.

    `blind` is the rate of an arm that does not look: a policy has to be better.
    """

    model_config = ConfigDict(frozen=True)

    task: str
    episodes: int
    successes: int
    low: float
    high: float
    blind: float
    steps: int  # of all episodes together
    non_finite: int

    @classmethod
    def of(cls, found: "Rollouts") -> "TaskResult":
        """Return the result of rollouts."""
        low, high = found.interval
        return cls(
            task=found.task,
            episodes=found.n,
            successes=found.successes,
            low=low,
            high=high,
            blind=task(found.task).blind_success,
            steps=sum(found.steps),
            non_finite=found.non_finite,
        )

    @property
    def shown(self) -> str:
        """The successes with their interval, for people."""
        return f"{self.successes} of {self.episodes} ({self.low:.0%} to {self.high:.0%})"


class LatencySummary(BaseModel):
    """Milliseconds from an observation to its action chunk, as percentiles over all chunks.

    An action's share of a chunk is what it costs; `period` is the time between two control steps of the arm.
    """

    model_config = ConfigDict(frozen=True)

    chunks: int
    actions: int  # executed of a chunk
    period: float
    p50: float
    p95: float
    p99: float
    longest: float

    @classmethod
    def of(cls, seconds: Sequence[float], *, actions: int, period: float) -> "LatencySummary":
        """Summarize the seconds of at least one chunk; `period` is in seconds."""
        import numpy as np

        p50, p95, p99, longest = np.percentile(np.asarray(seconds) * 1000, (50, 95, 99, 100)).round(3).tolist()
        return cls(
            chunks=len(seconds), actions=actions, period=period * 1000, p50=p50, p95=p95, p99=p99, longest=longest
        )

    @property
    def action_p50(self) -> float:
        """Median milliseconds an action."""
        return self.p50 / self.actions

    @property
    def action_p95(self) -> float:
        """The 95th percentile of milliseconds an action."""
        return self.p95 / self.actions

    @property
    def row(self) -> list[str]:
        """Its numbers for a table: a chunk, then an action."""
        chunk = [f"{value:.1f} ms" for value in (self.p50, self.p95, self.p99, self.longest)]
        return [*chunk, f"{self.action_p50:.1f} ms", f"{self.action_p95:.1f} ms"]


LATENCY_HEADS = ["a chunk: median", "95 %", "99 %", "longest", "an action: median", "95 %"]


def shared_period(tasks: Iterable[str]) -> float:
    """Return the seconds between two control steps, the shortest of these tasks'."""
    return min(task(name).control_period for name in tasks)


def judge_success(found: TaskResult, minimum: float) -> Finding:
    """Judge a task: its actions are finite, its rate reaches `minimum`, and is above that of an arm that is blind."""
    evidence = [
        Evidence(name="success rate", value=found.successes / found.episodes, at=found.task),
        Evidence(name="episodes", value=found.episodes, at=found.task),
        Evidence(name="interval from", value=found.low, at=found.task),
        Evidence(name="interval to", value=found.high, at=found.task),
    ]
    if found.non_finite:
        problem = f"{found.non_finite} of {found.episodes} episodes ended with an action that is no number"
        return failed(problem, at=found.task, evidence=evidence, remedy="zk0 diagnose latest")
    if found.successes < minimum * found.episodes:
        problem = f"{found.shown}, and {minimum:.0%} is asked for"
        return failed(problem, at=found.task, evidence=evidence, remedy="train for more rounds, on more episodes")
    return passed_if(
        found.low > found.blind,
        found.shown,
        f"{found.shown}: no better, for all that is known, than an arm that does not look ({found.blind:.1%})",
        at=found.task,
        evidence=evidence,
        doubtful=True,
        remedy="train for more rounds, on more episodes; to know the rate better, drive more episodes",
    )


def latency_evidence(found: LatencySummary) -> list[Evidence]:
    """Return the percentiles as evidence."""
    return [
        Evidence(name=name, value=round(value, 2), unit="ms")
        for name, value in (
            ("a chunk, median", found.p50),
            ("a chunk, 95 %", found.p95),
            ("a chunk, 99 %", found.p99),
            ("an action, median", found.action_p50),
            ("an action, 95 %", found.action_p95),
            ("control period", found.period),
        )
    ]


def named_results(how: str, tasks: Sequence[TaskResult], latency: LatencySummary) -> list[dict[str, Any]]:
    """Return the numbers that the memory bank keeps; `how` says by which way the actions came."""
    rates = [
        {"name": f"{one.task} success rate of {one.episodes}, {how}", "value": one.successes / one.episodes, "unit": ""}
        for one in tasks
    ]
    times = {"median": latency.action_p50, "95 %": latency.action_p95}
    return [
        *rates,
        *({"name": f"an action, {how}, {name}", "value": round(ms, 2), "unit": "ms"} for name, ms in times.items()),
    ]


def result_table(tasks: Sequence[TaskResult], latency: LatencySummary) -> list[list[str]]:
    """Return the successes of each task; the times are of all tasks together, in the first row."""
    empty = [""] * len(LATENCY_HEADS)
    return [
        ["task", "success (95 %)", "without looking", *LATENCY_HEADS],
        *([one.task, one.shown, f"{one.blind:.1%}", *(empty if row else latency.row)] for row, one in enumerate(tasks)),
    ]
