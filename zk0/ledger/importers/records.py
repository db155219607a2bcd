"""The records of a client's round and of an aggregation while files are being read, and the events made of them.

A series has any length in bounded memory: beyond a limit, each window of steps keeps its smallest and largest value,
as an oscilloscope does that has fewer columns than samples. Spikes and trends stay. A window's two values keep the
order in which they came.
"""

import math
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from zk0.ledger.importers.metric_names import is_divergence
from zk0.ledger.schema import OPTIONAL_SERIES, SERIES, Aggregation, RejectedReply, Reply, Training, Value

NOTHING = math.nan  # marks, within an array, a step without a measurement


class Series:
    """The values of one quantity, one a step; `entries` are fewer than the steps once it was thinned."""

    __slots__ = ("stride", "values")

    def __init__(self, stride: int = 1) -> None:
        self.values = array("d")
        self.stride = stride

    def put(self, step: int, value: float) -> None:
        """Keep the value of a step; the latest counts where there are several."""
        values = self.values
        if self.stride == 1:
            missing = step - len(values)
            if missing == 0:
                values.append(value)
                return
            if missing > 0:
                values.extend([NOTHING] * missing)
                values.append(value)
            else:
                values[step] = value
            return
        self.put_in_window(2 * (step // (2 * self.stride)), value)

    def put_in_window(self, at: int, value: float) -> None:
        """Keep a value in the window whose first entry is `at`: its smallest and its largest stay."""
        values = self.values
        if at + 2 > len(values):
            values.extend([NOTHING] * (at + 2 - len(values)))
        earlier, later = values[at], values[at + 1]
        if earlier != earlier:  # noqa: PLR0124  NaN
            values[at] = value
        elif later != later:  # noqa: PLR0124
            values[at + 1] = value
        else:
            low, high = (earlier, later) if earlier <= later else (later, earlier)
            if value < low:
                values[at], values[at + 1] = high, value
            elif value > high:
                values[at], values[at + 1] = low, value

    def halve(self) -> None:
        """Let each window of two entries more keep its smallest and largest value, in their order."""
        old = self.values
        self.stride *= 2
        self.values = array("d")
        if not math.isnan(sum(old)):
            self.values.extend(chain.from_iterable(_extremes(old)))
            old = old[len(old) - len(old) % 4 :]
        for start in range(0, len(old), 4):
            at = len(self.values)
            for value in old[start : start + 4]:
                if not math.isnan(value):
                    self.put_in_window(at, value)
            if len(self.values) < at + 2:
                self.values.extend([NOTHING] * (at + 2 - len(self.values)))

    def as_list(self, entries: int) -> list[float | None]:
        """Return `entries` values, null where nothing was measured."""
        found: list[float | None] = [None if value != value else value for value in self.values]  # noqa: PLR0124  NaN
        return found + [None] * (entries - len(found))


def _extremes(values: array[float]) -> Iterator[tuple[float, float]]:
    """Yield the smallest and the largest of every four values, in the order they came."""
    whole = len(values) - len(values) % 4
    for a, b, c, d in zip(values[:whole:4], values[1:whole:4], values[2:whole:4], values[3:whole:4], strict=True):
        low, high = min(a, b, c, d), max(a, b, c, d)
        first = a if a in (low, high) else b if b in (low, high) else c
        yield (low, high) if first == low else (high, low)


UNTOLD = "not in the log"
NOT_FINITE = "not finite"
FAR = 10_000  # steps: a log that begins behind them is of a run that was resumed, and what came before is not in it
MOSTLY = 0.75  # of the logged values
MOST_STEPS = 100  # without a finite number that are listed; more say nothing new
MOST_ENTRIES = 65_536  # of one series: beyond, it is thinned


@dataclass
class TrainingRecord:
    """A client's round."""

    client: str
    round: int
    file: str
    read_from: str
    series: dict[str, Series] = field(default_factory=dict)
    settings: dict[str, Value] = field(default_factory=dict)
    update_norm: dict[str, float | None] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    digest_in: str | None = None
    digest_out: str | None = None
    last_step: int = -1
    steps: int = 0
    stride: int = 1
    not_finite: int = 0
    not_finite_at: dict[str, list[int]] = field(default_factory=dict)
    base: int = 0  # the first step, where the log begins far behind it
    logged: int = 0  # steps with values
    restarts: list[int] = field(default_factory=list)  # steps at which its counts begin again
    # {part of the loss: (how many values are logged, how many of the last are 0)}
    parts: dict[str, tuple[int, int]] = field(default_factory=dict)

    def put(self, step: int, values: Mapping[str, float]) -> None:
        """Keep what was measured at a step, from 0; a value that is not finite is counted and stays null."""
        if self.last_step < 0 and step > FAR:
            self.base = step
            self.missing["steps"] = f"the log begins at step {step}, which is entry 0"
        step -= self.base
        step = max(step, 0)
        while step // self.stride > MOST_ENTRIES:
            self.halve()
        known, window = self.series, self._window(step) if self.stride > 1 else None
        for name, value in values.items():
            series = known.get(name)
            if series is None:
                series = known[name] = Series(self.stride)
            if value - value != 0.0:  # NaN or infinite, and faster than to ask for it
                self._put_not_finite(name, step)
            elif window is not None:
                series.put_in_window(window, value)
            elif step == len(series.values):  # the usual case, without a call
                series.values.append(value)
            else:
                series.put(step, value)
        if step != self.last_step:
            self.logged += 1
        self.last_step = step
        if step >= self.steps:
            self.steps = step + 1

    def _window(self, step: int) -> int:
        """Return the first entry of the window that a step is in."""
        return 2 * (step // (2 * self.stride))

    def _put_not_finite(self, name: str, step: int) -> None:
        self.missing[name] = NOT_FINITE
        self.not_finite += 1
        if len(steps := self.not_finite_at.setdefault(name, [])) < MOST_STEPS:
            steps.append(step)

    def count_parts(self, values: Mapping[str, float]) -> None:
        """Keep how many of the last values of these parts of the loss are 0."""
        for name, value in values.items():
            count, zeros = self.parts.get(name, (0, 0))
            self.parts[name] = count + 1, 0 if value else zeros + 1

    @property
    def entries(self) -> int:
        """The number of entries in its longest series."""
        return max((len(series.values) for series in self.series.values()), default=0)

    def halve(self) -> None:
        """Let the series take half the room."""
        self.stride *= 2
        for series in self.series.values():
            series.halve()

    def summarise(self, summary: dict[str, float], steps: int | None) -> None:
        """Use a round's means as the series, where the log has no steps."""
        means = {name: value for name, value in summary.items() if name not in self.series}
        if not means:
            return
        if not self.series:
            self.missing["steps"] = f"only the means of {f'{steps} steps' if steps else 'the round'} are in the log"
        self.put(max(self.steps - 1, 0), means)

    def event(self) -> Training:
        """Return the event."""
        entries = max(self.entries, 1) if self.stride > 1 else max(self.steps, 1)
        if self.stride > 1:
            self.missing["steps"] = (
                f"{self.steps} steps; of every {2 * self.stride} the smallest and the largest value are kept"
            )
        lists = {name: one.as_list(entries) for name, one in self.series.items()}
        absent: dict[str, str] = {}
        for name in SERIES:
            if name not in lists and name not in OPTIONAL_SERIES:
                lists[name], absent[name] = [None] * entries, UNTOLD
        return Training(
            round=self.round,
            client=self.client,
            partition=None,
            steps=entries,
            batch_size=None,
            examples=None,
            settings=self.settings,
            **lists,
            logged=self.logged,
            not_finite=self.not_finite_at,
            restarts=tuple(self.restarts if self.stride == 1 else map(self._window, self.restarts)),
            zero_losses={name: zeros for name, (count, zeros) in self.parts.items() if _is_zero(name, count, zeros)},
            update_norm=self.update_norm,
            digest_in=self.digest_in,
            digest_out=self.digest_out,
            faults={"non_finite_losses": self.not_finite},
            missing=absent | self.missing,
            read_from=self.read_from,
        )


def _is_zero(name: str, count: int, zeros: int) -> bool:
    """Return whether a part of the loss is 0 throughout; a divergence begins somewhere before it collapses."""
    return zeros == count or (is_divergence(name) and zeros >= MOSTLY * count)


@dataclass
class AggregationRecord:
    """A round at the server."""

    round: int
    read_from: str
    asked: int | None = None
    answered: int | None = None
    failed: int | None = None
    rejected: dict[str, str] = field(default_factory=dict)
    excluded: dict[str, str] = field(default_factory=dict)  # answered, and were left out of the average
    digest_in: str | None = None
    digest_out: str | None = None
    update_norm: float | None = None

    def event(self, trained: dict[str, TrainingRecord]) -> Aggregation:
        """Return the event; `trained` are the round's trainings by client, which name replies that are only counted."""
        failures = max(self.failed or 0, len(self.rejected))
        answered = self.answered
        if answered is None and self.asked is not None and self.failed is not None:
            answered = self.asked - self.failed
        if answered is not None:
            answered = max(answered - len(self.excluded), 0)
        names = [name for name in trained if name not in self.rejected and name not in self.excluded]
        rejected = [RejectedReply(client=name, reason=reason) for name, reason in self.rejected.items()]
        rejected += [
            RejectedReply(client=f"failure {number}", reason="the log does not say which client failed or why")
            for number in range(len(rejected) + 1, failures + 1)
        ]
        rejected += [RejectedReply(client=name, reason=reason) for name, reason in self.excluded.items()]
        missing: dict[str, str] = {}
        if answered is None:
            accepted: list[str] = []
            missing["accepted"] = UNTOLD
        elif answered == len(names):
            accepted = names
        else:
            accepted = [f"reply {number}" for number in range(1, answered + 1)]
            missing["accepted"] = "the log gives the number of replies, not their clients"
        for name in ("digest_in", "digest_out", "update_norm"):
            if getattr(self, name) is None:
                missing[name] = UNTOLD
        if answered == 0:
            missing.pop("digest_out", None)  # null because there is no aggregate
        return Aggregation(
            round=self.round,
            sampled=[*accepted, *(one.client for one in rejected)],
            accepted=[
                Reply(client=name, weight=None, digest=trained[name].digest_out if name in trained else None)
                for name in accepted
            ],
            rejected=rejected,
            digest_in=self.digest_in,
            digest_out=self.digest_out,
            update_norm=self.update_norm,
            missing=missing,
            read_from=self.read_from,
        )
