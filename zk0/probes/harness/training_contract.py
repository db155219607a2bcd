"""The contract of code that trains: a step, a loop, a client.

What the optimizer is given at each step must be the loss's gradient plus mu * (w - w_round), w_round being what the
server sent; at the first step the term is zero.
"""

from collections.abc import Iterator

import numpy as np

from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding
from zk0.probes.harness.findings import Cause, FindingFactory, evidence_of
from zk0.probes.harness.gradients import GradientSample, explain
from zk0.probes.harness.trainings import MU, Comparison

SNAPSHOT = "snapshot it once a round: [p.detach().clone() for p in model.parameters()]"


def judge(
    comparison: Comparison, findings: FindingFactory, *, uses_mu: bool, made_with_mu: bool = False
) -> Iterator[Finding]:
    """Yield the findings, the root cause first.

    Args:
        comparison: the training with and without mu.
        findings: how findings are made.
        uses_mu: whether the code reads the mu it is given at all.
        made_with_mu: whether a client is given mu when it is made.
    """
    if len(comparison.steps) < 2:  # noqa: PLR2004  the second is the first with w != w_round
        done = len(comparison.steps)
        yield findings.not_available("gradient", f"needs 2 optimizer steps of one call or more, saw {done}")
        return
    if not comparison.is_repeatable():
        yield findings.not_available("gradient", "run twice it does not do the same: seed what it draws from")
        return
    if not comparison.is_measurable():
        yield findings.not_available("gradient", "the weights move too little for the term to be seen above rounding")
        return
    if unset := _received(comparison):
        yield findings.broken("received", unset)
    cause = root_cause(comparison, uses_mu=uses_mu)
    yield from _gradient(comparison, cause, findings)
    yield from _acts(comparison, cause, findings)
    yield from _zero(comparison, findings)
    yield from _mu(comparison, findings, uses_mu=uses_mu, made_with_mu=made_with_mu)
    yield from _reference(comparison, cause, findings)
    yield from _frozen(comparison, findings)


def root_cause(comparison: Comparison, *, uses_mu: bool) -> Cause | None:
    """Return why the optimizer is not given mu * (w - w_round); None where it is."""
    samples = [comparison.sample(number) for number in range(1, len(comparison.steps))]
    if not uses_mu or (comparison.proximal.read_mu is False and all(sample.is_zero() for sample in samples)):
        return _undelivered()
    if all(sample.is_zero() for sample in samples):
        return _inert(comparison)
    first = comparison.sample(0)
    if not first.is_zero() and np.isfinite(next(iter(first.found.values()))).all():
        return _elsewhere(comparison)
    if _adds_up(comparison):
        return Cause(
            Fault.proximal_repeated,
            "the term adds up: each step's gradient holds those of the steps before",
            "the sum is begun once, before the loop",
            "begin it at 0 in each step",
            samples[-1].worst(),
        )
    if _follows(comparison):
        return _moving(comparison, "the reference is the weights of the step before")
    return next((cause for sample in samples if (cause := _explain(comparison, sample))), None)


def _explain(comparison: Comparison, sample: GradientSample) -> Cause | None:
    later = comparison.sample(len(comparison.steps) - 1)
    return explain(sample, later if later is not sample else None)


def _undelivered() -> Cause:
    return Cause(
        Fault.setting_not_delivered,
        "mu does not arrive: the code never reads the one it is given",
        "the strength is written in the code, or the term is missing",
        'take it from the server: config["proximal_mu"] (Flower\'s FedProx sends it each round)',
    )


def _inert(comparison: Comparison) -> Cause:
    """Tell why the optimizer's gradients are those of mu = 0."""
    kept = comparison.proximal.recorder.kept
    number = len(comparison.steps) - 1
    evidence = comparison.sample(number).worst()
    with_term, without = comparison.steps[number]
    acting = f"the term never acts: at step {number + 1} its gradient is 0"
    if "exhausted" in kept:
        return Cause(
            Fault.proximal_reference,
            f"{acting}; the reference is an exhausted iterator from the second step on ({kept['exhausted']})",
            "model.parameters() is a generator: the first loop over it empties it, and zip then yields nothing",
            SNAPSHOT,
            evidence,
        )
    if with_term.loss is not None and without.loss is not None and not _close(with_term.loss, without.loss, comparison):
        losses = evidence_of({"back-propagated loss with mu": with_term.loss, "and without": without.loss})
        return Cause(
            Fault.proximal_detached,
            f"{acting}; the loss holds it and no gradient flows from it",
            ".item(), float(), .detach(), .data or no_grad is between the weights and the loss",
            "compute it from the parameters themselves, with gradients on",
            (*evidence, *losses),
        )
    return _unreached(comparison, acting, evidence)


def _unreached(comparison: Comparison, acting: str, evidence: tuple[Evidence, ...]) -> Cause:
    """Tell why the term is not even in the loss."""
    kept = comparison.proximal.recorder.kept
    if comparison.proximal.returned != comparison.plain.returned and not _all_close(comparison):
        return Cause(
            Fault.proximal_inert,
            f"{acting}; only what it reports changes with mu",
            "it is computed after the optimizer step, or after backward",
            "add it to the loss before backward, or mu * (w - w_round) to the gradients before the step",
            evidence,
        )
    if kind := next((kind for kind in ("alias", "refreshed") if kind in kept), None):
        how = "shares its storage with the weights" if kind == "alias" else "is taken again at each step"
        return _moving(comparison, f"{acting}; the reference {how} ({kept[kind]})")
    if "healthy" not in kept and "parameters" in kept:
        return _moving(comparison, f"{acting}; what is kept are the weights themselves ({kept['parameters']})")
    return Cause(
        Fault.proximal_inert,
        acting,
        "it is computed after the optimizer step, or does not reach the loss",
        "add it to the loss before backward, or mu * (w - w_round) to the gradients before the step",
        evidence,
    )


def _moving(comparison: Comparison, message: str) -> Cause:
    return Cause(
        Fault.proximal_reference,
        message,
        "the reference moves with the weights",
        SNAPSHOT,
        comparison.sample(len(comparison.steps) - 1).worst(),
    )


def _elsewhere(comparison: Comparison) -> Cause:
    return Cause(
        Fault.proximal_reference,
        "at the round's first step, where the term must be 0, it already has a gradient",
        "the reference is not what the server sent, e.g. it is taken before the received weights are set",
        "set the received weights first, then take the reference from them",
        comparison.sample(0).worst(),
    )


def _adds_up(comparison: Comparison) -> bool:
    """Return whether a step's gradient is the sum of those expected up to it."""
    number = len(comparison.steps) - 1
    if number < 2:  # noqa: PLR2004  at the second step there is nothing to add up yet
        return False
    samples = [comparison.sample(each) for each in range(number + 1)]
    last = samples[-1]
    sums = {name: sum(sample.expected[name] for sample in samples) for name in last.found}
    return not last.conforms() and all(last.near(last.found[name], np.asarray(value)) for name, value in sums.items())


def _follows(comparison: Comparison) -> bool:
    """Return whether the term's gradient is mu * (w - w of the step before)."""
    number = len(comparison.steps) - 1
    last = comparison.sample(number)
    before = comparison.steps[number - 1][0].weights
    return not last.conforms() and all(
        last.near(value, MU * (last.weights[name] - before[name])) for name, value in last.found.items()
    )


def _gradient(comparison: Comparison, cause: Cause | None, findings: FindingFactory) -> Iterator[Finding]:
    if cause is not None:
        yield findings.broken("gradient", cause)
        return
    sample = comparison.sample(len(comparison.steps) - 1)
    yield findings.passed(
        "gradient",
        f"at each of {len(comparison.steps)} steps the optimizer is given mu * (w - w_round)",
        sample.worst(),
    )


def _acts(comparison: Comparison, cause: Cause | None, findings: FindingFactory) -> Iterator[Finding]:
    gap = max(
        float(np.abs(value - comparison.free.final[name]).max()) for name, value in comparison.proximal.final.items()
    )
    evidence = evidence_of({"largest difference of a weight to the run with mu = 0": gap})
    if comparison.acts():
        yield findings.passed(
            "acts", f"after {len(comparison.steps)} steps the weights are not those of mu = 0", evidence
        )
    elif cause is not None:
        yield findings.failed(
            "acts", "the weights are those of mu = 0 to the last bit", cause.fault, cause.cause, cause.remedy, evidence
        )
    else:
        yield findings.not_available("acts", "the weights are those of mu = 0; the steps are too small for a verdict")


def _zero(comparison: Comparison, findings: FindingFactory) -> Iterator[Finding]:
    sample = comparison.sample(0)
    largest = max(float(np.abs(value).max()) for value in sample.found.values())
    evidence = evidence_of({"largest gradient of the term at the first step": largest})
    if not np.isfinite(largest):
        yield findings.failed(
            "zero",
            "at the first step the gradient is not finite",
            Fault.proximal_formula,
            "a square root has no derivative at w = w_round",
            "square the distance",
            evidence,
        )
    elif sample.is_zero():
        yield findings.passed("zero", "the term is 0 at the round's first step", evidence)
    else:
        yield findings.broken("zero", _elsewhere(comparison))


def _mu(comparison: Comparison, findings: FindingFactory, *, uses_mu: bool, made_with_mu: bool) -> Iterator[Finding]:
    read = comparison.proximal.read_mu
    if read is False and made_with_mu and comparison.acts():
        yield findings.warned(
            "mu",
            "mu is fixed when the client is made; the one the server sends is never read",
            Fault.setting_not_delivered,
            "Flower's FedProx sends proximal_mu in each round's configuration",
            'take it from the configuration: config["proximal_mu"]',
        )
    elif not uses_mu or read is False:
        yield findings.broken("mu", _undelivered())
    elif read:
        yield findings.passed("mu", "mu is read from the configuration the server sends")
    else:
        yield findings.passed("mu", "mu is taken as an argument and used")


def _received(comparison: Comparison) -> Cause | None:
    """Return the cause where a client does not begin with the weights it was sent."""
    recorder, sent = comparison.proximal.recorder, comparison.proximal.sent
    for name, value in recorder.steps[0].weights.items():
        if name in sent and not np.allclose(value, sent[name], rtol=1e-5, atol=1e-7):
            place = np.unravel_index(int(np.argmax(np.abs(value - sent[name]))), value.shape)
            return Cause(
                Fault.parameters_not_applied,
                f"the training does not begin with what the server sent: {name} differs",
                "the received parameters are not set, or into another model",
                "set them before training: model.load_state_dict(..., strict=True)",
                evidence_of(
                    {f"{name} at the first step": float(value[place]), "as it was sent": float(sent[name][place])}
                ),
            )
    return None


def _reference(comparison: Comparison, cause: Cause | None, findings: FindingFactory) -> Iterator[Finding]:
    kept = comparison.proximal.recorder.kept
    if cause is not None and cause.fault is Fault.proximal_reference:
        message = "w_round, what the server sent, is not kept through the round"
        yield findings.failed("reference", message, cause.fault, cause.cause, cause.remedy)
    elif cause is None:
        name = kept.get("healthy")
        yield findings.passed("reference", f"w_round stays as it was sent{f' ({name})' if name else ''}")
    else:
        yield findings.not_available("reference", "unknown: the gradient is wrong for another reason")


def _frozen(comparison: Comparison, findings: FindingFactory) -> Iterator[Finding]:
    moved = comparison.proximal.recorder.frozen_moved()
    written = comparison.steps[-1][0].frozen
    if moved or written:
        name = (moved or written)[0]
        yield findings.failed(
            "frozen",
            f"frozen tensors {'move' if moved else 'are given a gradient'}, e.g. {name}",
            Fault.frozen_moved if moved else Fault.proximal_frozen,
            "the gradient is written to all parameters",
            "pass over parameters with requires_grad=False",
        )
    else:
        yield findings.passed("frozen", "frozen tensors stay as they are and get no gradient")


def _close(one: float, other: float, comparison: Comparison) -> bool:
    return bool(np.isclose(one, other, rtol=20 * comparison.noise, atol=0))


def _all_close(comparison: Comparison) -> bool:
    one, other = comparison.proximal.returned, comparison.plain.returned
    return len(one) == len(other) and all(_close(a, b, comparison) for a, b in zip(one, other, strict=True))
