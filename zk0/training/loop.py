"""Local training: one client, one round, LeRobot's update with FedProx's gradient in it.

A step has the order of LeRobot's own loop (forward, backward, clip, step, zero the gradients) with the
proximal gradient added between backward and clipping. The learning rate follows LeRobot's cosine schedule over all
rounds together: a schedule restarted each round would never leave its warm-up.
"""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import torch
from lerobot.optim.schedulers import CosineDecayWithWarmupSchedulerConfig
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
from torch import Tensor, nn

from zk0.core.errors import TrainingError
from zk0.core.memory_use import peak_memory
from zk0.ledger import Faults, Resources
from zk0.training.fedprox import ProximalTerm
from zk0.training.frames import Batch
from zk0.training.optimizers import OptimizerName, PolicyOptimizer, make_optimizer
from zk0.training.parameters import norms_by_module, trainable_parameters
from zk0.training.policy import Processors
from zk0.training.prefix_cache import PrefixCache
from zk0.training.seeds import seeded

TOLERATED_FAULTS = 0.1  # the share of a round's steps without an update that ends the round


@dataclass(frozen=True)
class TrainingSettings:
    """The settings of one client's round.

    `first_step` and `total_steps` place the round in the schedule that spans all rounds; `measure_every` is the
    number of steps between measurements of drift and proximal term; the first and the last step are always measured.
    """

    learning_rate: float
    final_learning_rate: float
    warmup_steps: int
    first_step: int
    total_steps: int
    clip_norm: float
    weight_decay: float
    proximal_mu: float
    measure_every: int
    seed: int
    optimizer: OptimizerName = "adamw"


@dataclass(frozen=True)
class TrainingComponents:
    """The parts of a step: the policy and its pipelines, the optimizer, the schedule and the proximal term."""

    policy: SmolVLAPolicy
    processors: Processors
    parameters: dict[str, nn.Parameter]
    optimizer: PolicyOptimizer
    learning_rate: Callable[[int], float]
    proximal: ProximalTerm
    settings: TrainingSettings
    prefix: PrefixCache | None = None  # where the frozen part of a step is the same each time


@dataclass(frozen=True)
class StepMeasurement:
    """The numbers of one step; None where not measured, or not finite (then the weights stay as they were).

    Memory is the accelerator's before the step, in bytes; a CPU has none of its own.
    """

    learning_rate: float
    policy_loss: float | None
    gradient_norm: float | None
    drift: float | None = None
    proximal_loss: float | None = None
    proximal_ratio: float | None = None
    memory_allocated: int | None = None
    memory_reserved: int | None = None

    @property
    def total_loss(self) -> float | None:
        """The objective: policy loss plus proximal loss."""
        if self.policy_loss is None or self.proximal_loss is None:
            return None
        return self.policy_loss + self.proximal_loss


@dataclass
class LocalTraining:
    """The result of a round: its steps in order, faults, the update norm of each module, and resources."""

    steps: list[StepMeasurement] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    update_norm: dict[str, float] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)


def setup_training_components(
    policy: SmolVLAPolicy, processors: Processors, settings: TrainingSettings, prefix: PrefixCache | None = None
) -> TrainingComponents:
    """Build optimizer, schedule and proximal term; the policy's weights now are the round's reference."""
    parameters = trainable_parameters(policy)
    optimizer = make_optimizer(
        policy, settings.optimizer, learning_rate=settings.learning_rate, weight_decay=settings.weight_decay
    )
    schedule = CosineDecayWithWarmupSchedulerConfig(
        num_warmup_steps=settings.warmup_steps,
        num_decay_steps=settings.total_steps,
        peak_lr=settings.learning_rate,
        decay_lr=settings.final_learning_rate,
    ).build(optimizer.parts[0], settings.total_steps)
    factor = schedule.lr_lambdas[0]
    return TrainingComponents(
        policy=policy,
        processors=processors,
        parameters=parameters,
        optimizer=optimizer,
        learning_rate=lambda step: settings.learning_rate * factor(step),
        proximal=ProximalTerm(list(parameters.values()), settings.proximal_mu),
        settings=settings,
        prefix=prefix,
    )


def run_training_step(
    components: TrainingComponents, batch: dict[str, object], *, step: int, measure: bool, frames: Sequence[int] = ()
) -> StepMeasurement:
    """Train on one batch; `step` counts over all rounds, and `measure` asks for drift and proximal term too.

    `frames` are the numbers of the batch's frames, if they have any, for the cache of what is frozen.
    """
    rate = components.learning_rate(step)
    memory = accelerator_memory(next(iter(components.parameters.values())).device)
    components.optimizer.set_learning_rate(rate)
    made = components.processors.before(batch)
    loss = components.prefix.loss(made, frames) if components.prefix and frames else components.policy.forward(made)[0]
    policy_loss = loss.item()
    if not math.isfinite(policy_loss):
        return StepMeasurement(rate, None, None, None, None, None, *memory)
    loss.backward()
    measured = _measure_proximal(components) if measure else (None, None, None)
    components.proximal.add_gradient()
    clipped = nn.utils.clip_grad_norm_(components.policy.parameters(), components.settings.clip_norm)
    norm = float(clipped)
    if math.isfinite(norm):
        components.optimizer.step()
    components.optimizer.zero_grad()
    return StepMeasurement(rate, policy_loss, norm if math.isfinite(norm) else None, *measured, *memory)


def run_training_loop(
    components: TrainingComponents,
    batches: Iterable[Batch],
    *,
    steps: int,
    purpose: tuple[object, ...],
) -> LocalTraining:
    """Train one round of `steps` batches.

    With the settings' seed, `purpose` decides the noise and the times of the flow-matching loss.

    Raises:
        TrainingError: more than a tenth of the steps gave no update.
    """
    started = time.monotonic()
    result = LocalTraining()
    settings = components.settings
    components.policy.train()
    undecodable = empty = non_finite = 0
    with seeded(settings.seed, "training", *purpose):
        for number, batch in enumerate(batches):
            undecodable += batch.undecodable
            if not batch.data:
                empty += 1
                continue
            measure = number % settings.measure_every == 0 or number == steps - 1
            found = run_training_step(
                components, batch.data, step=settings.first_step + number, measure=measure, frames=batch.frames
            )
            result.steps.append(found)
            non_finite += found.gradient_norm is None
            _refuse_too_many_faults(empty, non_finite, steps)
    _refuse_too_many_faults(empty, non_finite, steps)
    result.faults = Faults(undecodable_frames=undecodable, non_finite_losses=non_finite, empty_batches=empty)
    result.update_norm = norms_by_module(_changes(components))
    result.resources = Resources(seconds=time.monotonic() - started, peak_memory=peak_memory())
    return result


def accelerator_memory(device: torch.device) -> tuple[int, int] | tuple[None, None]:
    """Return the bytes allocated and reserved on a CUDA device; (None, None) elsewhere."""
    if device.type != "cuda":
        return None, None
    return torch.cuda.memory_allocated(device), torch.cuda.memory_reserved(device)


def _measure_proximal(components: TrainingComponents) -> tuple[float, float, float | None]:
    """Return drift, proximal loss and mu * drift / ||gradient of the loss||, before the gradient is added."""
    proximal = components.proximal
    drift = proximal.drift()
    gradients = [value.grad for value in components.parameters.values() if value.grad is not None]
    norm = float(torch.stack(torch._foreach_norm(gradients)).double().square().sum().sqrt())
    return drift, proximal.value(drift), proximal.mu * drift / norm if norm > 0 else None


def _changes(components: TrainingComponents) -> Iterable[tuple[str, Tensor]]:
    origins = components.proximal.reference
    for (name, value), origin in zip(components.parameters.items(), origins, strict=True):
        yield name, value.detach() - origin


def _refuse_too_many_faults(empty: int, non_finite: int, steps: int) -> None:
    if empty + non_finite > TOLERATED_FAULTS * steps:
        raise TrainingError(
            f"{non_finite} of {steps} steps had a loss or gradient that is not finite and {empty} had no frame",
            remedy="lower learning-rate, or look for wild values in the data set"
            if non_finite
            else "record or fetch the data set again",
        )
