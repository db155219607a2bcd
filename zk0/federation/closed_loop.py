"""Drive the simulated arm by the trained policy, a few episodes at a time, in the processes that trained the clients.

An episode depends on the weights and its seed alone, so the results don't depend on the number of processes.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator

from flwr.app import ArrayRecord
from flwr.serverapp import Grid

from zk0.core.worker_pool import WorkerCall, WorkerPool, perform_here
from zk0.federation.client import policy_of, processors_of
from zk0.federation.configuration import RunConfig
from zk0.federation.exchange import to_arrays, to_tensors
from zk0.federation.sources import SIMULATED
from zk0.federation.threads import threads_for
from zk0.ledger import Resources, RolloutResult
from zk0.simulator.environment import Simulation
from zk0.simulator.rollout import Episode, Rollouts, run_episode
from zk0.simulator.tasks import episode_seed, task
from zk0.training.evaluation import make_actor
from zk0.training.parameters import digest_of
from zk0.training.policy import set_trainable
from zk0.training.statistics import FeatureStatistics

PART = 5  # episodes a call: opening a simulation costs less than one, and no process waits long for another


def run_rollouts(
    grid: Grid,
    config: RunConfig,
    record: ArrayRecord,
    statistics: FeatureStatistics,
    observe: Callable[[int, int], None],
) -> Iterator[RolloutResult]:
    """Yield the success rate of these tensors in each simulated task, including the unseen one.

    `observe` is called with the number of episodes that are done, and of all.
    """
    sets = (*config.clients, *config.unseen_sets)
    tasks = {name: source.removeprefix(SIMULATED) for name, source in sets if source.startswith(SIMULATED)}
    parts = [
        (name, range(first, min(first + PART, config.rollouts)))
        for name in tasks
        for first in range(0, config.rollouts, PART)
    ]
    started = time.monotonic()
    calls = [WorkerCall(_run, (config, record, statistics, tasks[name], part), affinity=name) for name, part in parts]
    found: dict[str, list[Episode]] = defaultdict(list)
    pool: WorkerPool | None = getattr(grid, "pool", None)  # of the inline engine's side-by-side grid
    perform = pool.perform if pool else perform_here
    for (name, _), episodes in zip(parts, perform(calls, lambda done: observe(done, len(calls))), strict=True):
        found[name] += episodes
    seconds = time.monotonic() - started
    for name, episodes in found.items():
        result = Rollouts.of(tasks[name], episodes)
        low, high = result.interval
        yield RolloutResult(
            round=config.rounds,
            dataset=name,
            task=result.task,
            episodes=result.n,
            successes=result.successes,
            low=low,
            high=high,
            digest=digest_of(to_arrays(record)),
            resources=Resources(seconds=seconds / len(found)),
        )


def _run(
    config: RunConfig, record: ArrayRecord, statistics: FeatureStatistics, name: str, part: range
) -> list[Episode]:
    """Run these episodes of a task in this process."""
    policy = policy_of(config)
    set_trainable(policy, to_tensors(record))
    act = make_actor(policy, processors_of(policy, statistics, config))
    execute = policy.config.n_action_steps
    with threads_for(config), Simulation(task(name)) as simulation:
        seeds = [episode_seed(name, config.seed, index, "rollout") for index in part]
        return [run_episode(simulation, act, seed=seed, execute=execute) for seed in seeds]
