"""What aggregation makes of replies it should refuse: not finite, without weight, of other shapes, failed, none.

These are warnings: most code that averages, Flower's own included, lets such replies through. One of them is enough
to spoil a model for good, so `--strict` makes failures of them.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding
from zk0.probes.inside.points import Points
from zk0.probes.inside.rounds import COUNTER, Aggregate, Aggregator, Round, make_round
from zk0.probes.inside.weight_solver import is_mean

REFUSE = "refuse the reply by name before averaging, or raise"


def finite(way: Aggregator, given: Round, points: Points) -> Iterator[Finding]:
    """One client sends NaN."""
    bad = given.updates[0]
    spoilt = {name: value.copy() for name, value in bad.arrays.items()}
    spoilt["first.weight"][0, 0] = np.nan
    got, error = _tried(way, given.changed(updates=(replace(bad, arrays=spoilt), *given.updates[1:])))
    if (refusal := _refusal(got, error)) is not None:
        yield points.passed("finite", f"a reply with NaN is refused ({refusal})")
        return
    assert got is not None
    assert got.arrays is not None
    value = float(got.arrays["first.weight"][0, 0])
    if np.isfinite(value) and all(np.isfinite(each).all() for each in got.arrays.values()):
        yield points.passed("finite", "a reply with NaN leaves the aggregate finite")
    else:
        yield points.warned(
            "finite",
            f"one client's NaN makes the global model {value}, silently and for good",
            Fault.aggregate_not_finite,
            "nothing looks at what is averaged",
            REFUSE,
            (Evidence(name="aggregate at first.weight[0, 0]", value=str(value)), _mean_at(given)),
        )


def weights(way: Aggregator, given: Round, points: Points) -> Iterator[Finding]:
    """Clients of no or negative weight, and all of none."""
    for label, examples in (("negative", (10, -30, 60)), ("total zero", (0, 0, 0))):
        updates = tuple(
            replace(update, examples=number) for update, number in zip(given.updates, examples, strict=True)
        )
        got, error = _tried(way, given.changed(updates=updates))
        if _refusal(got, error) is not None:
            continue
        assert got is not None
        if label == "negative" and is_mean(got, given.changed(updates=(given.updates[0], given.updates[2]))):
            continue
        value = float(np.asarray(got.arrays["first.weight"])[0, 0]) if got.arrays else 0.0
        yield points.warned(
            "weights",
            f"replies of {label} weight are averaged",
            Fault.aggregate_weights,
            "the number of examples is taken as it comes",
            REFUSE,
            (
                Evidence(name="aggregate at first.weight[0, 0]", value=value if np.isfinite(value) else str(value)),
                Evidence(name="weights", value=str(examples)),
            ),
        )
        return
    yield points.passed("weights", "replies of negative or no weight are refused")


def shapes(way: Aggregator, given: Round, points: Points) -> Iterator[Finding]:
    """One client sends a tensor of another shape that broadcasts."""
    bad = given.updates[1]
    arrays = dict(bad.arrays) | {"first.bias": bad.arrays["first.bias"][:1].copy()}
    got, error = _tried(way, given.changed(updates=(given.updates[0], replace(bad, arrays=arrays), given.updates[2])))
    others = given.changed(updates=(given.updates[0], given.updates[2]))
    if (refusal := _refusal(got, error)) is not None:
        yield points.passed("shapes", f"a tensor of another shape is refused ({refusal})")
    elif got is not None and is_mean(got, others):
        yield points.passed("shapes", "a reply with a tensor of another shape is left out")
    else:
        yield points.warned(
            "shapes",
            "a tensor of shape (1,) is averaged into one of shape (4,)",
            Fault.aggregate_type,
            "NumPy and PyTorch broadcast",
            "compare shapes before averaging",
            (Evidence(name="shape sent", value="(1,)"), Evidence(name="shape expected", value="(4,)")),
        )


def integers(way: Aggregator, given: Round, points: Points) -> Iterator[Finding]:
    """Batch norm's counter is an integer."""
    whole = make_round(counter=True)
    got, error = _tried(way, whole)
    if error is not None:
        own = not type(error).__module__.startswith(("builtins", "numpy", "torch"))
        what = f"{type(error).__name__}: {error}"
        if own:
            yield points.passed("integers", f"an integer buffer is refused ({what})")
        else:
            yield _integers(points, f"an integer buffer can't be aggregated: {what}", "num_batches_tracked is int64")
        return
    value = None if got is None or got.arrays is None else got.arrays.get(COUNTER)
    if value is None:
        yield points.passed("integers", "integer buffers are left out")
        return
    shown = Evidence(name=f"{COUNTER} returned", value=f"{np.ravel(value)[0]:g} {value.dtype}")
    evidence = (shown, Evidence(name="sent", value="10, 20, 30 int64"))
    if value.shape != ():
        yield _integers(
            points, f"an integer buffer comes back in shape {value.shape}", "tensors are mixed up", evidence
        )
    elif value.dtype.kind not in "iu":
        message = f"an int64 buffer comes back as {value.dtype}"
        yield _integers(points, message, "it is averaged like a weight", evidence)
    elif 10 <= value <= 30 or value == whole.current[COUNTER]:  # noqa: PLR2004  as sent
        yield points.passed("integers", f"an integer buffer stays {value.dtype} ({int(value)})")
    else:
        message = f"an int64 buffer of 10, 20 and 30 becomes {int(value)}"
        yield _integers(points, message, "its weights are cast to integers before the product", evidence)


def _integers(points: Points, message: str, cause: str, evidence: tuple[Evidence, ...] = ()) -> Finding:
    remedy = "leave integer buffers out of what travels, or keep the server's"
    return points.warned("integers", message, Fault.aggregate_type, cause, remedy, evidence)


def failures(way: Aggregator, given: Round, points: Points) -> Iterator[Finding]:
    """One client fails, and two answer."""
    if way.kind != "strategy":
        yield points.not_applicable("failures", "a function is given replies only")
        return
    two = given.changed(updates=given.updates[:2], failures=1)
    got, error = _tried(way, two)
    if error is not None:
        yield points.warned(
            "failures",
            f"one failed client ends the round: {type(error).__name__}: {error}",
            Fault.client_dropouts,
            "failures are not expected",
            "aggregate the replies that came",
        )
    elif got is not None and got.arrays is None:
        yield points.passed("failures", "a round with a failed client is given up (accept_failures)")
    else:
        yield points.passed("failures", "a failed client is left out")


def empty(way: Aggregator, given: Round, points: Points) -> Iterator[Finding]:
    """No client answers."""
    got, error = _tried(way, given.changed(updates=(), failures=3 if way.kind == "strategy" else 0))
    if isinstance(error, ZeroDivisionError | IndexError | TypeError | UnboundLocalError | KeyError):
        yield points.warned(
            "empty",
            f"with no reply at all it ends in {type(error).__name__}: {error}",
            Fault.client_dropouts,
            "nobody thought of a round without a reply",
            "return (None, {}) as Flower does, or raise an error that says so",
        )
    else:
        how = "refused" if error is not None or got is None or got.arrays is None else "answered"
        yield points.passed("empty", f"a round without a reply is {how}")


JUDGES: tuple[Callable[[Aggregator, Round, Points], Iterator[Finding]], ...] = (
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


def _tried(way: Aggregator, given: Round) -> tuple[Aggregate | None, Exception | None]:
    try:
        with np.errstate(all="ignore"):
            return way.once(given), None
    except (Exception, SystemExit) as error:  # noqa: BLE001  foreign code may raise anything; to refuse is an answer
        return None, error if isinstance(error, Exception) else RuntimeError(f"exit {error.code}")


def _mean_at(given: Round) -> Evidence:
    return Evidence(name="mean there without it", value=float(given.mean()["first.weight"][0, 0]))
