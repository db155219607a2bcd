"""The client: describe its data, and train a round from the server's tensors."""

from functools import lru_cache
from typing import Any

from flwr.app import ArrayRecord
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy

from zk0.core.errors import PolicyError
from zk0.core.project import cache_dir
from zk0.federation.configuration import Client, RunConfig
from zk0.federation.exchange import to_record, to_tensors
from zk0.federation.messages import Assignment, Introduction
from zk0.federation.sources import locate, locate_configured
from zk0.federation.threads import threads_for
from zk0.ledger import ClientData, Training
from zk0.ledger.schema import OPTIONAL_SERIES, SERIES
from zk0.training.dataset_inspection import STATE, DatasetDescription
from zk0.training.frames import Frames, FramesInMemory, open_frames, plan_batches
from zk0.training.loop import LocalTraining, TrainingSettings, run_training_loop, setup_training_components
from zk0.training.parameters import digest_of, frozen_tensors, trainable_parameters
from zk0.training.policy import (
    Processors,
    Statistics,
    build_policy,
    load_policy,
    make_processors,
    set_trainable,
)
from zk0.training.prefix_cache import PrefixCache, fits, is_valid
from zk0.training.presets import preset
from zk0.training.statistics import FeatureStatistics, to_plain, training_statistics


def start_policy(
    name: str, checkpoint: str, backbone: str, cameras: tuple[str, ...], seed: int, device: str
) -> SmolVLAPolicy:
    """Build the start policy that these `policy_settings` decide: the same on server and clients, on every machine."""
    if checkpoint:
        return load_policy(checkpoint, device=device)
    return build_policy(
        preset(name), cameras=cameras, seed=seed, cache=cache_dir(), backbone=backbone or None, device=device
    )


def introduce(client: Client, config: RunConfig) -> Introduction:
    """Describe the client's data; no frame leaves the client."""
    dataset = locate_configured(client.name, client.source, config)
    statistics = to_plain(statistics_of(dataset, config))
    data = ClientData(
        client=client.name,
        partition=client.partition,
        dataset=dataset.name,
        digest=dataset.digest,
        episodes=dataset.episodes,
        training_frames=int(statistics[STATE]["count"][0]),
        held_out_episodes=dataset.held_out_episodes(config.held_out),
        fps=dataset.fps,
        robot_type=dataset.robot_type,
        tasks=list(dataset.tasks),
        cameras=list(config.camera_names),
        state_range=list(dataset.state_range),
    )
    return Introduction(data=data, statistics=statistics, frozen_digest=digest_of(frozen_tensors(policy_of(config))))


def statistics_of(dataset: DatasetDescription, config: RunConfig) -> FeatureStatistics:
    """Return what a run normalises with, of one data set's training episodes."""
    horizon = policy_of(config).config.chunk_size if config.relative_actions else 0
    return training_statistics(dataset, dataset.training_episodes(config.held_out), relative_over=horizon)


def processors_of(policy: SmolVLAPolicy, statistics: Statistics, config: RunConfig) -> Processors:
    """Return a run's pipelines around its policy."""
    return make_processors(policy, statistics, relative_actions=config.relative_actions)


def train(
    client: Client,
    config: RunConfig,
    record: ArrayRecord,
    *,
    assignment: Assignment,
    number: int,
    mu: float,
    steps: int | None = None,
) -> tuple[ArrayRecord, Training]:
    """Train round `number`, from 1, and return the trained tensors and the round's ledger event.

    `record` holds the global trainable tensors, `assignment` their digest and the statistics to normalise with;
    without `steps` the round is trained to its end.

    Raises:
        PolicyError: the tensors differ from those the server reports, or do not fit this policy.
    """
    policy = policy_of(config)
    set_trainable(policy, to_tensors(record))
    digest_in = digest_of(trainable_parameters(policy))  # of the policy, not of the record
    if digest_in != assignment.digest:
        raise PolicyError(f"the policy starts from {digest_in[:8]}, and the server sent {assignment.digest[:8]}")
    frames = frames_of(client, config, policy.config.chunk_size)
    settings = training_settings(config, number=number, mu=mu)
    prefix = prefix_of(config, policy, frames)
    components = setup_training_components(
        policy, processors_of(policy, assignment.statistics, config), settings, prefix
    )
    plan = batch_plan(client, config, number=number, frames=len(frames))[:steps]
    with threads_for(config):
        result = run_training_loop(components, frames.batches(plan), steps=len(plan), purpose=(client.name, number))
    trained = trainable_parameters(policy)
    training = training_event(
        client,
        config,
        settings,
        result,
        number=number,
        frames=len(frames),
        digests=(digest_in, digest_of(trained), digest_of(frozen_tensors(policy))),
    )
    return to_record(trained), training


def training_settings(config: RunConfig, *, number: int, mu: float) -> TrainingSettings:
    """Return a round's settings; the learning rate continues where the previous round ended."""
    return TrainingSettings(
        learning_rate=config.learning_rate,
        final_learning_rate=config.final_learning_rate,
        warmup_steps=config.effective_warmup,
        first_step=(number - 1) * config.local_steps,
        total_steps=config.total_steps,
        clip_norm=config.clip_norm,
        weight_decay=config.weight_decay,
        proximal_mu=mu,
        measure_every=config.measure_every,
        seed=config.seed,
        optimizer=config.optimizer,
    )


def batch_plan(client: Client, config: RunConfig, *, number: int, frames: int) -> list[list[int]]:
    """Return the frame indices of each step of a round."""
    return plan_batches(
        frames,
        batch_size=config.batch_size,
        steps=config.local_steps,
        seed=config.seed,
        purpose=("batches", client.name, number),
    )


def training_event(
    client: Client,
    config: RunConfig,
    settings: TrainingSettings,
    result: LocalTraining,
    *,
    number: int,
    frames: int,
    digests: tuple[str, str, str],
) -> Training:
    """Return a round's ledger event; `digests` are those of the tensors before and after, and of the frozen ones."""
    steps = result.steps
    # Some series are only in other programs' logs, such as an accuracy: a step of zk0's has no such number.
    series: dict[str, list[float | None]] = {name: [getattr(step, name, None) for step in steps] for name in SERIES}
    for name in OPTIONAL_SERIES:
        series[name] = series[name] if any(value is not None for value in series[name]) else []
    missing = {}
    if settings.measure_every > 1:
        rarely = f"measured every {settings.measure_every} steps, and at the first and the last"
        missing = dict.fromkeys(("drift", "proximal_loss", "proximal_ratio", "total_loss"), rarely)
    if result.faults.non_finite_losses:
        skipped = "not finite at the steps that are null; they were skipped"
        missing |= dict.fromkeys(("policy_loss", "gradient_norm"), skipped)
    return Training(
        round=number,
        client=client.name,
        partition=client.partition,
        steps=len(steps),
        batch_size=config.batch_size,
        examples=frames,
        settings={
            "proximal-mu": settings.proximal_mu,
            "learning-rate": settings.learning_rate,
            "final-learning-rate": settings.final_learning_rate,
            "warmup-steps": config.warmup_steps,
            "local-steps": config.local_steps,
            "batch-size": config.batch_size,
            "clip-norm": settings.clip_norm,
            "weight-decay": settings.weight_decay,
            "optimizer": settings.optimizer,
            "seed": settings.seed,
        },
        **series,
        update_norm=result.update_norm,
        digest_in=digests[0],
        digest_out=digests[1],
        frozen_digest=digests[2],
        faults=result.faults,
        missing=missing,
        resources=result.resources,
    )


# A ClientApp keeps nothing between messages. The process caches what is costly and never changes: the policy (whose
# trainable tensors each round overwrites) and the decoded frames.
def policy_of(config: RunConfig) -> SmolVLAPolicy:
    """Return the policy that the clients of this process share."""
    return _policy(*config.policy_settings)


@lru_cache(maxsize=1)
def _policy(*settings: Any) -> SmolVLAPolicy:
    return start_policy(*settings)


def frames_of(client: Client, config: RunConfig, horizon: int) -> Frames:
    """Return the client's training frames."""
    recording = config.episodes, config.data_seed, config.demonstration_noise
    return _frames(client, recording, config.held_out, config.camera_names, config.loader_workers, horizon)


@lru_cache(maxsize=16)
def _frames(
    client: Client,
    recording: tuple[int, int, float],
    held_out: float,
    cameras: tuple[str, ...],
    workers: int,
    horizon: int,
) -> Frames:
    episodes, seed, noise = recording
    dataset = locate(
        client.source,
        name=client.name,
        episodes=episodes,
        seed=seed,
        noise=noise,
        cache=cache_dir(),
        cameras=cameras,
    )
    training = dataset.training_episodes(held_out)
    return open_frames(dataset, episodes=training, horizon=horizon, cameras=cameras, workers=workers)


def prefix_of(config: RunConfig, policy: SmolVLAPolicy, frames: Frames) -> PrefixCache | None:
    """Return the cache of what is frozen in the steps on these frames; None where it is not valid or does not pay."""
    samples = config.rounds * config.local_steps * config.batch_size
    in_memory = isinstance(frames, FramesInMemory)
    return _prefix(policy, frames) if in_memory and is_valid(policy) and fits(policy, len(frames), samples) else None


@lru_cache(maxsize=16)
def _prefix(policy: SmolVLAPolicy, frames: Frames) -> PrefixCache:  # noqa: ARG001  the numbers are those of its frames
    return PrefixCache(policy)
