"""The runs that are measured: zk0's own federation, or any program that prints its losses."""

import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean

import psutil

from zk0.core.errors import CommandError, InputError, LedgerError, RoundFailedError, TrainingError
from zk0.core.process import run_program
from zk0.federation.configuration import Value
from zk0.ledger import Evaluation, Ledger, read_ledger
from zk0.ledger.importers import import_ledgers
from zk0.tuning.measurements import Measure, Measurement, Unit

LEDGER = "ledger.jsonl"
HEAVY = ("checkpoints",)  # of a run that was measured, nobody wants them
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
LONGEST = 6 * 3600.0  # seconds of one run of a program


@dataclass(frozen=True)
class FederatedRun:
    """A run of zk0's federation with the inline engine; `configuration` has everything but mu and seed.

    All runs start from its `policy`, so that runs with the same seed differ by mu alone: the seed decides the order of
    the data and all noise.
    """

    configuration: Mapping[str, Value]
    directory: Path

    def __call__(self, mu: float, seed: int) -> Measurement:
        """Train and read the losses of the last round."""
        from zk0.federation import engines

        output, begun = _fresh(self.directory / f"mu-{mu:g}-seed-{seed}"), time.monotonic()
        one: dict[str, Value] = {
            "proximal-mu": mu,
            "adaptive-mu": False,
            "strategy": "fedprox",
            "seed": seed,
            "output": str(output),
            "resume": False,
        }
        try:
            engines.run("inline", {**self.configuration, **one}, lambda _done, _total, _note: None)
        except (RoundFailedError, TrainingError) as error:
            return Measurement(mu=mu, seed=seed, failure=error.message, seconds=time.monotonic() - begun)
        finally:
            for name in HEAVY:
                shutil.rmtree(output / name, ignore_errors=True)
        return measurement_of(read_ledger(output / LEDGER), mu, seed, time.monotonic() - begun)


@dataclass(frozen=True)
class ProgramRun:
    """A run of somebody's program: an argv with `{mu}` in one of its arguments, and `{seed}` if it takes one."""

    argv: tuple[str, ...]
    root: Path
    directory: Path

    def __post_init__(self) -> None:
        if not any("{mu}" in argument for argument in self.argv):
            raise InputError(
                f"no argument of {' '.join(self.argv)} has {{mu}} in it, so every run would be the same",
                remedy="write the option that takes mu as --proximal-mu={mu}",
            )
        if not any("{seed}" in argument for argument in self.argv):
            raise InputError(
                f"no argument of {' '.join(self.argv)} has {{seed}} in it, so runs could not be paired",
                remedy="write the option that takes the seed as --seed={seed}",
            )

    def __call__(self, mu: float, seed: int) -> Measurement:
        """Run the program and read the losses from what it prints."""
        folder, begun = _fresh(self.directory / f"mu-{mu:g}-seed-{seed}"), time.monotonic()
        argv = [argument.replace("{mu}", f"{mu:g}").replace("{seed}", str(seed)) for argument in self.argv]
        ended = run_program(*argv, cwd=self.root, seconds=LONGEST, env=dict.fromkeys(THREADS, "1"))
        log = folder / "program.log"
        log.write_bytes(ended.stdout + ended.stderr)
        if ended.status:
            raise CommandError(f"{argv[0]} ended with exit status {ended.status}: {ended.reason}", remedy=f"see {log}")
        [imported] = import_ledgers([log])
        return measurement_of(imported.ledger, mu, seed, time.monotonic() - begun)


def measurement_of(ledger: Ledger, mu: float, seed: int, seconds: float) -> Measurement:
    """Return what a finished run gave: losses of its last evaluation, drift and ratio of its last round.

    Raises:
        LedgerError: it has no evaluation on held-out data.
    """
    held_out: dict[int, list[Evaluation]] = {}
    for one in ledger.evaluations:
        if one.role == "held-out" and one.round > 0:
            held_out.setdefault(one.round, []).append(one)
    last = max(held_out, default=0)
    ends = held_out.get(last, [])
    if not ends:
        raise LedgerError(
            f"{ledger.source} has no loss on held-out data",
            remedy="have every round evaluated, without the proximal term, and the loss logged",
        )
    losses = {one.dataset: one.loss for one in ends if one.loss is not None}
    known_losses = {number: [one.loss for one in all_ if one.loss is not None] for number, all_ in held_out.items()}
    trainings = [one for one in ledger.trainings if one.round == last]
    return Measurement(
        mu=mu,
        seed=seed,
        losses=losses if len(losses) == len(ends) else {},
        rounds={number: fmean(known) for number, known in sorted(known_losses.items()) if known},
        steps=sum(one.steps for one in ledger.trainings),
        seconds=seconds,
        drift=_mean_of_last([one.drift for one in trainings]),
        ratio=_mean_of_last([one.proximal_ratio for one in trainings]),
        failure="" if len(losses) == len(ends) else "a held-out loss is not finite",
    )


class Processes:
    """Measures runs in processes of their own, each with one thread.

    A second thread gains nothing at the size of a short run, and threads of several processes wait for each other.
    """

    def __init__(self, pool: ProcessPoolExecutor, measure: Measure, width: int) -> None:
        self._pool = pool
        self._measure = measure
        self.width = width

    def __call__(self, units: Sequence[Unit]) -> Iterator[Measurement]:
        """Measure runs side by side.

        Raises:
            CommandError: one of the processes was killed.
        """
        futures = [self._pool.submit(self._measure, mu, seed) for mu, seed in units]
        try:
            for future in futures:
                yield future.result()
        except BrokenProcessPool as error:
            raise CommandError(
                "a process that trains was killed", remedy="lower workers if memory is short; the study goes on"
            ) from error


@contextmanager
def processes(measure: Measure, width: int) -> Iterator[Processes]:
    """Start processes for the block; they and what they do end with it."""
    with ProcessPoolExecutor(width, get_context("spawn"), initializer=_use_one_thread) as pool:
        try:
            yield Processes(pool, measure, width)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in psutil.Process().children():
                with suppress(psutil.NoSuchProcess):  # it ended meanwhile; a zombie is none either
                    if "multiprocessing.spawn" in " ".join(child.cmdline()):
                        child.kill()
            raise


def cores() -> int:
    """Return how many cores this process may use."""
    return len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else os.cpu_count() or 1


def _use_one_thread() -> None:
    os.environ.update(dict.fromkeys(THREADS, "1"))


def _fresh(folder: Path) -> Path:
    """Return an empty folder: a run that was killed begins again."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _mean_of_last(series: Sequence[Sequence[float | None]]) -> float | None:
    ends = [known[-1] for one in series if (known := [value for value in one if value is not None])]
    return fmean(ends) if ends else None
