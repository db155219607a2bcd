"""The measurements of a study in a database that several processes and machines share, by Optuna.

A trial is one mu on all seeds of a study. Its measurements are stored seed by seed, so a process that is killed loses
the run in progress and no other; the next process that opens the study takes its trial up again.
"""

import os
import socket
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import numpy as np
import optuna
import psutil
from optuna.exceptions import StorageInternalError
from optuna.trial import FrozenTrial, TrialState
from scipy.stats import ttest_rel
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from zk0.core.errors import ConfigurationError, StorageError
from zk0.tuning.measurements import Arm, Measurement, Unit, noise_floor

BEAT_EVERY = 20.0  # seconds
STALE = 120.0  # seconds without a beat, seen from here, after which another machine's trial is taken up again
SETTLE = 0.2  # seconds in which another process that took the same trial has said so
POLL = 1.0  # seconds between two looks at what other processes do
MU, PROBLEM, OWNER, BEAT, SEED = "mu", "problem", "owner", "beat", "seed "
FEWEST = 2  # seeds before a trial may be ended early
HOPELESS = 0.05  # level at which it is
HIGHEST = 1e12  # of mu: Optuna wants a range
type Run = Callable[[Sequence[Unit]], Iterable[Measurement]]

OVER = (TrialState.COMPLETE, TrialState.PRUNED)


class Study:
    """The trials of one stage, each with its measurements.

    Args:
        name: the study's name in the database.
        url: of the database, as SQLAlchemy writes it; None keeps the measurements in memory.
        problem: what is tuned, as digest; a study of another problem is refused.
        seeds: of every trial.
        prune: end a trial that is worse than the best one before all of its seeds are measured.

    Raises:
        StorageError: the database can't be opened.
        ConfigurationError: the study is of another problem, or the URL is none.
    """

    def __init__(self, name: str, url: str | None, problem: str, seeds: Sequence[int], *, prune: bool) -> None:
        self.seeds = tuple(seeds)
        self._prune = prune
        self._seen: dict[int, tuple[object, float]] = {}  # trial -> its last beat, and when we first saw that one
        with _storage_errors(url):
            self._study = _open(name, url)
            known = self._study.user_attrs.get(PROBLEM)
            if known is None:
                self._study.set_user_attr(PROBLEM, problem)
        if known not in (None, problem):
            raise ConfigurationError(
                f"the study {name} is of another project, configuration or data set",
                remedy="give another study name, or the settings that it began with",
            )
        self._url = url

    def measure_all(self, mus: Sequence[float], run: Run) -> None:
        """Measure every mu that nobody has measured or measures now; return when all are done.

        Raises:
            StorageError: the database can't be reached any more; what is in it stays.
        """
        with _storage_errors(self._url):
            while True:
                self._release_dead()
                states = self._states()
                if all(states.get(mu) in OVER for mu in mus):
                    return
                # One at a time and in order, so that a campaign that was killed goes on as it would have without that.
                open_mus = [mu for mu in mus if states.get(mu) not in (*OVER, TrialState.RUNNING)]
                if open_mus and states.get(open_mus[0]) is not TrialState.WAITING:
                    self._study.enqueue_trial({MU: open_mus[0]}, user_attrs={MU: open_mus[0]})
                trial = self._next(mus)
                if trial is None:
                    time.sleep(POLL)
                else:
                    self._run(trial, run)

    def arms(self) -> dict[float, Arm]:
        """Return the measurements by mu, in the order in which they were begun, and by seed."""
        found: dict[float, dict[int, Measurement]] = {}
        for trial in self._trials():
            for name, value in trial.user_attrs.items():
                if name.startswith(SEED):
                    one = Measurement.model_validate(value)
                    found.setdefault(trial.user_attrs[MU], {})[one.seed] = one
        return {mu: {seed: arm[seed] for seed in self.seeds if seed in arm} for mu, arm in found.items()}

    def _run(self, trial: optuna.Trial, run: Run) -> None:
        """Measure the seeds that are missing, and end early if the pruner says so.

        Whatever ends it before, an error, a spent budget or an interruption, gives the trial up: this process lives
        on, so that everyone would wait for it for ever.
        """
        try:
            self._measure_missing(trial, run)
        except BaseException:
            with suppress(StorageInternalError, SQLAlchemyError):  # the first error says more
                self._study.tell(trial.number, state=TrialState.FAIL)
            raise

    def _measure_missing(self, trial: optuna.Trial, run: Run) -> None:
        mu = trial.user_attrs[MU]
        known = self.arms().get(mu, {})
        fresh = iter(run([(mu, seed) for seed in self.seeds if seed not in known]))
        instances = count()
        with _beating(trial):
            for seed in self.seeds:
                measured = known.get(seed) or next(fresh)
                trial.set_user_attr(f"{SEED}{seed}", measured.model_dump(mode="json"))
                for client in sorted(measured.losses):
                    trial.report(measured.losses[client], next(instances))
                if measured.failure or self._is_hopeless(mu, trial):
                    self._study.tell(trial.number, state=TrialState.PRUNED)
                    return
        losses = [one.loss for one in self.arms()[mu].values()]
        self._study.tell(trial.number, sum(losses) / len(losses))

    def _is_hopeless(self, mu: float, trial: optuna.Trial) -> bool:
        """Return whether a mu is worse than the best one by more than noise, on the seeds so far.

        Wilcoxon's test on (seed, client) needs six pairs. On paired seeds the differences hardly vary, so a paired
        t-test often sees it after two, as in racing (Birattari et al., GECCO 2002). Either only chooses where to spend
        time. Until some value differs by more than noise, others are measured to the end: only then can it be said
        that mu does not matter.
        """
        arms = self.arms()
        whole = [
            (trial.value or 0.0, trial.user_attrs[MU]) for trial in self._trials() if trial.state is TrialState.COMPLETE
        ]
        if not self._prune or len(arms[mu]) < FEWEST or not whole:
            return False
        best = arms[min(whole)[1]]
        pairs = np.array([(arms[mu][seed].loss, best[seed].loss) for seed in arms[mu]])
        floor = noise_floor([best]) or 0.0
        matters = max(whole)[0] - min(whole)[0] > floor
        if not matters and np.mean(pairs[:, 0] - pairs[:, 1]) <= floor:
            return False
        with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # differences that are all equal
            p_value = ttest_rel(pairs[:, 0], pairs[:, 1], alternative="greater").pvalue
        return bool(p_value < HOPELESS) or trial.should_prune()

    def _next(self, mus: Collection[float]) -> optuna.Trial | None:
        """Return the next trial that waits, now ours; None where none waits."""
        while any(trial.state is TrialState.WAITING for trial in self._trials()):
            trial = self._study.ask()
            if not self._claims(trial):
                continue
            mu = trial.user_attrs.get(MU, -1.0)  # without one, another process took the last that waited
            if mu in mus and not self._is_taken(mu, trial.number):
                trial.suggest_float(MU, 0, HIGHEST)
                return trial
            self._study.tell(trial.number, state=TrialState.FAIL)
        return None

    def _claims(self, trial: optuna.Trial) -> bool:
        """Say whose the trial is from here on, and return whether it is ours.

        Two processes can take the same waiting trial from SQLite, which locks no row: both then say that it is theirs,
        and the later word holds.
        """
        if OWNER in self._stored(trial).user_attrs:
            return False
        owner = {**_this_process(), "claim": uuid4().hex}
        trial.set_user_attr(OWNER, owner)
        if self._url is None or not self._url.startswith("sqlite"):
            return True
        time.sleep(SETTLE)
        return bool(self._stored(trial).user_attrs[OWNER] == owner)

    def _stored(self, trial: optuna.Trial) -> FrozenTrial:
        return next(one for one in self._study.get_trials(deepcopy=False) if one.number == trial.number)

    def _is_taken(self, mu: float, number: int) -> bool:
        """Return whether another trial has or had this mu. Of two that began together, the lower number keeps it."""
        others = [one for one in self._trials() if one.user_attrs[MU] == mu and one.number != number]
        return any(one.state in OVER or (one.state is TrialState.RUNNING and one.number < number) for one in others)

    def _states(self) -> dict[float, TrialState]:
        """Return the state of each mu: of its trials, the one that got furthest."""
        order = (TrialState.FAIL, TrialState.WAITING, TrialState.RUNNING, *OVER)
        found: dict[float, TrialState] = {}
        for trial in self._trials():
            mu = trial.user_attrs[MU]
            found[mu] = max(found.get(mu, TrialState.FAIL), trial.state, key=order.index)
        return found

    def _release_dead(self) -> None:
        """Give up the trials of processes that no longer live, so that they are measured again."""
        for trial in self._trials():
            if trial.state is TrialState.RUNNING and not self._lives(trial):
                self._study.tell(trial.number, state=TrialState.FAIL)

    def _lives(self, trial: FrozenTrial) -> bool:
        owner = trial.user_attrs.get(OWNER)
        if owner and owner["host"] == socket.gethostname():
            return _process_lives(owner)
        # Another machine's, or its owner was killed before it said who it is: alive while its beat changes.
        beat, now = trial.user_attrs.get(BEAT), time.monotonic()
        before, since = self._seen.setdefault(trial.number, (beat, now))
        if before != beat:
            self._seen[trial.number] = (beat, now)
            return True
        return now - since < STALE

    def _trials(self) -> list[FrozenTrial]:
        return [trial for trial in self._study.get_trials(deepcopy=False) if MU in trial.user_attrs]


def _open(name: str, url: str | None) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning):
        pruner = optuna.pruners.WilcoxonPruner()
    return optuna.create_study(
        study_name=name,
        storage=url,
        load_if_exists=True,
        sampler=optuna.samplers.RandomSampler(seed=0),  # draws nothing: every trial's mu is decided here
        pruner=pruner,
    )


@contextmanager
def _storage_errors(url: str | None) -> Iterator[None]:
    """Raise an error of the database as one that names it, without its password."""
    place = str(url).rpartition("@")[2]  # without a user and password
    try:
        yield
    except ArgumentError as error:
        raise ConfigurationError(
            f"{place} is not the URL of a database", remedy="write it like sqlite:///study.db"
        ) from error
    except (StorageInternalError, SQLAlchemyError, ImportError) as error:
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        raise StorageError(
            f"the study's database {place} can't be used: {reason}",
            remedy="check the URL; the study goes on from there",
        ) from error


@contextmanager
def _beating(trial: optuna.Trial) -> Iterator[None]:
    """Show in the database that this process lives, for those on other machines."""
    over = Event()

    def beat() -> None:
        for number in count():
            trial.set_user_attr(BEAT, number)
            if over.wait(BEAT_EVERY):
                return

    thread = Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _this_process() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid(), "started": psutil.Process().create_time()}


def _process_lives(owner: Mapping[str, Any]) -> bool:
    try:
        return bool(psutil.Process(owner["pid"]).create_time() == owner["started"])
    except psutil.NoSuchProcess:
        return False
