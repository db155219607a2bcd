"""A picture of a campaign: the held-out loss against mu, over the rounds, and seed by seed for the decision. SVG."""

import math
from pathlib import Path
from statistics import fmean

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from zk0.tuning.campaign import CampaignResult
from zk0.tuning.decision import compare_arms
from zk0.tuning.measurements import Arm

CURRENT, OTHER, CHOSEN = "#2c5fa8", "#7f8c8d", "#c0392b"
OUTCOMES = {"better": "changed", "not-better": "no better value shown", "no-influence": "mu does not matter here"}


def draw(result: CampaignResult, path: Path) -> None:
    """Draw three panels; differences are paired by seed, with intervals of 95 %."""
    decision = result.decision
    with mpl.rc_context({"svg.hashsalt": "zk0", "font.size": 9}):
        figure = Figure(figsize=(11, 4.2))
        left, middle, right = figure.subplots(1, 3, width_ratios=(3, 2, 2))
        _differences(left, result)
        _rounds(middle, result)
        _seeds(right, result.confirmed or result.search, decision.current, decision.best)
        figure.suptitle(f"mu = {decision.current:g} → {decision.mu:g}: {OUTCOMES[decision.outcome]}", fontsize=11)
        figure.tight_layout()
        figure.savefig(path, format="svg", metadata={"Date": None})


def _differences(axes: Axes, result: CampaignResult) -> None:
    """Draw each mu's difference to the best one."""
    decision, positions = result.decision, _positions(list(result.search))
    for mu, arm in result.search.items():
        found = compare_arms(arm, result.search[decision.best])
        if not math.isfinite(found.median):
            axes.annotate("diverged", (positions[mu], 0), rotation=90, ha="center", fontsize=8)
            continue
        colour = _colour(mu, result)
        spread = [[found.median - found.low], [found.high - found.median]]
        axes.errorbar(positions[mu], found.median, spread, fmt="o", color=colour, capsize=3)
        axes.annotate(f"{len(arm)}", (positions[mu], found.high), (0, 4), textcoords="offset points",
                      ha="center", fontsize=7, color=colour)  # fmt: skip
    if decision.floor:
        # Linear within noise, logarithmic beyond: the value that was far too large would flatten all others.
        axes.set_yscale("symlog", linthresh=decision.floor)
        axes.axhspan(-decision.floor, decision.floor, color="#ecf0f1", label="noise between seeds")
        axes.legend(frameon=False, loc="best")
    axes.axhline(0, color=CHOSEN, linewidth=0.8)
    axes.set_xticks(list(positions.values()), [f"{mu:g}" for mu in positions])
    axes.tick_params(axis="x", rotation=60)
    axes.set(xlabel="mu (0 is FedAvg); numbers are seeds", ylabel=f"held-out loss minus that of mu = {decision.best:g}")
    axes.spines[["top", "right"]].set_visible(False)


def _rounds(axes: Axes, result: CampaignResult) -> None:
    """Draw the mean over seeds of the loss after each round, a line for each mu."""
    positive = True
    for mu, arm in sorted(result.search.items()):
        numbers = sorted({number for one in arm.values() for number in one.rounds})
        means = [fmean(one.rounds[number] for one in arm.values() if number in one.rounds) for number in numbers]
        positive = positive and all(mean > 0 for mean in means)
        axes.plot(numbers, means, ".-", color=_colour(mu, result), linewidth=1, alpha=0.8, label=f"{mu:g}")
    axes.set_yscale("log" if positive else "linear")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="round", ylabel="held-out loss, mean of the seeds")
    axes.legend(frameon=False, title="mu", fontsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def _colour(mu: float, result: CampaignResult) -> str:
    return CURRENT if mu == result.decision.current else CHOSEN if mu == result.decision.best else OTHER


def _seeds(axes: Axes, arms: dict[float, Arm], current: float, best: float) -> None:
    """Draw the losses seed by seed; a line joins a pair."""
    mus = list(dict.fromkeys([current, best]))
    for seed in arms[current]:
        losses = [arms[mu][seed].loss for mu in mus if seed in arms.get(mu, {})]
        axes.plot(range(len(losses)), losses, "o-", color=OTHER, linewidth=0.8, markersize=3)
    means = [fmean(one.loss for one in arms[mu].values()) for mu in mus if arms.get(mu)]
    axes.plot(range(len(means)), means, "D", color=CHOSEN, markersize=6, label="mean")
    axes.set_xticks(range(len(mus)), [f"{mu:g}" for mu in mus])
    axes.set(xlabel="mu, one line a seed", ylabel="held-out loss", xlim=(-0.5, len(mus) - 0.5))
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)


def _positions(mus: list[float]) -> dict[float, float]:
    """Return where each mu is on the axis: by its logarithm, and 0 beside the smallest."""
    logs = {mu: math.log10(mu) for mu in mus if mu > 0}
    lowest = min(logs.values(), default=0.0)
    return {mu: logs.get(mu, lowest - 1) for mu in sorted(mus)}
