"""A comparison as tables and as a page of Markdown. Pure."""

from collections.abc import Sequence
from itertools import chain
from statistics import fmean

from zk0.comparison.arms import UNTRAINED
from zk0.comparison.contrasts import LOCAL, Contrast, sentence
from zk0.comparison.results import ArmResult
from zk0.core.intervals import wilson

HEADS = ["arm", "task", "success (95 %)", "by training seed", "steps", "held-out loss", "held-out error"]


def arm_table(results: Sequence[ArmResult]) -> list[list[str]]:
    """Return a row for each arm and task; the first row holds the heads."""
    return [HEADS, *map(_row, results)]


def contrast_table(found: Sequence[Contrast]) -> list[list[str]]:
    """Return a row for each planned contrast."""
    rows = [
        [f"{one.first} - {one.second}", one.shown, f"{one.p:.2g}", f"{one.adjusted:.2g}", _yes(one)] for one in found
    ]
    return [["difference, all tasks", "points (95 %)", "p (McNemar)", "p (Holm)", "significant"], *rows]


def predictors(results: Sequence[ArmResult]) -> str:
    """Return how well loss and error on held-out episodes order the policies as their success does."""
    from scipy.stats import spearmanr

    said = []
    # The loss of a local policy is in units of its client's own statistics.
    policies = [one for one in results if one.arm not in UNTRAINED and not one.arm.startswith(LOCAL)]
    for name, measured in (("loss", "losses"), ("error", "errors")):
        pairs = [
            (value, fmean(row))
            for one in policies
            for value, row in zip(getattr(one, measured), one.successes, strict=True)
            if value is not None
        ]
        values, rates = ([pair[at] for pair in pairs] for at in (0, 1))
        if len(set(values)) > 1 and len(set(rates)) > 1:
            found = spearmanr(values, rates)
            said.append(f"{name} {found.statistic:+.2f} (p = {found.pvalue:.2g})")
    if not said:
        return "Whether the held-out loss or error goes with success can't be said: the policies do not differ."
    return f"Rank correlation with success over {len(pairs)} policies and tasks: held-out {', '.join(said)}."


def markdown(results: Sequence[ArmResult], found: Sequence[Contrast], seeds: int, about: str) -> str:
    """Return the whole comparison as a page."""
    parts = [
        "# Comparison",
        about,
        _table(arm_table(results)),
        _table(contrast_table(found)) if found else "No contrast was planned for these arms.",
        sentence(found, seeds) if found else "",
        predictors(results),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _row(one: ArmResult) -> list[str]:
    outcomes = one.successes[:1] if one.arm in UNTRAINED else one.successes
    solved, episodes = sum(map(sum, outcomes)), sum(map(len, outcomes))
    low, high = wilson(solved, episodes)
    return [
        one.arm,
        one.task,
        f"{solved} of {episodes} ({low:.0%} to {high:.0%})",
        ", ".join(str(sum(row)) for row in outcomes),
        f"{fmean(chain(*one.steps)):.0f}",
        _mean(one.losses, ""),
        _mean(one.errors, "°"),
    ]


def _mean(values: Sequence[float | None], unit: str) -> str:
    known = [value for value in values if value is not None]
    return f"{fmean(known):.3g}{unit}" if known else ""


def _yes(one: Contrast) -> str:
    return "yes" if one.is_significant else "no"


def _table(rows: list[list[str]]) -> str:
    heads, *others = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *others))
