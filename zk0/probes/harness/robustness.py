"""Send an aggregation replies it should refuse: not finite, without weight, of other shapes, failed, none.

These are warnings: most code that averages, Flower's own included, lets such replies through. One of them is enough
to spoil a model for good, so `--strict` makes failures of them.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding
from zk0.probes.harness.findings import FindingFactory, evidence_of
from zk0.probes.harness.rounds import COUNTER, Aggregate, Aggregator, Round, make_round
from zk0.probes.harness.weight_solver import is_mean

REFUSE = "refuse the reply by name before averaging, or raise"


def finite(aggregator: Aggregator, round_: Round, findings: FindingFactory) -> Iterator[Finding]:
    """One client sends NaN."""
    bad = round_.updates[0]
    spoilt = {name: value.copy() for name, value in bad.arrays.items()}
    spoilt["first.weight"][0, 0] = np.nan
    got, error = aggregator.attempt(round_.changed(updates=(replace(bad, arrays=spoilt), *round_.updates[1:])))
    if (refusal := _refusal(got, error)) is not None:
        yield findings.passed("finite", f"a reply with NaN is refused ({refusal})")
        return
    assert got is not None
    assert got.arrays is not None
    value = float(got.arrays["first.weight"][0, 0])
    if np.isfinite(value) and all(np.isfinite(each).all() for each in got.arrays.values()):
        yield findings.passed("finite", "a reply with NaN leaves the aggregate finite")
    else:
        yield findings.warned(
            "finite",
            f"one client's NaN makes the global model {value}, silently and for good",
            Fault.aggregate_not_finite,
            "nothing looks at what is averaged",
            REFUSE,
            (Evidence(name="aggregate at first.weight[0, 0]", value=str(value)), _mean_at(round_)),
        )


def weights(aggregator: Aggregator, round_: Round, findings: FindingFactory) -> Iterator[Finding]:
    """Clients of no or negative weight, and all of none."""
    for label, examples in (("negative", (10, -30, 60)), ("total zero", (0, 0, 0))):
        updates = tuple(
            replace(update, examples=number) for update, number in zip(round_.updates, examples, strict=True)
        )
        got, error = aggregator.attempt(round_.changed(updates=updates))
        if _refusal(got, error) is not None:
            continue
        assert got is not None
        if label == "negative" and is_mean(got, round_.changed(updates=(round_.updates[0], round_.updates[2]))):
            continue
        value = float(np.asarray(got.arrays["first.weight"])[0, 0]) if got.arrays else 0.0
        yield findings.warned(
            "weights",
            f"replies of {label} weight are averaged",
            Fault.aggregate_weights,
            "the number of examples is taken as it comes",
            REFUSE,
            evidence_of(
                {
                    "aggregate at first.weight[0, 0]": value if np.isfinite(value) else str(value),
                    "weights": str(examples),
                }
            ),
        )
        return
    yield findings.passed("weights", "replies of negative or no weight are refused")


def shapes(aggregator: Aggregator, round_: Round, findings: FindingFactory) -> Iterator[Finding]:
    """One client sends a tensor of another shape that broadcasts."""
    bad = round_.updates[1]
    arrays = dict(bad.arrays) | {"first.bias": bad.arrays["first.bias"][:1].copy()}
    got, error = aggregator.attempt(
        round_.changed(updates=(round_.updates[0], replace(bad, arrays=arrays), round_.updates[2]))
    )
    others = round_.changed(updates=(round_.updates[0], round_.updates[2]))
    if (refusal := _refusal(got, error)) is not None:
        yield findings.passed("shapes", f"a tensor of another shape is refused ({refusal})")
    elif got is not None and is_mean(got, others):
        yield findings.passed("shapes", "a reply with a tensor of another shape is left out")
    else:
        yield findings.warned(
            "shapes",
            "a tensor of shape (1,) is averaged into one of shape (4,)",
            Fault.aggregate_type,
            "NumPy and PyTorch broadcast",
            "compare shapes before averaging",
            evidence_of({"shape sent": "(1,)", "shape expected": "(4,)"}),
        )


def integers(aggregator: Aggregator, round_: Round, findings: FindingFactory) -> Iterator[Finding]:
    """Batch norm's counter is an integer."""
    whole = make_round(counter=True)
    got, error = aggregator.attempt(whole)
    if error is not None:
        own = not type(error).__module__.startswith(("builtins", "numpy", "torch"))
        what = f"{type(error).__name__}: {error}"
        if own:
            yield findings.passed("integers", f"an integer buffer is refused ({what})")
        else:
            yield _integers(findings, f"an integer buffer can't be aggregated: {what}", "num_batches_tracked is int64")
        return
    value = None if got is None or got.arrays is None else got.arrays.get(COUNTER)
    if value is None:
        yield findings.passed("integers", "integer buffers are left out")
        return
    shown = Evidence(name=f"{COUNTER} returned", value=f"{np.ravel(value)[0]:g} {value.dtype}")
    evidence = (shown, Evidence(name="sent", value="10, 20, 30 int64"))
    if value.shape != ():
        yield _integers(
            findings, f"an integer buffer comes back in shape {value.shape}", "tensors are mixed up", evidence
        )
    elif value.dtype.kind not in "iu":
        message = f"an int64 buffer comes back as {value.dtype}"
        yield _integers(findings, message, "it is averaged like a weight", evidence)
    elif 10 <= value <= 30 or value == whole.current[COUNTER]:  # noqa: PLR2004  as sent
        yield findings.passed("integers", f"an integer buffer stays {value.dtype} ({int(value)})")
    else:
        message = f"an int64 buffer of 10, 20 and 30 becomes {int(value)}"
        yield _integers(findings, message, "its weights are cast to integers before the product", evidence)


def _integers(findings: FindingFactory, message: str, cause: str, evidence: tuple[Evidence, ...] = ()) -> Finding:
    remedy = "leave integer buffers out of what travels, or keep the server's"
    return findings.warned("integers", message, Fault.aggregate_type, cause, remedy, evidence)


def failures(aggregator: Aggregator, round_: Round, findings: FindingFactory) -> Iterator[Finding]:
    """One client fails, and two answer."""
    if aggregator.kind != "strategy":
        yield findings.not_applicable("failures", "a function is given replies only")
        return
    two = round_.changed(updates=round_.updates[:2], failures=1)
    got, error = aggregator.attempt(two)
    if error is not None:
        yield findings.warned(
            "failures",
            f"one failed client ends the round: {type(error).__name__}: {error}",
            Fault.client_dropouts,
            "failures are not expected",
            "aggregate the replies that came",
        )
    elif got is not None and got.arrays is None:
        yield findings.passed("failures", "a round with a failed client is given up (accept_failures)")
    else:
        yield findings.passed("failures", "a failed client is left out")


def empty(aggregator: Aggregator, round_: Round, findings: FindingFactory) -> Iterator[Finding]:
    """No client answers."""
    got, error = aggregator.attempt(round_.changed(updates=(), failures=3 if aggregator.kind == "strategy" else 0))
    if isinstance(error, ZeroDivisionError | IndexError | TypeError | UnboundLocalError | KeyError):
        yield findings.warned(
            "empty",
            f"with no reply at all it ends in {type(error).__name__}: {error}",
            Fault.client_dropouts,
            "nobody thought of a round without a reply",
            "return (None, {}) as Flower does, or raise an error that says so",
        )
    else:
        how = "refused" if error is not None or got is None or got.arrays is None else "answered"
        yield findings.passed("empty", f"a round without a reply is {how}")


CHECKS: tuple[Callable[[Aggregator, Round, FindingFactory], Iterator[Finding]], ...] = (
    finite,
    weights,
    shapes,
    integers,
    failures,
    empty,
)


def _refusal(got: Aggregate | None, error: Exception | None) -> str | None:
    if error is not None:
        return type(error).__name__
    return "nothing is returned" if got is None or got.arrays is None else None


def _mean_at(round_: Round) -> Evidence:
    return Evidence(name="mean there without it", value=float(round_.mean()["first.weight"][0, 0]))
