"""The contract of code that trains: a step, a loop, a client.

What the optimizer is given at each step must be the loss's gradient plus mu * (w - w_round), w_round being what the
server sent; at the first step the term is zero.
"""

from collections.abc import Iterator

import numpy as np

from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding
from zk0.probes.inside.causes import Cause, explain
from zk0.probes.inside.points import Points
from zk0.probes.inside.trainings import MU, Comparison

SNAPSHOT = "snapshot it once a round: [p.detach().clone() for p in model.parameters()]"


def judge(seen: Comparison, points: Points, *, uses_mu: bool, made_with_mu: bool = False) -> Iterator[Finding]:
    """Yield the findings, the root cause first.

    Args:
        seen: the training with and without mu.
        points: how findings are made.
        uses_mu: whether the code reads the mu it is given at all.
        made_with_mu: whether a client is given mu when it is made.
    """
    if len(seen.steps) < 2:  # noqa: PLR2004  the second is the first with w != w_round
        done = len(seen.steps)
        yield points.not_available("gradient", f"needs 2 optimizer steps of one call or more, saw {done}")
        return
    if not seen.repeats():
        yield points.not_available("gradient", "run twice it does not do the same: seed what it draws from")
        return
    if not seen.tells():
        yield points.not_available("gradient", "the weights move too little for the term to be seen above rounding")
        return
    if unapplied := _received(seen):
        yield points.broken("received", unapplied)
    cause = root_cause(seen, uses_mu=uses_mu)
    yield from _gradient(seen, cause, points)
    yield from _acts(seen, cause, points)
    yield from _zero(seen, points)
    yield from _mu(seen, points, uses_mu=uses_mu, made_with_mu=made_with_mu)
    yield from _reference(seen, cause, points)
    yield from _frozen(seen, points)


def root_cause(seen: Comparison, *, uses_mu: bool) -> Cause | None:
    """Return why the optimizer is not given mu * (w - w_round); None where it is."""
    moments = [seen.moment(number) for number in range(1, len(seen.steps))]
    if not uses_mu or (seen.proximal.read_mu is False and all(moment.is_zero() for moment in moments)):
        return _undelivered()
    if all(moment.is_zero() for moment in moments):
        return _inert(seen)
    first = seen.moment(0)
    if not first.is_zero() and np.isfinite(next(iter(first.found.values()))).all():
        return _elsewhere(seen)
    if _adds_up(seen):
        return Cause(
            Fault.proximal_repeated,
            "the term adds up: each step's gradient holds those of the steps before",
            "the sum is begun once, before the loop",
            "begin it at 0 in each step",
            moments[-1].worst(),
        )
    if _follows(seen):
        return _moving(seen, "the reference is the weights of the step before")
    return next((cause for moment in moments if (cause := _explained(seen, moment))), None)


def _explained(seen: Comparison, moment: object) -> Cause | None:
    from zk0.probes.inside.causes import Moment

    assert isinstance(moment, Moment)
    later = seen.moment(len(seen.steps) - 1)
    return explain(moment, later if later is not moment else None)


def _undelivered() -> Cause:
    return Cause(
        Fault.setting_not_delivered,
        "mu does not arrive: the code never reads the one it is given",
        "the strength is written in the code, or the term is missing",
        'take it from the server: config["proximal_mu"] (Flower\'s FedProx sends it each round)',
    )


def _inert(seen: Comparison) -> Cause:
    """Tell why the optimizer's gradients are those of mu = 0."""
    kept = seen.proximal.watch.kept
    number = len(seen.steps) - 1
    evidence = seen.moment(number).worst()
    with_term, without = seen.steps[number]
    acting = f"the term never acts: at step {number + 1} its gradient is 0"
    if "exhausted" in kept:
        return Cause(
            Fault.proximal_reference,
            f"{acting}; the reference is an exhausted iterator from the second step on ({kept['exhausted']})",
            "model.parameters() is a generator: the first loop over it empties it, and zip then yields nothing",
            SNAPSHOT,
            evidence,
        )
    if with_term.loss is not None and without.loss is not None and not _close(with_term.loss, without.loss, seen):
        losses = (
            Evidence(name="back-propagated loss with mu", value=with_term.loss),
            Evidence(name="and without", value=without.loss),
        )
        return Cause(
            Fault.proximal_detached,
            f"{acting}; the loss holds it and no gradient flows from it",
            ".item(), float(), .detach(), .data or no_grad stands between the weights and the loss",
            "compute it from the parameters themselves, with gradients on",
            (*evidence, *losses),
        )
    return _unreached(seen, acting, evidence)


def _unreached(seen: Comparison, acting: str, evidence: tuple[Evidence, ...]) -> Cause:
    """Tell why the term is not even in the loss."""
    kept = seen.proximal.watch.kept
    if seen.proximal.returned != seen.plain.returned and not _all_close(seen):
        return Cause(
            Fault.proximal_inert,
            f"{acting}; only what it reports changes with mu",
            "it is computed after the optimizer step, or after backward",
            "add it to the loss before backward, or mu * (w - w_round) to the gradients before the step",
            evidence,
        )
    if kind := next((kind for kind in ("alias", "refreshed") if kind in kept), None):
        how = "shares its storage with the weights" if kind == "alias" else "is taken anew at each step"
        return _moving(seen, f"{acting}; the reference {how} ({kept[kind]})")
    if "healthy" not in kept and "parameters" in kept:
        return _moving(seen, f"{acting}; what is kept are the weights themselves ({kept['parameters']})")
    return Cause(
        Fault.proximal_inert,
        acting,
        "it is computed after the optimizer step, or does not reach the loss",
        "add it to the loss before backward, or mu * (w - w_round) to the gradients before the step",
        evidence,
    )


def _moving(seen: Comparison, message: str) -> Cause:
    return Cause(
        Fault.proximal_reference,
        message,
        "the reference moves with the weights",
        SNAPSHOT,
        seen.moment(len(seen.steps) - 1).worst(),
    )


def _elsewhere(seen: Comparison) -> Cause:
    return Cause(
        Fault.proximal_reference,
        "at the round's first step, where the term must be 0, it already has a gradient",
        "the reference is not what the server sent, e.g. it is taken before the received weights are set",
        "set the received weights first, then take the reference from them",
        seen.moment(0).worst(),
    )


def _adds_up(seen: Comparison) -> bool:
    """Tell whether a step's gradient is the sum of those expected up to it."""
    number = len(seen.steps) - 1
    if number < 2:  # noqa: PLR2004  at the second step there is nothing to add up yet
        return False
    moments = [seen.moment(each) for each in range(number + 1)]
    last = moments[-1]
    sums = {name: sum(moment.expected[name] for moment in moments) for name in last.found}
    return not last.conforms() and all(last.near(last.found[name], np.asarray(value)) for name, value in sums.items())


def _follows(seen: Comparison) -> bool:
    """Tell whether the term's gradient is mu * (w - w of the step before)."""
    number = len(seen.steps) - 1
    last = seen.moment(number)
    before = seen.steps[number - 1][0].weights
    return not last.conforms() and all(
        last.near(value, MU * (last.weights[name] - before[name])) for name, value in last.found.items()
    )


def _gradient(seen: Comparison, cause: Cause | None, points: Points) -> Iterator[Finding]:
    if cause is not None:
        yield points.broken("gradient", cause)
        return
    moment = seen.moment(len(seen.steps) - 1)
    yield points.passed(
        "gradient", f"at each of {len(seen.steps)} steps the optimizer is given mu * (w - w_round)", moment.worst()
    )


def _acts(seen: Comparison, cause: Cause | None, points: Points) -> Iterator[Finding]:
    gap = max(float(np.abs(value - seen.free.final[name]).max()) for name, value in seen.proximal.final.items())
    evidence = [Evidence(name="largest difference of a weight to the run with mu = 0", value=gap)]
    if seen.acts():
        yield points.passed("acts", f"after {len(seen.steps)} steps the weights are not those of mu = 0", evidence)
    elif cause is not None:
        yield points.failed(
            "acts", "the weights are those of mu = 0 to the last bit", cause.fault, cause.cause, cause.remedy, evidence
        )
    else:
        yield points.not_available("acts", "the weights are those of mu = 0; the steps are too small to tell")


def _zero(seen: Comparison, points: Points) -> Iterator[Finding]:
    moment = seen.moment(0)
    largest = max(float(np.abs(value).max()) for value in moment.found.values())
    evidence = [Evidence(name="largest gradient of the term at the first step", value=largest)]
    if not np.isfinite(largest):
        yield points.failed(
            "zero",
            "at the first step the gradient is not finite",
            Fault.proximal_formula,
            "a square root has no derivative at w = w_round",
            "square the distance",
            evidence,
        )
    elif moment.is_zero():
        yield points.passed("zero", "the term is 0 at the round's first step", evidence)
    else:
        yield points.broken("zero", _elsewhere(seen))


def _mu(seen: Comparison, points: Points, *, uses_mu: bool, made_with_mu: bool) -> Iterator[Finding]:
    read = seen.proximal.read_mu
    if read is False and made_with_mu and seen.acts():
        yield points.warned(
            "mu",
            "mu is fixed when the client is made; the one the server sends is never read",
            Fault.setting_not_delivered,
            "Flower's FedProx sends proximal_mu in each round's configuration",
            'take it from the configuration: config["proximal_mu"]',
        )
    elif not uses_mu or read is False:
        yield points.broken("mu", _undelivered())
    elif read:
        yield points.passed("mu", "mu is read from the configuration the server sends")
    else:
        yield points.passed("mu", "mu is taken as an argument and used")


def _received(seen: Comparison) -> Cause | None:
    """Tell a client that does not begin with what it was sent."""
    watch, sent = seen.proximal.watch, seen.proximal.sent
    for name, value in watch.steps[0].weights.items():
        if name in sent and not np.allclose(value, sent[name], rtol=1e-5, atol=1e-7):
            place = np.unravel_index(int(np.argmax(np.abs(value - sent[name]))), value.shape)
            return Cause(
                Fault.parameters_not_applied,
                f"the training does not begin with what the server sent: {name} differs",
                "the received parameters are not set, or into another model",
                "set them before training: model.load_state_dict(..., strict=True)",
                (
                    Evidence(name=f"{name} at the first step", value=float(value[place])),
                    Evidence(name="as it was sent", value=float(sent[name][place])),
                ),
            )
    return None


def _reference(seen: Comparison, cause: Cause | None, points: Points) -> Iterator[Finding]:
    kept = seen.proximal.watch.kept
    if cause is not None and cause.fault is Fault.proximal_reference:
        message = "w_round, what the server sent, is not kept through the round"
        yield points.failed("reference", message, cause.fault, cause.cause, cause.remedy)
    elif cause is None:
        name = kept.get("healthy")
        yield points.passed("reference", f"w_round stays as it was sent{f' ({name})' if name else ''}")
    else:
        yield points.not_available("reference", "can't be told from a gradient that is wrong for another reason")


def _frozen(seen: Comparison, points: Points) -> Iterator[Finding]:
    moved = seen.proximal.watch.frozen_moved()
    written = seen.steps[-1][0].frozen
    if moved or written:
        name = (moved or written)[0]
        yield points.failed(
            "frozen",
            f"frozen tensors {'move' if moved else 'are given a gradient'}, e.g. {name}",
            Fault.frozen_moved if moved else Fault.proximal_frozen,
            "the gradient is written to all parameters",
            "pass over parameters with requires_grad=False",
        )
    else:
        yield points.passed("frozen", "frozen tensors stay as they are and get no gradient")


def _close(one: float, other: float, seen: Comparison) -> bool:
    return bool(np.isclose(one, other, rtol=20 * seen.noise, atol=0))


def _all_close(seen: Comparison) -> bool:
    one, other = seen.proximal.returned, seen.plain.returned
    return len(one) == len(other) and all(_close(a, b, seen) for a, b in zip(one, other, strict=True))
