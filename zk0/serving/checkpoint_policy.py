"""A checkpoint as a robot runs it: its policy, its own processors, and an action chunk for an observation.

A checkpoint is any that LeRobot's training writes, of a policy that acts on one observation. SmolVLA draws noise for
each chunk. Here it is drawn from a seed and the observation's content, so that the same checkpoint and observation give
the same chunk in every process, and a server can be compared with local inference.
"""

import hashlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from draccus.utils import DecodingError
from lerobot.configs import PreTrainedConfig
from lerobot.policies import get_policy_class, make_pre_post_processors
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
from numpy.typing import NDArray

from zk0.core.errors import PolicyError
from zk0.serving.checkpoint_description import describe_checkpoint
from zk0.simulator.environment import Observation
from zk0.training.dataset_inspection import IMAGES, STATE
from zk0.training.policy import BACKBONE, PROCESSORS, Processors, load_policy
from zk0.training.seeds import seeded


def load_any_policy(folder: Path, *, device: str = "cpu") -> Any:
    """Load a policy of any of LeRobot's types that acts on one observation.

    Raises:
        PolicyError: it is no checkpoint, or of a policy that needs several observations.
        AssetMissingError: its backbone is neither beside it nor on the hub.
    """
    kind = describe_checkpoint(folder).kind
    if kind == SmolVLAPolicy.name:
        return load_policy(folder, device=device)
    try:
        config = PreTrainedConfig.from_pretrained(folder)
        config.device = device
        if hasattr(config, "pretrained_backbone_weights"):
            config.pretrained_backbone_weights = None  # they are in the checkpoint
        return get_policy_class(config.type).from_pretrained(folder, config=config, strict=True).to(device)
    except (ValueError, RuntimeError, OSError, ImportError, DecodingError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise PolicyError(f"{folder} can't be loaded as a policy of type {kind}: {reason}") from error


def load_processors(policy: Any, folder: Path, *, device: str = "cpu") -> Processors:
    """Load the processors that were saved with a checkpoint, with its normalisation statistics.

    Raises:
        PolicyError: the folder has none.
    """
    missing = [name for name in PROCESSORS if not (folder / name).is_file()]
    if missing:
        raise PolicyError(f"{folder} has no {missing[0]}", remedy="name a checkpoint that a federation wrote")
    overrides: dict[str, Any] = {"device_processor": {"device": device}}
    if (folder / BACKBONE).is_dir():
        overrides["tokenizer_processor"] = {"tokenizer_name": str(folder / BACKBONE)}
    before, after = make_pre_post_processors(
        policy.config, pretrained_path=str(folder), preprocessor_overrides=overrides
    )
    return Processors(before, after)


def noise_key(state: NDArray[np.float32], images: dict[str, NDArray[np.uint8]]) -> str:
    """Return what the noise of an observation is drawn from, besides the seed: a digest of what the robot saw."""
    total = hashlib.sha256(np.ascontiguousarray(state, dtype=np.float32).tobytes())
    for name in sorted(images):
        total.update(np.ascontiguousarray(images[name], dtype=np.uint8).tobytes())
    return total.hexdigest()


@dataclass
class CheckpointPolicy:
    """A policy and its processors; called with an observation it returns a chunk (horizon, 6) in LeRobot's units.

    `noise` scales the noise that SmolVLA's flow starts from: 1 as in training, 0 for none. `latencies` are the seconds
    that each call took.
    """

    policy: Any
    processors: Processors
    seed: int
    noise: float = 1.0
    latencies: list[float] = field(default_factory=list)

    @classmethod
    def load(cls, folder: Path, *, seed: int, device: str = "cpu", noise: float = 1.0) -> "CheckpointPolicy":
        """Load a checkpoint; raises what `load_any_policy` and `load_processors` do."""
        policy = load_any_policy(folder, device=device)
        policy.eval()
        return cls(policy, load_processors(policy, folder, device=device), seed, noise)

    @torch.no_grad()
    def __call__(self, observation: Observation) -> NDArray[np.float32]:
        """Predict the actions for an observation."""
        began = time.perf_counter()
        self.policy.reset()
        batch: dict[str, Any] = {STATE: torch.as_tensor(observation.state), "task": observation.sentence}
        for name, image in observation.images.items():
            batch[f"{IMAGES}{name}"] = torch.as_tensor(image).permute(2, 0, 1).float() / 255
        with seeded(self.seed, "serving", noise_key(observation.state, observation.images)):
            chunk = self.policy.predict_action_chunk(self.processors.before(batch), **self._start())
        actions: NDArray[np.float32] = self.processors.after(chunk)[0].cpu().numpy()
        self.latencies.append(time.perf_counter() - began)
        return actions

    def _start(self) -> dict[str, torch.Tensor]:
        """Return SmolVLA's noise if it is another than the policy draws by itself."""
        if self.noise == 1:
            return {}
        config = self.policy.config
        noise = self.noise * torch.randn(1, config.chunk_size, config.max_action_dim)
        return {"noise": noise.to(config.device)}
