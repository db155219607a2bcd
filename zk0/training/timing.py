"""Measure the time and memory of a training step and an action on this machine."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from timeit import repeat
from types import SimpleNamespace

import numpy as np
import torch

from zk0.core.memory_use import peak_memory
from zk0.training.dataset_inspection import ACTION, IMAGES, STATE
from zk0.training.evaluation import make_actor
from zk0.training.loop import TrainingSettings, run_training_step, setup_training_components
from zk0.training.policy import build_policy, make_processors
from zk0.training.presets import JOINTS, PRESETS

SENTENCE = "Pick up the red cylinder."
WARM = 2  # runs before the clock counts: caches fill, memory is claimed


@dataclass(frozen=True)
class Timing:
    """Medians in seconds, and the process's peak memory in bytes."""

    step: float
    action: float
    runs: int
    peak_memory: int


def measure(preset: str, *, cameras: tuple[str, ...], batch_size: int, runs: int, seed: int, cache: Path) -> Timing:
    """Time training steps with FedProx's term, and action chunks, of a preset on random frames."""
    policy = build_policy(PRESETS[preset], cameras=cameras, seed=seed, cache=cache)
    plain = {"mean": np.zeros(len(JOINTS)), "std": np.ones(len(JOINTS))}
    processors = make_processors(policy, {STATE: plain, ACTION: plain})
    side = policy.config.resize_imgs_with_padding[0]
    chunk = policy.config.chunk_size
    generator = torch.Generator().manual_seed(seed)
    batch = {
        STATE: torch.randn(batch_size, len(JOINTS), generator=generator),
        ACTION: torch.randn(batch_size, chunk, len(JOINTS), generator=generator),
        "action_is_pad": torch.zeros(batch_size, chunk, dtype=torch.bool),
        "task": [SENTENCE] * batch_size,
        **{f"{IMAGES}{name}": torch.rand(batch_size, 3, side, side, generator=generator) for name in cameras},
    }
    settings = TrainingSettings(1e-3, 1e-4, 0, 0, 1000, 10.0, 1e-10, 0.01, 10, seed)
    components = setup_training_components(policy, processors, settings)
    image = np.zeros((side, side, 3), dtype=np.uint8)
    seen = SimpleNamespace(
        state=np.zeros(len(JOINTS), dtype=np.float32), images=dict.fromkeys(cameras, image), sentence=SENTENCE
    )
    step = _median(lambda: run_training_step(components, dict(batch), step=0, measure=False), runs)
    act = make_actor(policy, processors)
    return Timing(step, _median(lambda: act(seen), runs), runs, peak_memory())


def machine() -> str:
    """Return the accelerator, else the processor and the number of torch's threads."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name(0)
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{model or platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"


def _median(call: Callable[[], object], runs: int) -> float:
    return median(repeat(call, number=1, repeat=WARM + runs)[WARM:])
