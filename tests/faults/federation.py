"""A federated run of the product's own parts that takes a second, healthy or with a fault put into one of them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from zk0.core.errors import Zk0Error
from zk0.core.git import GitState
from zk0.core.project import Project
from zk0.federation import client, server, server_evaluation
from zk0.federation.engines import run as run_engine
from zk0.federation.sources import locate_configured
from zk0.ledger import Ledger, read_ledger
from zk0.training.frames import open_frames

from . import policy as small

type Values = dict[str, Any]
type Inject = Callable[[pytest.MonkeyPatch, Values], None]

# SmolVLA learns at another rate, and takes 30 ms a step.
SMOLVLA: Values = {"rounds": 4, "local-steps": 12, "learning-rate": 2e-3, "final-learning-rate": 2e-4}
TASKS = ("lift-left", "lift-right", "place-middle", "touch-far")
RECORDINGS = 3  # seeds of data


def settings_of(seed: int, *, smolvla: bool = False) -> Values:
    """Return the configuration that faults are put into: small enough to be fast, long enough to show them."""
    chance = Random(seed)
    tasks = chance.sample(TASKS, 3)
    return {
        "data": ";".join(f"sim:{task}" for task in tasks),
        "unseen": "",
        "episodes": 4,
        "data-seed": chance.randrange(RECORDINGS),
        "cameras": "wrist",
        "rounds": 6,
        "local-steps": 16,
        "batch-size": 8,
        "learning-rate": chance.choice([3e-3, 5e-3]),
        "final-learning-rate": 3e-4,
        "warmup-steps": 5,
        "proximal-mu": chance.choice([0.1, 0.3]),
        "measure-every": 1,
        "evaluation-frames": 64,
        "device": "cpu",
        "seed": seed,
    } | (SMOLVLA if smolvla else {})


def sane_settings_of(seed: int, *, smolvla: bool = False) -> Values:
    """Return another sane configuration: a healthy run of it must raise no alarm."""
    chance = Random(f"sane {seed}")
    tasks = chance.sample(TASKS, chance.choice([2, 3, 4]))
    rate = chance.choice([1e-3, 2e-3, 5e-3, 1e-2])
    values = settings_of(seed) | {
        "data": ";".join(f"sim:{task}" for task in tasks),
        "rounds": chance.choice([3, 5, 8, 12]),
        "local-steps": chance.choice([8, 16, 30]),
        "batch-size": chance.choice([4, 8, 16]),
        "learning-rate": rate,
        "final-learning-rate": rate / chance.choice([1, 10, 100]),
        "warmup-steps": chance.choice([0, 5, 20]),
        "strategy": chance.choice(["fedprox", "fedprox", "fedprox", "fedavg"]),
        "proximal-mu": chance.choice([0.0, 0.001, 0.01, 0.1, 0.5]),
        "measure-every": chance.choice([1, 2, 5, 10]),
        "fraction-train": chance.choice([1.0, 1.0, 1.0, 0.5]),
        "clip-norm": chance.choice([5.0, 10.0, 10.0, 100.0]),
        "weight-decay": chance.choice([1e-10, 1e-4]),
    }
    return values | ({"learning-rate": 2e-3, "final-learning-rate": 2e-4} if smolvla else {})


@contextmanager
def kept_parts() -> Iterator[pytest.MonkeyPatch]:
    """Keep what every run would read anew: data sets and git's state. Checkpoints are not wanted here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZK0_WORKERS", "0")  # a fault changes functions of this process
        patch.setattr(server, "save_checkpoint", lambda *_: None)
        patch.setattr(Project, "git_state", lambda _: GitState())
        patch.setattr(server_evaluation, "open_frames", _frames)
        for module in (client, server_evaluation):
            patch.setattr(module, "locate_configured", _configured)
        yield patch


def run(
    directory: Path, values: Mapping[str, Any], inject: Inject = lambda *_: None, *, smolvla: bool = False
) -> Ledger:
    """Run a federation and return its ledger, complete or up to where the fault ended it."""
    given = dict(values) | {"output": str(directory)}
    with kept_parts() as patch:
        if not smolvla:
            for module in (client, server):
                patch.setattr(module, "start_policy", lambda *given: small.start(given[4]))
            patch.setattr(client, "make_processors", small.processors)
        inject(patch, given)
        client._policy.cache_clear()  # a fault may have changed what is frozen in it
        try:
            run_engine("inline", given, lambda *_: None)
        except Zk0Error:
            pass  # the ledger tells of it
        finally:
            client._policy.cache_clear()
    return read_ledger(directory / "ledger.jsonl")


@lru_cache(maxsize=64)
def _kept(name: str, source: str, episodes: int, seed: int, cameras: str) -> Any:
    config = client.RunConfig(data=f"{name}={source}", unseen="", episodes=episodes, data_seed=seed, cameras=cameras)
    return locate_configured(name, source, config)


def _configured(name: str, source: str, config: Any) -> Any:
    return _kept(name, source, config.episodes, config.data_seed, config.cameras)


_opened: dict[object, Any] = {}


def _frames(dataset: Any, **given: Any) -> Any:
    key = (dataset.root, *(tuple(value) if isinstance(value, list) else value for value in given.values()))
    if key not in _opened:
        _opened[key] = open_frames(dataset, **given)
    return _opened[key]
