"""A local step: FedProx beside FedAvg for three sizes, and the tiny policy's step beside LeRobot's own.

Both sides of a comparison train the same policy on the same batch, with one thread. LeRobot's side is `update_policy`
of its training script with its preprocessor, optimizer and scheduler; reading the data is left out on both sides.
"""

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import torch
from accelerate import Accelerator
from lerobot.scripts.lerobot_train import update_policy

from benchmarks import Measured, processor_seconds, ratio
from zk0.core.project import cache_dir
from zk0.training.dataset_inspection import ACTION, IMAGES, STATE
from zk0.training.loop import TrainingComponents, TrainingSettings, run_training_step, setup_training_components
from zk0.training.policy import build_policy, make_processors
from zk0.training.prefix_cache import PrefixCache
from zk0.training.presets import JOINTS, PRESETS

CAMERAS = ("wrist", "overhead")
SIZES = {"tiny": (1.05, 16, 15), "small": (1.05, 4, 7), "base-shape": (1.02, 1, 3)}  # goal, batch size, turns


def measure() -> Iterator[Measured | tuple[str, str]]:
    """Yield the ratio of a step with mu > 0 to one with mu = 0, and of LeRobot's step to ours."""
    torch.set_num_threads(1)
    for preset, (goal, batch_size, runs) in SIZES.items():
        plain, batch = _components(preset, 0.0, batch_size)
        pulled, _ = _components(preset, 0.01, batch_size, policy=plain.policy)
        without, within = processor_seconds(
            lambda plain=plain, batch=batch: run_training_step(plain, dict(batch), step=1, measure=False),
            lambda pulled=pulled, batch=batch: run_training_step(pulled, dict(batch), step=1, measure=False),
            runs=runs,
        )
        yield (
            f"{preset}: a step of batch {batch_size} with mu = 0, processor time",
            f"{sorted(without)[runs // 2]:.3f} s",
        )
        yield ratio(f"{preset}: step with mu > 0 / with mu = 0", within, without, goal)
    yield from _beside_lerobot()
    yield from _with_cache()


def _with_cache() -> Iterator[Measured]:
    plain, batch = _components("small", 0.0, 16)
    cached = replace(plain, prefix=PrefixCache(plain.policy))
    without, within = processor_seconds(
        lambda: run_training_step(plain, dict(batch), step=1, measure=False),
        lambda: run_training_step(cached, dict(batch), step=1, measure=False, frames=range(16)),
        runs=7,
    )
    yield ratio("small: step of batch 16 without / with the frozen prefix cached", without, within, 4, at_least=True)


def _beside_lerobot() -> Iterator[Measured]:
    ours, batch = _components("tiny", 0.01, 16)
    other, _ = _components("tiny", 0.0, 16)
    optimizer = other.policy.config.get_optimizer_preset().build(other.policy.get_optim_params())
    schedule = other.policy.config.get_scheduler_preset().build(optimizer, 1000)
    accelerator, numbers = Accelerator(cpu=True), SimpleNamespace(update_metrics=lambda _: None)

    def lerobot_step() -> None:
        made = other.processors.before(dict(batch))
        update_policy(numbers, other.policy, made, optimizer, 10.0, accelerator, lr_scheduler=schedule)

    theirs, own = processor_seconds(
        lerobot_step, lambda: run_training_step(ours, dict(batch), step=1, measure=False), runs=15
    )
    yield ratio("tiny: LeRobot's update / ours with the proximal term, samples a second", theirs, own, 1, at_least=True)


def _components(
    preset: str, mu: float, batch_size: int, policy: object = None
) -> tuple[TrainingComponents, dict[str, object]]:
    policy = policy or build_policy(PRESETS[preset], cameras=CAMERAS, seed=0, cache=cache_dir())
    plain = {"mean": np.zeros(len(JOINTS)), "std": np.ones(len(JOINTS))}
    processors = make_processors(policy, {STATE: plain, ACTION: plain})
    side, chunk = policy.config.resize_imgs_with_padding[0], policy.config.chunk_size
    generator = torch.Generator().manual_seed(0)
    batch = {
        STATE: torch.randn(batch_size, len(JOINTS), generator=generator),
        ACTION: torch.randn(batch_size, chunk, len(JOINTS), generator=generator),
        "action_is_pad": torch.zeros(batch_size, chunk, dtype=torch.bool),
        "task": ["Pick up the red cylinder."] * batch_size,
        **{f"{IMAGES}{name}": torch.rand(batch_size, 3, side, side, generator=generator) for name in CAMERAS},
    }
    settings = TrainingSettings(1e-5, 1e-6, 0, 0, 1000, 10.0, 1e-10, mu, 10, 0)
    policy.train()
    return setup_training_components(policy, processors, settings), batch
