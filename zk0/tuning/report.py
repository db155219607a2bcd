"""A campaign as a table and as numbers to keep."""

import math
from statistics import fmean, variance

from zk0.tuning.campaign import CampaignResult
from zk0.tuning.decision import compare_arms
from zk0.tuning.measurements import Arm

HEAD = (
    "mu",
    "seeds",
    "held-out loss",
    "to current (95 %)",
    "worst client",
    "variance of clients",
    "drift",
    "mu·drift/‖∇F‖",
)


def table_of(result: CampaignResult) -> list[list[str]]:
    """Return a row for each mu of the search, then for those that were confirmed."""
    current = result.decision.current
    rows = [_row(f"{mu:g}", arm, result.search[current]) for mu, arm in sorted(result.search.items())]
    if current in result.confirmed:
        before = result.confirmed[current]
        rows += [_row(f"{mu:g}, confirmation", arm, before) for mu, arm in sorted(result.confirmed.items())]
    return [list(HEAD), *rows]


def results_of(result: CampaignResult) -> list[dict[str, str | float | int | None]]:
    """Return the numbers that the memory bank keeps."""
    arms = result.confirmed or result.search
    decision = result.decision
    numbers: list[dict[str, str | float | int | None]] = [
        {"name": "proximal mu", "value": decision.mu, "unit": ""},
        {"name": "noise between seeds", "value": decision.floor, "unit": ""},
    ]
    for mu in dict.fromkeys([decision.current, decision.best]):
        loss = fmean(one.loss for one in arms[mu].values())
        numbers.append(
            {"name": f"held-out loss at mu {mu:g}", "value": loss if math.isfinite(loss) else None, "unit": ""}
        )
    return numbers


def _row(name: str, arm: Arm, before: Arm) -> list[str]:
    runs = list(arm.values())
    failures = [one.failure for one in runs if one.failure]
    if failures:
        return [name, str(len(runs)), f"failed: {failures[0]}", "", "", "", "", ""]
    found = compare_arms(arm, before)
    clients = {client: fmean(one.losses[client] for one in runs) for client in runs[0].losses}
    worst = max(clients, key=lambda client: clients[client])
    return [
        name,
        str(len(runs)),
        f"{fmean(clients.values()):.4g}",
        "" if arm is before else f"{found.median:+.3g} [{found.low:+.3g}, {found.high:+.3g}]",
        f"{worst} {clients[worst]:.4g}",
        f"{variance(clients.values()):.3g}" if len(clients) > 1 else "one client",
        _mean([one.drift for one in runs]),
        _mean([one.ratio for one in runs]),
    ]


def _mean(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{fmean(known):.3g}" if known else "not logged"
