"""The server: wait for the clients, run the rounds, evaluate, and write the ledger and checkpoints."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flwr.app import ArrayRecord, MetricRecord
from flwr.serverapp import Grid
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy

from zk0.core.errors import ConfigurationError, Zk0Error
from zk0.core.project import Project, package_versions
from zk0.core.receipts import write_atomically
from zk0.federation.checkpoints import checkpoint_path, last_checkpoint, save_checkpoint
from zk0.federation.client import processors_of, start_policy
from zk0.federation.closed_loop import run_rollouts
from zk0.federation.configuration import Observe, RunConfig, settings_of
from zk0.federation.exchange import Arrays, to_arrays, to_record, to_tensors
from zk0.federation.introductions import meet_clients, require_same_frozen
from zk0.federation.messages import Introduction
from zk0.federation.server_evaluation import EvaluationSet, evaluate, evaluation_sets
from zk0.federation.strategy import Federation, strategy_of
from zk0.federation.threads import threads_for
from zk0.ledger import Ledger, LedgerWriter, Resources, RunClosed, RunOpened, read_ledger
from zk0.training.parameters import digest_of, frozen_tensors, trainable_parameters
from zk0.training.policy import Processors, load_policy, require_same_actions, set_trainable
from zk0.training.statistics import FeatureStatistics, merged_statistics, statistics_digest, to_plain

LEDGER = "ledger.jsonl"


@dataclass
class Server:
    """The server's state during a run."""

    config: RunConfig
    directory: Path
    ledger: LedgerWriter
    policy: SmolVLAPolicy
    processors: Processors
    sets: list[EvaluationSet]
    observe: Observe
    completed: int = 0

    def after_round(self, server_round: int, record: ArrayRecord) -> MetricRecord | None:
        """Evaluate the aggregate and save a checkpoint; called for round 0 too, with the start weights."""
        number = self.completed + server_round
        if server_round == 0 and self.completed:
            return None  # evaluated before the run was interrupted
        tensors = to_tensors(record)
        set_trainable(self.policy, tensors)
        losses: dict[str, float] = {}
        with threads_for(self.config):
            for found in evaluate(
                self.sets, self.policy, self.processors, self.config, number=number, digest=digest_of(tensors)
            ):
                self.ledger.write(found)
                if found.loss is not None:
                    losses[found.dataset] = found.loss
        save_checkpoint(self.directory, number, self.policy, self.processors)
        mean = sum(losses.values()) / len(losses) if losses else None
        note = f"round {number}" if mean is None else f"round {number}: held-out loss {mean:.3f}"
        self.observe(number, self.config.rounds, note)
        return MetricRecord(dict(losses)) if losses else None


def serve(grid: Grid, config: RunConfig, *, directory: Path, observe: Observe) -> Path:
    """Run the federation to its end, with ledger and checkpoints in `directory`, and return the ledger's path.

    Raises:
        RoundFailedError: too few clients connected, or a round had no valid reply.
        ConfigurationError: clients or start policy do not match, or there is nothing to resume.
    """
    started = time.monotonic()
    require_same_actions(config.policy, relative=config.relative_actions)
    met = meet_clients(grid, config)
    statistics = merged_statistics([one.statistics for one in met.values()])
    server = _prepare(config, directory, met, statistics, observe)
    federation = Federation(
        clients={node: one.data.client for node, one in met.items()},
        config=config,
        ledger=server.ledger,
        statistics=to_plain(statistics),
        completed=server.completed,
        before=_sent_before(config, directory, server.completed),
    )
    try:
        strategy_of(federation).start(
            grid=grid,
            initial_arrays=to_record(trainable_parameters(server.policy)),
            num_rounds=config.rounds - server.completed,
            timeout=config.round_seconds,
            evaluate_fn=server.after_round,
        )
        if config.rollouts:
            record = to_record(trainable_parameters(server.policy))

            def driven(done: int, total: int) -> None:
                observe(config.rounds, config.rounds, f"closed loop: {done / total:.0%} of the episodes")

            for result in run_rollouts(grid, config, record, statistics, driven):
                server.ledger.write(result)
    except Zk0Error as error:
        seconds = Resources(seconds=time.monotonic() - started, at=datetime.now(UTC))
        last = read_ledger(server.ledger.path).last_round
        server.ledger.write(RunClosed(outcome="failed", rounds=last, reason=error.message, resources=seconds))
        raise
    seconds = Resources(seconds=time.monotonic() - started, at=datetime.now(UTC))
    server.ledger.write(RunClosed(outcome="done", rounds=config.rounds, resources=seconds))
    return server.ledger.path


def _prepare(
    config: RunConfig, directory: Path, met: dict[int, Introduction], statistics: FeatureStatistics, observe: Observe
) -> Server:
    policy = start_policy(*config.policy_settings)
    frozen = digest_of(frozen_tensors(policy))
    require_same_frozen(met.values(), frozen)
    ledger = LedgerWriter(directory / LEDGER)
    completed = _resume(config, directory, policy) if config.resume else 0
    if not config.resume:
        if ledger.path.exists():
            raise ConfigurationError(
                f"{directory} already holds a run", remedy="give another output, or go on with resume=true"
            )
        ledger.write(_run_opened(config, met, policy, frozen, statistics))
    return Server(
        config=config,
        directory=directory,
        ledger=ledger,
        policy=policy,
        processors=processors_of(policy, statistics, config),
        sets=evaluation_sets(config, policy.config.chunk_size),
        observe=observe,
        completed=completed,
    )


def _resume(config: RunConfig, directory: Path, policy: SmolVLAPolicy) -> int:
    """Load the last checkpoint into the policy, cut the ledger after its round and return the round."""
    found = last_checkpoint(directory)
    if found is None:
        raise ConfigurationError(f"{directory} has no checkpoint to resume from", remedy="run without resume")
    number, path = found
    if number >= config.rounds:
        raise ConfigurationError(
            f"{directory} has done {number} rounds of {config.rounds}", remedy="ask for more rounds, or read its ledger"
        )
    set_trainable(policy, trainable_parameters(load_policy(path, device=config.resolved_device())))
    old = read_ledger(directory / LEDGER)
    _refuse_other_schedule(old, config)
    # The round after the checkpoint was not finished; it is run again.
    write_atomically(directory / LEDGER, "".join(event.model_dump_json() + "\n" for event in old.until(number)))
    return number


def _sent_before(config: RunConfig, directory: Path, completed: int) -> Arrays:
    """Return what the last completed round sent, if a resumed run needs it for the server's momentum."""
    if not config.server_momentum or not completed:
        return {}
    return to_arrays(to_record(trainable_parameters(load_policy(checkpoint_path(directory, completed - 1)))))


def _refuse_other_schedule(old: Ledger, config: RunConfig) -> None:
    """Refuse to resume with another configuration: the run's first event would no longer be true."""
    if old.opened is None:
        raise ConfigurationError(f"{old.source} does not begin with a run", remedy="run without resume")
    # A key that is newer than the run had its default value then.
    before = RunConfig().plain() | {key: setting.value for key, setting in old.opened.configuration.items()}
    changed = [key for key, setting in settings_of(config).items() if before[key] != setting.value]
    if changed:
        raise ConfigurationError(
            f"the run was begun with another {', '.join(changed)}", remedy="resume with the same configuration"
        )


def _run_opened(
    config: RunConfig, met: dict[int, Introduction], policy: SmolVLAPolicy, frozen: str, statistics: FeatureStatistics
) -> RunOpened:
    trained = trainable_parameters(policy)
    return RunOpened(
        seed=config.seed,
        configuration=settings_of(config),
        git=Project.find(Path(__file__).parent).git_state(),
        versions=package_versions(),
        clients=sorted((one.data for one in met.values()), key=lambda data: data.partition),
        parameters=sum(value.numel() for value in policy.parameters()),
        trainable=sum(value.numel() for value in trained.values()),
        tensors=len(trained),
        frozen_digest=frozen,
        statistics_digest=statistics_digest(statistics),
        resources=Resources(at=datetime.now(UTC)),
    )
