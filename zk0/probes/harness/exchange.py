"""The exchange probe: what leaves one model through `get` and enters another through `set` must arrive."""

from __future__ import annotations

import copy
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .arrays import to_array
from .bench import WIDTH
from .binding import Attempts
from .certain import fault_of_get, note_of_import
from .findings import PointFinding, Points, Shown, failed, not_available, passed, warned
from .model_pair import EXCHANGE, Accessors, ModelPair, exchange_once, find_accessors, make_peer
from .payloads import Payload, difference, digest, dtype_of, items, state_of
from .receiving import aliases, frozen, half, strict
from .targets import describe
from .tensors import names_by_count, trained_parameters


def exchange_points(text: object, root: Path) -> tuple[str, Points]:
    """Return the place of a pair of get and set, and what is found at each point."""
    accessors = find_accessors(text, root)
    try:
        payload = copy.deepcopy(make_peer(accessors, 0).get())
    except Exception as error:  # foreign code may raise anything
        note = note_of_import(accessors.target)
        if (fault := fault_of_get(error, accessors.target)) is not None:
            return accessors.at, itertools.chain([("runs", fault)], note)
        attempts = Attempts(accessors.target, EXCHANGE)
        attempts.note(error)
        raise attempts.failure() from error
    return accessors.at, itertools.chain(_points(accessors, payload, root), note_of_import(accessors.target))


def _points(accessors: Accessors, payload: Payload, root: Path) -> Points:
    try:
        make_peer(accessors, 1).set(payload)
    except Exception as error:  # noqa: BLE001  foreign code may raise anything
        yield (
            "round-trip",
            failed(
                f"set refuses what get gave: {describe(error, root)}",
                "exchange-incomplete",
                "get and set do not agree on order, names, shapes or types",
                "go over state_dict() in both, in its own order",
                {"digest sent": digest(payload), "arrived": None},
            ),
        )
        return
    yield "round-trip", _round_trip(accessors, exchange_once(accessors))
    yield "types", _types(exchange_once(accessors))
    yield "complete", _complete(exchange_once(accessors))
    yield "used", _used(accessors, exchange_once(accessors))
    yield "order", _order(exchange_once(accessors))
    yield "strict", strict(accessors)
    yield "aliases", aliases(accessors)
    yield "frozen", frozen(accessors)
    yield "bfloat16", half(accessors)


def _round_trip(accessors: Accessors, models: ModelPair) -> PointFinding:
    returned = models.receiver.get()
    sent, arrived = digest(models.sent), digest(returned)
    evidence: Shown = {"digest sent": sent, "digest got back": arrived}
    if sent == arrived:
        return passed(f"{len(items(models.sent))} tensors arrive bit for bit", evidence)
    back = dict(items(returned))
    for name, value in items(models.sent):
        if name not in back or not np.array_equal(to_array(value), to_array(back[name])):
            evidence = {**evidence, **difference(name, value, back.get(name))}
            break
    remedy = "model.load_state_dict(state, strict=True), the names paired as get gives them"
    if lost := _only_buffers(models, back):
        cause, how = _reason_for_buffers(models, next(iter(lost)))
        counters = [name for name in lost if not models.sender.model().state_dict()[name].is_floating_point()]
        if len(counters) == len(lost):
            # Batch norm reads its counter with momentum=None only: what the model computes is the same.
            message = (
                "an integer buffer does not come back as it was; what the model computes with its defaults is right"
            )
            return warned(message, "exchange-incomplete", cause, how, evidence)
        message = "buffers that are sent do not come back as they were"
        return failed(message, "exchange-incomplete", cause, how, evidence)
    if _nothing_changed(accessors):
        return failed(
            "the receiving model gives back what it had, not what was set",
            "parameters-not-applied",
            "set changes a copy, or nothing at all",
            remedy,
            evidence,
        )
    return failed(
        "what the receiving model gives back is not what was sent",
        "exchange-incomplete",
        "tensors are skipped, reordered or cast between get and set",
        remedy,
        evidence,
    )


def _buffers(models: ModelPair) -> list[str]:
    model = models.sender.model()
    return [name for name in model.state_dict() if name not in dict(model.named_parameters())]


def _only_buffers(models: ModelPair, back: dict[str, Any]) -> set[str]:
    """Return the buffers that don't come back, where all parameters do; a list is paired by its length."""
    model = models.sender.model()
    names = list(models.sent) if isinstance(models.sent, dict) else names_by_count(model, len(models.sent)) or []
    buffers, lost = set(_buffers(models)), set()
    for (key, value), name in zip(items(models.sent), names):
        if key not in back or not np.array_equal(to_array(value), to_array(back[key])):
            lost.add(name)
    return lost if lost <= buffers else set()


def _nothing_changed(accessors: Accessors) -> bool:
    receiver = make_peer(accessors, 1)
    before = digest(copy.deepcopy(receiver.get()))
    receiver.set(make_peer(accessors, 0).get())
    return before == digest(receiver.get())


def _types(models: ModelPair) -> PointFinding:
    model, payload = models.sender.model(), items(models.sent)
    # A list is matched by its length, as every set does.
    by_name = isinstance(models.sent, dict)
    names = [key for key, _ in payload] if by_name else names_by_count(model, len(payload))
    if names is None:
        return not_available("its tensors have no names and match no list of the model's")
    state = model.state_dict()
    for (key, value), name in zip(payload, names):
        if name not in state:
            continue
        sent, live = (f"{tuple(to_array(each).shape)} {dtype_of(each)}" for each in (value, state[name]))
        if sent != live:
            return failed(
                f"{name} leaves as {sent}, not {live}",
                "exchange-incomplete",
                "get casts or reshapes",
                "send each tensor as it is",
                {f"{key} sent": sent, f"{name} in the model": live},
            )
    return passed("shapes and dtypes leave as they are")


def _complete(models: ModelPair) -> PointFinding:
    """Look into both models: get and set may lose the same tensors."""
    model = models.sender.model()
    ours, theirs = state_of(model), state_of(models.receiver.model())
    lost = [name for name, value in ours.items() if name in theirs and not np.array_equal(value, theirs[name])]
    trained, parameters = trained_parameters(model), dict(model.named_parameters())
    if names := [name for name in lost if name in trained]:
        return failed(
            f"{len(names)} trained tensors do not arrive as they were, e.g. {names[0]}",
            "exchange-incomplete",
            "get or set goes over a part of the model, or casts",
            "go over state_dict()",
            difference(names[0], ours[names[0]], theirs[names[0]]),
        )
    if names := [name for name in lost if name not in parameters]:
        return warned(
            f"{len(names)} buffer tensors do not arrive as they were, e.g. {names[0]}",
            "exchange-incomplete",
            *_reason_for_buffers(models, names[0]),
            difference(names[0], ours[names[0]], theirs[names[0]]),
        )
    return passed("all trained tensors and buffers travel")


def _reason_for_buffers(models: ModelPair, name: str) -> tuple[str, str]:
    """Return cause and remedy of a buffer that does not arrive: it is not sent, or not set."""
    count = len(items(models.sent))
    sent = name in models.sent if isinstance(models.sent, dict) else count == len(models.sender.model().state_dict())
    if sent:
        cause = "it is sent, and set casts or skips it: torch.Tensor makes float32, and takes a number for a size"
        return cause, "torch.tensor(array)"
    left_out = count <= len(dict(models.sender.model().named_parameters()))
    cause = "get goes over parameters(), which leaves batch norm's statistics out" if left_out else "get leaves it out"
    return cause, "send them too, or keep them local on purpose (FedBN)"


def _used(accessors: Accessors, models: ModelPair) -> PointFinding:
    """The receiving model must compute with what was set."""
    try:
        sent, received = (_output(peer.model()) for peer in (models.sender, models.receiver))
        before = _output(make_peer(accessors, 1).model())
    except Exception as error:  # noqa: BLE001  a model of the client's own takes inputs of its own
        return not_available(f"its model does not take zk0's inputs ({type(error).__name__})")
    gap = float(np.abs(sent - received).max())
    evidence = {"largest difference of outputs": gap, "expected": 0.0}
    if np.array_equal(received, before):
        return failed(
            "after set the receiving model computes as before",
            "parameters-not-applied",
            "set changes a copy: a state_dict, a deepcopy, another model",
            "change the model that is trained: model.load_state_dict(...)",
            evidence,
        )
    if gap == 0:
        return passed("both models compute the same after set", evidence)
    return not_available("the models compute differently: see complete")


def _output(model: nn.Module) -> Any:
    model.eval()
    with torch.no_grad():
        return model(torch.ones(2, WIDTH)).numpy()


def _order(models: ModelPair) -> PointFinding:
    again = models.sender.get()
    orders = [[name for name, _ in items(payload)] for payload in (models.sent, again, models.receiver.get())]
    first, then = digest(models.sent), digest(again)
    if orders[0] == orders[1] == orders[2] and first == then:
        return passed("the order is the same each time")
    return failed(
        "two calls of get give another order or other values",
        "exchange-incomplete",
        "tensors are kept in a set, or sorted by something that changes",
        "keep the state_dict's order",
        {"first": first, "then": then},
    )
