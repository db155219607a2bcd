"""Compare the trained policy with the untrained one."""

from pathlib import Path

from zk0.ledger import RolloutResult, read_ledger
from zk0.workflow.actions import Context, Inputs, Outputs, action


class SummarizeInputs(Inputs):
    """A federation's ledger."""

    ledger: Path


class SummarizeOutputs(Outputs):
    """Losses at round 0 and at the last round, and closed-loop success rates where they were asked for."""

    ledger: Path
    results: list[dict[str, str | float | int | None]]
    table: list[list[str]]


@action("evaluation.summarize")
def summarize(inputs: SummarizeInputs, context: Context) -> SummarizeOutputs:
    """Put the losses before and after training side by side, on held-out and unseen data."""
    ledger = read_ledger(inputs.ledger)
    rows, results = [], []
    for name in dict.fromkeys(one.dataset for one in ledger.evaluations):
        own = sorted((one for one in ledger.evaluations if one.dataset == name), key=lambda one: one.round)
        first, last = own[0], own[-1]
        rates = [one for one in ledger.rollouts if one.dataset == name]
        trained = last.loss if last.round else None
        losses = [_number(first.loss), _number(trained), _ratio(first.loss, trained)]
        shown = [cell for one in rates for cell in _rate(one)]
        rows.append([name, first.role, *losses, str(last.frames), *shown])
        results += [
            {"name": f"{name} loss at round {number}", "value": loss, "unit": ""}
            for number, loss in {first.round: first.loss, last.round: last.loss}.items()
        ]
        results += [
            {"name": f"{name} success rate of {one.episodes}", "value": one.successes / one.episodes, "unit": ""}
            for one in rates
        ]
    heads = ["data set", "role", "loss before", "loss after", "ratio", "frames"]
    if ledger.rollouts:
        heads += ["closed loop", "95 %", "blind"]
        rows = [row + [""] * (len(heads) - len(row)) for row in rows]
    return SummarizeOutputs(ledger=inputs.ledger, results=results, table=[heads, *rows])


def _rate(found: RolloutResult) -> list[str]:
    """Return successes, their interval, and the share of successes of an arm that does not look."""
    from zk0.simulator.tasks import task

    interval = f"{found.low:.0%} to {found.high:.0%}"
    return [f"{found.successes} of {found.episodes}", interval, f"{task(found.task).blind_success:.0%}"]


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"


def _ratio(before: float | None, after: float | None) -> str:
    return "not measured" if not before or after is None else f"{after / before:.2f}"
