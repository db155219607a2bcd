"""A campaign in three phases: a ladder of values, finer steps around the best, and its confirmation on other seeds.

The current value comes first: how much its loss changes from seed to seed is the noise that a change must exceed.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import batched

from zk0.core.errors import RequestError
from zk0.tuning.candidates import finer, ladder, neighbours
from zk0.tuning.decision import MuDecision, best_of, decide, has_no_influence, is_within_noise
from zk0.tuning.measurements import Arm, Measurement, Runner, Unit
from zk0.tuning.paired import LEAST_PAIRS
from zk0.tuning.study import Study

FINER = 4  # finer steps, at most

type Observe = Callable[[int, int, str], None]  # called with runs done, runs that may be needed, and a note


@dataclass(frozen=True)
class CampaignSettings:
    """What a campaign measures.

    `seeds` choose a value, `confirming` prove it; no seed is in both. The budget counts what is in the study already:
    optimizer steps of all clients together, or minutes of wall time; None for no limit.
    """

    current: float
    problem: str
    name: str = "mu"
    seeds: int = LEAST_PAIRS
    confirming: int = 8
    first_seed: int = 0
    budget_steps: int | None = None
    budget_minutes: float | None = None

    @property
    def search_seeds(self) -> range:
        """The seeds that choose."""
        return range(self.first_seed, self.first_seed + self.seeds)

    @property
    def confirming_seeds(self) -> range:
        """The seeds that prove."""
        return range(self.search_seeds.stop, self.search_seeds.stop + self.confirming)

    @property
    def grid_runs(self) -> int:
        """The runs of the full grid: every value on every seed."""
        return (len(ladder(self.current)) + FINER) * (self.seeds + self.confirming)

    @property
    def most_runs(self) -> int:
        """The runs of this campaign if none is ended early."""
        return (len(ladder(self.current)) + FINER) * self.seeds + 2 * self.confirming


@dataclass(frozen=True)
class CampaignResult:
    """The decision by what has been measured so far, with all measurements by mu and seed.

    `steps` are the optimizer steps spent, `grid_steps` those of the full grid.
    """

    decision: MuDecision
    search: dict[float, Arm]
    confirmed: dict[float, Arm]
    steps: int
    grid_steps: int
    complete: bool


class _BudgetSpent(Exception):  # noqa: N818  not an error: the campaign decides by what it has
    pass


class Campaign:
    """Measures candidates until a decision can be made; each phase goes on from what is in the study.

    Args:
        settings: what to measure.
        url: of the database with the measurements; None keeps them in memory.
        runner: measures runs.
        observe: called after every run.
    """

    def __init__(
        self, settings: CampaignSettings, url: str | None, runner: Runner, observe: Observe | None = None
    ) -> None:
        self.settings = settings
        self.search = Study(f"{settings.name}/search", url, settings.problem, settings.search_seeds, prune=True)
        self.confirmation = Study(
            f"{settings.name}/confirmation", url, settings.problem, settings.confirming_seeds, prune=False
        )
        self._runner = runner
        self._observe = observe or (lambda _done, _planned, _note: None)
        self._begun = time.monotonic()
        self._runs = 0  # of this process

    def descend(self) -> CampaignResult:
        """Measure the current value, then the ladder down to FedAvg.

        Raises:
            RequestError: the budget does not last for the current value alone.
            StorageError: the database can't be reached any more; what was measured stays.
        """
        with suppress(_BudgetSpent):
            self.search.measure_all([self.settings.current], self._run)
            self.search.measure_all(ladder(self.settings.current), self._run)
        return self.result()

    def refine(self) -> CampaignResult:
        """Measure finer steps around the best value, until those beside it differ from it by no more than noise.

        Raises what `descend` does.
        """
        with suppress(_BudgetSpent):
            while (mu := self._finer()) is not None:
                self.search.measure_all([mu], self._run)
        return self.result()

    def _finer(self) -> float | None:
        arms, current = self.search.arms(), self.settings.current
        best = best_of(current, arms)
        steps = len(arms) - len(ladder(current))
        beside = [mu for mu in neighbours(best, arms) if mu in arms]
        flat = len(beside) > 1 and all(is_within_noise(mu, best, arms) for mu in beside)
        return None if steps >= FINER or flat or has_no_influence(current, arms) else finer(best, arms)

    def confirm(self) -> CampaignResult:
        """Measure the best value and the current one on seeds that did not choose it; raises what `descend` does."""
        found = self.result()
        if not found.complete:
            with suppress(_BudgetSpent):
                self.confirmation.measure_all([found.decision.current, found.decision.best], self._run)
        return self.result()

    def result(self) -> CampaignResult:
        """Return the decision by what has been measured so far.

        Raises:
            RequestError: not even the current value has been measured on all seeds.
        """
        of, search, confirmed = self.settings, self.search.arms(), self.confirmation.arms()
        if len(search.get(of.current, ())) < of.seeds:
            raise RequestError(
                f"mu = {of.current:g}, the current value, could not be measured on {of.seeds} seeds within the budget",
                remedy="give a larger budget, or none; the study goes on from there",
            )
        steps = sum(one.steps for one in self._measurements())
        decision = decide(of.current, search, {mu: arm for mu, arm in confirmed.items() if len(arm) == of.confirming})
        return CampaignResult(
            decision=decision,
            search=search,
            confirmed=confirmed,
            steps=steps,
            grid_steps=round(steps / len(self._measurements()) * of.grid_runs),
            complete=decision.comparison is not None
            or decision.best == of.current
            or is_within_noise(decision.best, of.current, search),
        )

    def _run(self, units: Sequence[Unit]) -> Iterator[Measurement]:
        """Measure runs, some side by side, while the budget lasts."""
        for some in batched(units, self._runner.width):
            self._check_budget()
            for unit, measured in zip(some, self._runner(some), strict=True):
                self._runs += 1
                self._observe(self._runs, max(self._runs, self.settings.most_runs), self._note(unit, measured))
                yield measured

    def _note(self, unit: Unit, measured: Measurement) -> str:
        left = (self.settings.most_runs - self._runs) * (time.monotonic() - self._begun) / self._runs
        found = measured.failure or f"loss {measured.loss:.4g}"
        return f"mu = {unit[0]:g}, seed {unit[1]}: {found}; at most {max(left, 0) / 60:.0f} min left"

    def _check_budget(self) -> None:
        of, spent = self.settings, self._measurements()
        minutes = sum(one.seconds for one in spent) / 60 / self._runner.width
        if of.budget_minutes is not None and minutes >= of.budget_minutes:
            raise _BudgetSpent
        if of.budget_steps is not None and sum(one.steps for one in spent) >= of.budget_steps:
            raise _BudgetSpent

    def _measurements(self) -> list[Measurement]:
        studies = (self.search, self.confirmation)
        return [one for study in studies for arm in study.arms().values() for one in arm.values()]
