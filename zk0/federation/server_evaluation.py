"""Evaluate on the server: the same frames, noise and times every round, so that only the weights differ."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy

from zk0.federation.configuration import RunConfig
from zk0.federation.sources import AT_SITE, SIMULATED, locate_configured
from zk0.ledger import Evaluation, Resources, RolloutResult
from zk0.training.evaluation import evaluate_loss, make_actor
from zk0.training.frames import Frames, open_frames
from zk0.training.policy import Processors


@dataclass(frozen=True)
class EvaluationSet:
    """Frames to evaluate on: a client's held-out episodes, or the whole data set that no client has."""

    name: str
    role: Literal["held-out", "unseen"]
    frames: Frames


def evaluation_sets(config: RunConfig, horizon: int) -> list[EvaluationSet]:
    """Open the held-out episodes of every client's data set that is on this machine, and the unseen data set."""
    sets = []
    for name, source in (*config.clients, *config.unseen_sets):
        if source.startswith(AT_SITE):
            continue
        dataset = locate_configured(name, source, config)
        unseen = (name, source) in config.unseen_sets
        frames = open_frames(
            dataset,
            episodes=list(range(dataset.episodes)) if unseen else dataset.held_out_episodes(config.held_out),
            horizon=horizon,
            cameras=config.camera_names,
            workers=config.loader_workers,
        )
        sets.append(EvaluationSet(name, "unseen" if unseen else "held-out", frames))
    return sets


def evaluate(
    sets: list[EvaluationSet],
    policy: SmolVLAPolicy,
    processors: Processors,
    config: RunConfig,
    *,
    number: int,
    digest: str,
) -> Iterator[Evaluation]:
    """Yield the policy's loss on each set."""
    for one in sets:
        started = time.monotonic()
        loss, frames = evaluate_loss(
            policy, processors, one.frames, seed=config.seed, name=one.name, limit=config.evaluation_frames
        )
        yield Evaluation(
            round=number,
            dataset=one.name,
            role=one.role,
            loss=loss,
            frames=frames,
            digest=digest,
            missing={} if loss is not None else {"loss": "no frame could be decoded"},
            resources=Resources(seconds=time.monotonic() - started),
        )


def run_rollouts(
    policy: SmolVLAPolicy, processors: Processors, config: RunConfig, *, number: int, digest: str
) -> Iterator[RolloutResult]:
    """Yield the success rate of each simulated task, including the unseen one."""
    from zk0.simulator.rollout import rollout
    from zk0.simulator.tasks import task

    for name, source in (*config.clients, *config.unseen_sets):
        if not source.startswith(SIMULATED):
            continue
        started = time.monotonic()
        found = task(source.removeprefix(SIMULATED))
        result = rollout(
            found,
            make_actor(policy, processors, seed=config.seed),
            episodes=config.rollouts,
            seed=config.seed,
            # The whole chunk, as LeRobot's own select_action does. Asked again halfway, a policy draws other noise and
            # changes its mind: measured, 0 of 20 lifts with 3 of 10 actions executed, 5 of 20 with all.
            execute=policy.config.n_action_steps,
        )
        yield RolloutResult(
            round=number,
            dataset=name,
            task=found.name,
            episodes=result.n,
            successes=result.successes,
            low=result.interval[0],
            high=result.interval[1],
            digest=digest,
            resources=Resources(seconds=time.monotonic() - started),
        )
