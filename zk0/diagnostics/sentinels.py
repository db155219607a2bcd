"""Are these numbers measured? (`sentinels.values`)

A program that could not measure something and writes 0.0 or 1.0 in its place makes a number that looks like any other.
Measured floats are never exactly 0 or 1, round after round. SageMaker Debugger's AllZero is the same thought.
"""

from collections.abc import Iterator

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding, Verdict, failed, not_available, passed, warned
from zk0.diagnostics.series import ends, losses_of, measured, point, scores_of, where
from zk0.ledger import Ledger, Training

SENTINELS = (0.0, 1.0, -1.0, 999.0, 1e9)
# A norm that is logged after clipping is the clip at every step, and 1.0 is the usual clip.
# A training loss of 0 has other reasons too: `loss.trend` judges it.
SENTINELS_OF = {"policy_loss": SENTINELS[1:], "gradient_norm": (0.0, -1.0, 999.0, 1e9)}
PLACEHOLDERS = frozenset(SENTINELS[2:])  # that no loss of a training has by itself
DOUBTFUL = 0.4  # confidence: it explains nothing
LEARNS = 0.9  # of the loss at first: it falls, whatever the norm says
TWICE = 2  # one exact 1.0 is unlikely, two are not measured
STEPS = 3  # of a training's series, which a program's printed source may resemble once or twice


@check("sentinels.values")
def values(ledger: Ledger) -> Iterator[Finding]:
    """No number is a placeholder for one that could not be measured."""
    if not ledger.trainings and not ledger.evaluations:
        yield not_available("nothing was measured")
        return
    found = [*_trainings(ledger), *_evaluations(ledger)]
    yield from found
    if not found:
        yield passed(f"{len(ledger.trainings)} rounds of clients and {len(ledger.evaluations)} evaluations")


def _trainings(ledger: Ledger) -> Iterator[Finding]:
    for training in ledger.trainings:
        for name, placeholders in SENTINELS_OF.items():
            series = [value for _, value in measured(getattr(training, name))]
            # One value at all steps, and one that programs write for want of another.
            if len(series) >= STEPS and len(set(series)) == 1 and series[0] in placeholders:
                evidence = [point(f"{name}, steps", len(series), "steps", at=where(training))]
                if name == "gradient_norm" and not any(series):
                    yield _no_gradient(training, evidence)
                    continue
                finding = _failed(f"{name} is {series[0]:g} at all {len(series)} steps", where(training), evidence)
                yield _doubt(finding) if _is_scored(ledger) else finding


def _no_gradient(training: Training, evidence: list[Evidence]) -> Finding:
    """Judge gradient norms of 0: nothing is trained, or a program does not compute them where it doesn't clip."""
    first, last = ends(losses) if (losses := losses_of([training])) else (0.0, 0.0)
    falls = len(losses) >= STEPS and last < LEARNS * first
    return warned(
        f"gradient_norm is 0 at all {len(measured(training.gradient_norm))} steps",
        at=where(training),
        evidence=evidence,
        cause="it is not computed where gradients are not clipped: the loss falls all the same"
        if falls
        else "no gradient reaches the weights (frozen, detached, all labels masked), or the program writes 0 for none",
        remedy="print the gradient norm of one trained tensor after a backward pass",
        fault=Fault.sentinel_value if falls else Fault.gradient_vanishing,
        confidence=DOUBTFUL if falls else 0.7,
    )


def _is_scored(ledger: Ledger) -> bool:
    """Return whether evaluations show that something is learnt, so that a placeholder is a fault of the log alone."""
    return any(max(values[-2:]) > values[0] for values in scores_of(ledger.evaluations).values() if len(values) > 1)


def _evaluations(ledger: Ledger) -> Iterator[Finding]:
    for name in dict.fromkeys(one.dataset for one in ledger.evaluations):
        found = [one for one in ledger.evaluations if one.dataset == name and one.loss is not None]
        without = [one for one in found if one.frames == 0]
        exact = [one for one in found if one.loss in SENTINELS]
        nothing = {one.loss for one in found} == {0.0}
        if nothing and any(map(any, scores_of(found).values())):
            continue  # judged by a score alone, as Flower's example of XGBoost: there is no loss to give
        if exact and _is_rounded([one.loss or 0.0 for one in found], losses_of(ledger.trainings)):
            continue
        if without:
            message, shown = f"a loss of {without[0].loss:g} was logged for no frame", without
        elif len(exact) >= TWICE:
            message, shown = f"the loss is exactly {exact[0].loss:g} in {len(exact)} rounds", exact
        else:
            continue
        finding = _failed(message, name, [point(f"loss at round {one.round}", one.loss, at=name) for one in shown[:3]])
        # Where nothing else is ever measured, it may be no training at all: a federated analysis, for one.
        doubtful = not ledger.trainings and not without and nothing
        yield _doubt(finding) if doubtful else finding


def _is_rounded(judged: list[float], trained: list[float]) -> bool:
    """Return whether losses fall to less than the printed digits show, those of training as those of the evaluation."""
    return judged[0] > 0 and bool(trained) and trained[0] > 0 and 0.0 in trained


def _doubt(finding: Finding) -> Finding:
    return finding.model_copy(update={"verdict": Verdict.warned, "confidence": DOUBTFUL})


def _failed(message: str, at: str, evidence: list[Evidence]) -> Finding:
    return failed(
        message,
        at=at,
        evidence=evidence,
        cause="a number is written where none was measured: a failed evaluation, meters that were set back",
        remedy="write null and the reason",
        fault=Fault.sentinel_value,
        confidence=0.95,
    )
