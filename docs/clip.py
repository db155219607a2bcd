"""Draw the README's clip: the simulated arm, driven by a run's untrained policy and by its trained one.

python docs/clip.py FEDERATION TASK OUTPUT.gif
"""

import sys
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import numpy as np
from PIL import Image

from zk0.federation.checkpoints import checkpoint_path, last_checkpoint
from zk0.serving.checkpoint_policy import CheckpointPolicy
from zk0.simulator.environment import Simulation
from zk0.simulator.tasks import episode_seed, task

SIDE = 160  # pixels; the policy scales what it sees
EPISODES = 2
COLOURS = 64
LAST = 12  # times that an episode's last picture is shown


def main(federation: Path, name: str, output: Path) -> None:
    """Drive the same episodes by both policies, and save them side by side."""
    found = last_checkpoint(federation)
    assert found is not None, f"{federation} has no checkpoint"
    pictures = []
    for index in range(EPISODES):
        seed = episode_seed(name, 7, index, "rollout")
        before, after = (list(_drive(folder, name, seed)) for folder in (checkpoint_path(federation, 0), found[1]))
        pairs = list(zip_longest(before, after))
        sides = [
            (left if left is not None else before[-1], right if right is not None else after[-1])
            for left, right in pairs
        ]
        pictures += [np.concatenate(pair, axis=1) for pair in sides + LAST * [(before[-1], after[-1])]]
    # One palette for all pictures, which covers their colours however few pixels have one: the object is small.
    palette = Image.fromarray(np.concatenate(pictures[::8])).quantize(COLOURS, Image.Quantize.MAXCOVERAGE)
    images = [Image.fromarray(picture).quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    images[0].save(output, save_all=True, append_images=images[1:], duration=100, loop=0, optimize=True)


def _drive(folder: Path, name: str, seed: int) -> Iterator[np.ndarray]:
    """Yield the overhead camera's picture of each step of an episode."""
    policy = CheckpointPolicy.load(folder, seed=0, noise=0)
    with Simulation(task(name), image_size=SIDE) as simulation:
        observation = simulation.reset(seed)
        yield observation.images["overhead"]
        for _ in range(0, simulation.task.max_steps, policy.policy.config.n_action_steps):
            for action in policy(observation)[: policy.policy.config.n_action_steps]:
                observation = simulation.step(action)
                yield observation.images["overhead"]
                if simulation.success:
                    return


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
