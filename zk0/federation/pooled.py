"""Train without a federation, on one client's data or on that of several: what a federation is compared with.

The same policy, loop, batches of the same size and schedule as a federation's clients have, in one go: no tensors are
averaged and the optimizer is never reset.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from zk0.federation.client import (
    frames_of,
    processors_of,
    start_policy,
    statistics_of,
    training_settings,
)
from zk0.federation.configuration import Client, RunConfig
from zk0.federation.sources import locate_configured
from zk0.federation.threads import threads_for
from zk0.training.frames import Batch, Frames, plan_batches
from zk0.training.loop import run_training_loop, setup_training_components
from zk0.training.policy import require_same_actions, save_policy
from zk0.training.statistics import merged_statistics


@dataclass(frozen=True)
class JoinedFrames:
    """The frames of several data sets as those of one; a batch may have frames of all."""

    parts: Sequence[Frames]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def batches(self, plan: Sequence[Sequence[int]]) -> Iterator[Batch]:
        """Yield one batch for each list of frame indices, its frames in the order of the data sets."""
        begin, streams = 0, []
        for part in self.parts:
            end = begin + len(part)
            own = [[index - begin for index in indices if begin <= index < end] for indices in plan]
            streams.append(part.batches(own))
            begin = end
        for found in zip(*streams, strict=True):
            yield _joined(found)


def train_pooled(config: RunConfig, clients: Sequence[Client], *, steps: int, folder: Path) -> Path:
    """Train on these clients' data for so many steps, and return the checkpoint, written into `folder`.

    Actions and states are normalised with the statistics of these clients alone.
    """
    alone = config.model_copy(update={"rounds": 1, "local_steps": steps})
    require_same_actions(alone.policy, relative=alone.relative_actions)
    policy = start_policy(*alone.policy_settings)
    sets = [locate_configured(client.name, client.source, alone) for client in clients]
    processors = processors_of(policy, merged_statistics([statistics_of(one, alone) for one in sets]), alone)
    frames = JoinedFrames([frames_of(client, alone, policy.config.chunk_size) for client in clients])
    names = [client.name for client in clients]
    purpose = ("batches", *names)
    plan = plan_batches(len(frames), batch_size=alone.batch_size, steps=steps, seed=alone.seed, purpose=purpose)
    components = setup_training_components(policy, processors, training_settings(alone, number=1, mu=0.0))
    with threads_for(alone):
        run_training_loop(components, frames.batches(plan), steps=steps, purpose=(*names, 1))
    return save_policy(policy, folder, processors=processors)


def _joined(batches: Sequence[Batch]) -> Batch:
    filled = [batch.data for batch in batches if batch.data.get("task")]
    undecodable = sum(batch.undecodable for batch in batches)
    if not filled:
        return Batch({}, undecodable)
    data: dict[str, Any] = {
        key: [task for one in filled for task in one[key]] if key == "task" else torch.cat([one[key] for one in filled])
        for key in filled[0]
    }
    return Batch(data, undecodable)
