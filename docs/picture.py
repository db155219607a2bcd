"""Draw the README's picture from a run: the camera image of each task, and the loss on held-out data over the rounds.

python docs/picture.py LEDGER OUTPUT.png
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

from zk0.ledger import Ledger, read_ledger
from zk0.simulator.environment import Simulation
from zk0.simulator.tasks import task

TASKS = ("lift-left", "lift-right", "place-far")
COLOURS = {"lift-left": "#c0392b", "lift-right": "#2c5fa8"}
UNSEEN = "#7f8c8d"


def main(ledger: Path, output: Path) -> None:
    """Draw both rows and save the picture."""
    figure = plt.figure(figsize=(10, 5.6), dpi=110, facecolor="white")
    grid = figure.add_gridspec(2, len(TASKS), height_ratios=[1, 1.35], hspace=0.28, wspace=0.06)
    for column, name in enumerate(TASKS):
        _see(figure.add_subplot(grid[0, column]), name)
    _losses(figure.add_subplot(grid[1, :]), read_ledger(ledger))
    figure.savefig(output, bbox_inches="tight")


def _see(axes: plt.Axes, name: str) -> None:
    with Simulation(task(name), image_size=224) as simulation:
        axes.imshow(simulation.reset(3).images["overhead"])
    axes.set_title(f"{name}\n{'no client has it' if name == 'place-far' else 'a client'}", fontsize=9)
    axes.set_axis_off()


def _losses(axes: plt.Axes, ledger: Ledger) -> None:
    for name in TASKS:
        found = sorted((one.round, one.loss) for one in ledger.evaluations if one.dataset == name and one.loss)
        style = "--" if name == "place-far" else "-"
        axes.plot(*zip(*found, strict=True), style, color=COLOURS.get(name, UNSEEN), label=name, marker="o", ms=3)
    axes.set_xlabel("federated round (0: the untrained policy)")
    axes.set_ylabel("policy loss, held-out frames")
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=len(TASKS), fontsize=9, loc="upper right")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
