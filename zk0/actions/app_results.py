"""Judge what a run of the project's own app came to, and whether it executed the code in question."""

from pathlib import Path

from zk0.core.checks import check
from zk0.core.verdicts import Evidence, Finding, not_available, passed, passed_if
from zk0.federation.own_app.observations import LossChange, change_of_loss
from zk0.ledger import read_ledger
from zk0.workflow.actions import Context, Inputs, Outputs, action


class CompareLossInputs(Inputs):
    """The ledger of an app's run, and the functions of the project that it executed."""

    ledger: Path
    executed: list[str] | None = None


class CompareLossOutputs(Outputs):
    """The clients' mean loss in the first and the last round; null where their replies name none."""

    ledger: Path
    executed: list[str] | None
    change: LossChange | None
    results: list[dict[str, str | float]]


@action("app.compare")
def compare(inputs: CompareLossInputs, context: Context) -> CompareLossOutputs:
    """Compare the loss that an app's clients reported in the last round with that in the first."""
    found = change_of_loss(read_ledger(inputs.ledger))
    results: list[dict[str, str | float]] = []
    if found:
        ends = {found.first_round: found.first, found.last_round: found.last}
        results += [
            {"name": f"{found.kind} loss at round {at}", "value": loss, "unit": ""} for at, loss in ends.items()
        ]
    return CompareLossOutputs(ledger=inputs.ledger, executed=inputs.executed, change=found, results=results)


@check("app.learns")
def learns(outputs: CompareLossOutputs) -> Finding:
    """The clients' loss after the last round is below that after the first."""
    found = outputs.change
    if found is None:
        return not_available("no client's replies name a loss in two rounds, as a metric such as loss or train_loss")
    evidence = [
        Evidence(name=f"{found.kind} loss of round {found.first_round}", value=found.first),
        Evidence(name=f"{found.kind} loss of round {found.last_round}", value=found.last),
    ]
    change = f"{found.first:.4g} to {found.last:.4g}"
    good, bad = f"{found.kind} loss: {change}", f"the {found.kind} loss does not fall: {change}"
    return passed_if(found.last < found.first, good, bad, evidence=evidence, remedy="zk0 diagnose latest")


@check("app.executes")
def executes(outputs: CompareLossOutputs, *, target: str) -> Finding:
    """The run of the app executed the code in question: else it shows nothing about it."""
    if outputs.executed is None:
        return not_available("not observed: it needs Python 3.12 or newer, and the run's end")
    module, _, name = target.partition(":") if ":" in target else target.rpartition(".")
    stem = module.removesuffix(".py") if module.endswith(".py") else module.replace(".", "/")
    files = (f"{stem.removeprefix('./')}.py", f"{stem}/__init__.py")
    wanted = [f"{file}:{name}" for file in files]
    if any(one == each or one.startswith(f"{each}.") for one in outputs.executed for each in wanted):
        return passed(f"{target} was executed")
    return not_available(f"the app ran without executing {target}, so its run shows nothing about it")
