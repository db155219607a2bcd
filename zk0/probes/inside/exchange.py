"""The exchange probe: what leaves one model through `get` and enters another through `set` must arrive."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from zk0.core.errors import ProbeError
from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding
from zk0.probes.inside import exchange_limits
from zk0.probes.inside.bench import WIDTH
from zk0.probes.inside.pairs import EXAMPLE, Pair, array, find_pair, items
from zk0.probes.inside.points import Points
from zk0.probes.inside.sides import differ, digest, dtype_of, exchanged, side_of, state_of
from zk0.probes.inside.targets import describe

WORKFLOW = "aggregation-fix"


def probe_exchange(text: str, root: Path) -> Iterator[Finding]:
    """Yield the findings about a pair of get and set.

    Raises:
        ProbeError: the pair can't be found, or not be called.
    """
    pair = find_pair(text, root)
    points = Points("probe.exchange", pair.at, WORKFLOW)
    try:
        parcel = copy.deepcopy(side_of(pair, 0).get())
    except Exception as error:  # foreign code may raise anything
        raise ProbeError(f"{text} at {pair.at} can't be called: {describe(error, root)}", remedy=EXAMPLE) from error
    try:
        side_of(pair, 1).set(parcel)
    except Exception as error:  # noqa: BLE001  foreign code may raise anything
        yield points.failed(
            "round-trip",
            f"set refuses what get gave: {describe(error, root)}",
            Fault.exchange_incomplete,
            "get and set do not agree on order, names, shapes or types",
            "go over state_dict() in both, in its own order",
            (Evidence(name="digest sent", value=digest(parcel)), Evidence(name="arrived", value=None)),
        )
        return
    for judge in (_round_trip, _types, _complete, _used, _order, *exchange_limits.JUDGES):
        yield from judge(pair, points)


def _round_trip(pair: Pair, points: Points) -> Iterator[Finding]:
    sides = exchanged(pair)
    before, after = digest(sides.sent), digest(sides.receiver.get())
    evidence: tuple[Evidence, ...] = (
        Evidence(name="digest sent", value=before),
        Evidence(name="digest got back", value=after),
    )
    if before == after:
        yield points.passed("round-trip", f"{len(items(sides.sent))} tensors arrive bit for bit", evidence)
        return
    back = dict(items(sides.receiver.get()))
    for name, value in items(sides.sent):
        if name in back and np.array_equal(array(value), array(back[name])):
            continue
        evidence = (*evidence, *differ(name, value, back.get(name)))
        break
    fault = Fault.parameters_not_applied if _nothing_changed(pair) else Fault.exchange_incomplete
    yield points.failed(
        "round-trip",
        "the receiving model gives back what it had, not what was set"
        if fault is Fault.parameters_not_applied
        else "what the receiving model gives back is not what was sent",
        fault,
        "set changes a copy, or nothing at all"
        if fault is Fault.parameters_not_applied
        else "tensors are skipped, reordered or cast between get and set",
        "model.load_state_dict(state, strict=True), the names paired as get gives them",
        evidence,
    )


def _nothing_changed(pair: Pair) -> bool:
    receiver = side_of(pair, 1)
    before = digest(copy.deepcopy(receiver.get()))
    receiver.set(side_of(pair, 0).get())
    return before == digest(receiver.get())


def _complete(pair: Pair, points: Points) -> Iterator[Finding]:
    """Look into both models: get and set may lose the same tensors."""
    sides = exchanged(pair)
    ours, theirs = (state_of(side.model()) for side in (sides.sender, sides.receiver))
    lost = [name for name, value in ours.items() if name in theirs and not np.array_equal(value, theirs[name])]
    model = sides.sender.model()
    trained = {name for name, value in model.named_parameters() if value.requires_grad}
    frozen = {name for name, _ in model.named_parameters()} - trained
    kinds = (("trained", [n for n in lost if n in trained]), ("buffer", [n for n in lost if n not in trained | frozen]))
    for kind, names in kinds:
        if not names:
            continue
        arguments = (
            f"{len(names)} {kind} tensors do not arrive as they were, e.g. {names[0]}",
            Fault.exchange_incomplete,
            "get or set goes over a part of the model, or casts"
            if kind == "trained"
            else "get goes over parameters(), which leaves batch norm's statistics out",
            "go over state_dict()" if kind == "trained" else "send them too, or keep them local on purpose (FedBN)",
            differ(names[0], ours[names[0]], theirs[names[0]]),
        )
        yield points.failed("complete", *arguments) if kind == "trained" else points.warned("complete", *arguments)
        return
    yield points.passed("complete", "all trained tensors and buffers travel")


def _used(pair: Pair, points: Points) -> Iterator[Finding]:
    """The receiving model must compute with what was set."""
    sides = exchanged(pair)
    inputs = torch.ones(2, WIDTH)
    try:
        outputs = [_output(side.model(), inputs) for side in (sides.sender, sides.receiver)]
        without = _output(side_of(pair, 1).model(), inputs)
    except Exception as error:  # noqa: BLE001  a model of the client's own takes inputs of its own
        reason = f"its model does not take zk0's inputs ({type(error).__name__})"
        yield points.not_available("used", reason)
        return
    gap = float(np.abs(outputs[0] - outputs[1]).max())
    evidence = (Evidence(name="largest difference of outputs", value=gap), Evidence(name="expected", value=0.0))
    if np.array_equal(outputs[1], without):
        yield points.failed(
            "used",
            "after set the receiving model computes as before",
            Fault.parameters_not_applied,
            "set changes a copy: a state_dict, a deepcopy, another model",
            "change the model that is trained: model.load_state_dict(...)",
            evidence,
        )
    elif gap == 0:
        yield points.passed("used", "both models compute the same after set", evidence)
    else:
        yield points.not_available("used", "the models compute differently: see complete")


def _types(pair: Pair, points: Points) -> Iterator[Finding]:
    sides = exchanged(pair)
    state = sides.sender.model().state_dict()
    # A list is matched by its length, as every set does.
    trained = [name for name, value in sides.sender.model().named_parameters() if value.requires_grad]
    candidates = (list(state), [name for name, _ in sides.sender.model().named_parameters()], trained)
    parcel = items(sides.sent)
    named = isinstance(sides.sent, dict)
    names = None if named else next((each for each in candidates if len(each) == len(parcel)), None)
    if not named and names is None:
        yield points.not_available("types", "which tensor is which can't be told")
        return
    for (key, value), name in zip(parcel, names or [key for key, _ in parcel], strict=True):
        if name not in state:
            continue
        live = state[name]
        if tuple(array(value).shape) != tuple(live.shape) or dtype_of(value) != dtype_of(live):
            yield points.failed(
                "types",
                f"{name} leaves as {array(value).shape} {dtype_of(value)}, not {tuple(live.shape)} {dtype_of(live)}",
                Fault.exchange_incomplete,
                "get casts or reshapes",
                "send each tensor as it is",
                (
                    Evidence(name=f"{key} sent", value=f"{array(value).shape} {dtype_of(value)}"),
                    Evidence(name=f"{name} in the model", value=f"{tuple(live.shape)} {dtype_of(live)}"),
                ),
            )
            return
    yield points.passed("types", "shapes and dtypes leave as they are")


def _order(pair: Pair, points: Points) -> Iterator[Finding]:
    sides = exchanged(pair)
    lists = [[name for name, _ in items(parcel)] for parcel in (sides.sent, sides.sender.get(), sides.receiver.get())]
    if all(each == lists[0] for each in lists) and digest(sides.sent) == digest(sides.sender.get()):
        yield points.passed("order", "the order is the same each time")
    else:
        yield points.failed(
            "order",
            "two calls of get give another order or other values",
            Fault.exchange_incomplete,
            "tensors are kept in a set, or sorted by something that changes",
            "keep the state_dict's order",
            (Evidence(name="first", value=digest(sides.sent)), Evidence(name="then", value=digest(sides.sender.get()))),
        )


def _output(model: nn.Module, inputs: torch.Tensor) -> Any:
    model.eval()
    with torch.no_grad():
        return model(inputs).numpy()
