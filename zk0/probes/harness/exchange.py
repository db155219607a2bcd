"""The exchange probe: what leaves one model through `get` and enters another through `set` must arrive."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from zk0.core.errors import ProbeError
from zk0.core.faults import Fault
from zk0.core.verdicts import Finding, not_available
from zk0.probes.harness.bench import WIDTH
from zk0.probes.harness.findings import Points, Shown, failed, passed, warned
from zk0.probes.harness.model_pair import (
    EXAMPLE,
    Accessors,
    ModelPair,
    Payload,
    difference,
    digest,
    dtype_of,
    exchange_once,
    find_accessors,
    items,
    make_peer,
    state_of,
)
from zk0.probes.harness.targets import describe
from zk0.probes.harness.tensors import names_by_count, to_array, trained_parameters

CAST_BACK = "send value.float(), and cast back where it is set"


def exchange_points(text: str, root: Path) -> tuple[str, Points]:
    """Return the place of a pair of get and set, and what is found at each point."""
    accessors = find_accessors(text, root)
    try:
        payload = copy.deepcopy(make_peer(accessors, 0).get())
    except Exception as error:  # foreign code may raise anything
        shown = describe(error, root)
        raise ProbeError(f"{text} at {accessors.at} can't be called: {shown}", remedy=EXAMPLE) from error
    return accessors.at, _points(accessors, payload, root)


def _points(accessors: Accessors, payload: Payload, root: Path) -> Points:
    try:
        make_peer(accessors, 1).set(payload)
    except Exception as error:  # noqa: BLE001  foreign code may raise anything
        yield (
            "round-trip",
            failed(
                f"set refuses what get gave: {describe(error, root)}",
                Fault.exchange_incomplete,
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
    yield "strict", _strict(accessors)
    yield "aliases", _aliases(accessors)
    yield "frozen", _frozen(accessors)
    yield "bfloat16", _half(accessors)


def _round_trip(accessors: Accessors, models: ModelPair) -> Finding:
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
    if _nothing_changed(accessors):
        return failed(
            "the receiving model gives back what it had, not what was set",
            Fault.parameters_not_applied,
            "set changes a copy, or nothing at all",
            remedy,
            evidence,
        )
    return failed(
        "what the receiving model gives back is not what was sent",
        Fault.exchange_incomplete,
        "tensors are skipped, reordered or cast between get and set",
        remedy,
        evidence,
    )


def _nothing_changed(accessors: Accessors) -> bool:
    receiver = make_peer(accessors, 1)
    before = digest(copy.deepcopy(receiver.get()))
    receiver.set(make_peer(accessors, 0).get())
    return before == digest(receiver.get())


def _types(models: ModelPair) -> Finding:
    model, payload = models.sender.model(), items(models.sent)
    # A list is matched by its length, as every set does.
    by_name = isinstance(models.sent, dict)
    names = [key for key, _ in payload] if by_name else names_by_count(model, len(payload))
    if names is None:
        return not_available("its tensors have no names and match no list of the model's")
    state = model.state_dict()
    for (key, value), name in zip(payload, names, strict=True):
        if name not in state:
            continue
        sent, live = (f"{tuple(to_array(each).shape)} {dtype_of(each)}" for each in (value, state[name]))
        if sent != live:
            return failed(
                f"{name} leaves as {sent}, not {live}",
                Fault.exchange_incomplete,
                "get casts or reshapes",
                "send each tensor as it is",
                {f"{key} sent": sent, f"{name} in the model": live},
            )
    return passed("shapes and dtypes leave as they are")


def _complete(models: ModelPair) -> Finding:
    """Look into both models: get and set may lose the same tensors."""
    model = models.sender.model()
    ours, theirs = state_of(model), state_of(models.receiver.model())
    lost = [name for name, value in ours.items() if name in theirs and not np.array_equal(value, theirs[name])]
    trained, parameters = trained_parameters(model), dict(model.named_parameters())
    if names := [name for name in lost if name in trained]:
        return failed(
            f"{len(names)} trained tensors do not arrive as they were, e.g. {names[0]}",
            Fault.exchange_incomplete,
            "get or set goes over a part of the model, or casts",
            "go over state_dict()",
            difference(names[0], ours[names[0]], theirs[names[0]]),
        )
    if names := [name for name in lost if name not in parameters]:
        return warned(
            f"{len(names)} buffer tensors do not arrive as they were, e.g. {names[0]}",
            Fault.exchange_incomplete,
            "get goes over parameters(), which leaves batch norm's statistics out",
            "send them too, or keep them local on purpose (FedBN)",
            difference(names[0], ours[names[0]], theirs[names[0]]),
        )
    return passed("all trained tensors and buffers travel")


def _used(accessors: Accessors, models: ModelPair) -> Finding:
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
            Fault.parameters_not_applied,
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


def _order(models: ModelPair) -> Finding:
    again = models.sender.get()
    orders = [[name for name, _ in items(payload)] for payload in (models.sent, again, models.receiver.get())]
    first, then = digest(models.sent), digest(again)
    if orders[0] == orders[1] == orders[2] and first == then:
        return passed("the order is the same each time")
    return failed(
        "two calls of get give another order or other values",
        Fault.exchange_incomplete,
        "tensors are kept in a set, or sorted by something that changes",
        "keep the state_dict's order",
        {"first": first, "then": then},
    )


def _strict(accessors: Accessors) -> Finding:
    """Set must refuse what does not fit."""
    whole = copy.deepcopy(make_peer(accessors, 0).get())
    cases = {
        "one too few": _without_last(whole),
        "one of another shape": _reshaped(whole),
        "one too many": _with_one_more(whole),
    }
    accepted = [label for label, payload in cases.items() if payload is not None and not _refuses(accessors, payload)]
    if not accepted:
        return passed("set refuses missing, additional and reshaped tensors")
    harmless = accepted == ["one too many"]
    return (warned if harmless else failed)(
        f"set takes {' and '.join(accepted)} silently",
        Fault.exchange_incomplete,
        "zip ends with the shorter list, strict=False, or a copy that broadcasts",
        "zip(..., strict=True) and load_state_dict(..., strict=True)",
        {"tensors expected": len(items(whole)), "taken": accepted[0]},
    )


def _refuses(accessors: Accessors, payload: Any) -> bool:
    """Return whether set raises any error."""
    try:
        make_peer(accessors, 1).set(payload)
    except Exception:  # noqa: BLE001  to refuse is what is wanted, however
        return True
    return False


def _without_last(payload: Payload) -> Payload:
    return dict(list(payload.items())[:-1]) if isinstance(payload, dict) else payload[:-1]


def _with_one_more(payload: Payload) -> Payload:
    last = items(payload)[-1][1]
    return {**payload, "one.more": last} if isinstance(payload, dict) else [*payload, last]


def _reshaped(payload: Payload) -> Payload | None:
    """Return the payload with a vector of its first value alone, which broadcasts; None where it has no vector."""
    key = next((index for index, (_, value) in enumerate(items(payload)) if to_array(value).ndim == 1), None)
    if key is None:
        return None
    name, value = items(payload)[key]
    # A vector stays what it came as: an array, a tensor, or Flower's Array.
    first = value[:1] if hasattr(value, "__getitem__") else type(value)(np.ascontiguousarray(to_array(value)[:1]))
    return {**payload, name: first} if isinstance(payload, dict) else [*payload[:key], first, *payload[key + 1 :]]


def _aliases(accessors: Accessors) -> Finding:
    """The arrays that get returns must not change with the model."""
    peer, receiver = make_peer(accessors, 0), make_peer(accessors, 1)
    taken, given = peer.get(), copy.deepcopy(make_peer(accessors, 0).get())
    receiver.set(given)
    before, handed = digest(taken), digest(given)
    with torch.no_grad():
        for value in (*peer.model().parameters(), *receiver.model().parameters()):
            value.add_(1.0)
    if digest(taken) != before:
        which = "what get returned changes"
    elif digest(given) != handed:
        which = "the arrays given to set change"
    else:
        return passed("arrays and weights have memory of their own")
    return warned(
        f"{which} when the model is trained on: they share memory",
        Fault.exchange_aliased,
        ".cpu().numpy() of a CPU tensor, or from_numpy, makes a view",
        "value.detach().cpu().numpy().copy(), and torch.tensor(array)",
        {"digest taken": before, "after a step": digest(taken)},
    )


def _frozen(accessors: Accessors) -> Finding:
    """Frozen tensors stay frozen, and an optimizer's parameters stay the model's."""
    receiver = make_peer(accessors, 1)
    before = dict(receiver.model().named_parameters())
    flags = {name: value.requires_grad for name, value in before.items()}
    receiver.set(copy.deepcopy(make_peer(accessors, 0).get()))
    after = dict(receiver.model().named_parameters())
    changed = next((name for name, value in after.items() if value.requires_grad != flags[name]), None)
    if changed is not None:
        return failed(
            f"set makes {changed} {'frozen' if flags[changed] else 'trainable'}",
            Fault.frozen_moved,
            "set puts new parameters in place of the old ones",
            "copy values into the parameters that are there",
            {"requires_grad after": str(not flags[changed]), "before": str(flags[changed])},
        )
    replaced = next((name for name, value in after.items() if value is not before.get(name)), None)
    if replaced is None:
        return passed("frozen tensors stay frozen, and the model keeps its parameters")
    return warned(
        f"set replaces parameters, e.g. {replaced}: an optimizer made before goes on training the old ones",
        Fault.parameters_not_applied,
        "set assigns new nn.Parameter objects or returns a new model",
        "copy values into the parameters that are there, or make the optimizer afterwards",
    )


def _half(accessors: Accessors) -> Finding:
    """A bfloat16 tensor, as SmolVLA's backbone has them, must arrive."""

    def halve(model: nn.Module) -> None:
        model.get_submodule("mixing").to(torch.bfloat16)

    try:
        sender, receiver = (make_peer(accessors, number, halve) for number in (0, 1))
        receiver.set(copy.deepcopy(sender.get()))
        ours, theirs = (state_of(peer.model()) for peer in (sender, receiver))
    except Exception as error:  # noqa: BLE001  foreign code may raise anything
        message = f"a model with bfloat16 tensors can't be sent: {type(error).__name__}: {' '.join(str(error).split())}"
        return warned(message, Fault.exchange_incomplete, "NumPy has no bfloat16", CAST_BACK)
    name = "mixing.weight"
    if name not in ours:
        return not_available("its model is its own")
    if np.array_equal(ours[name], theirs[name]):
        return passed("bfloat16 tensors arrive")
    evidence = difference(name, ours[name], theirs[name])
    return failed(
        "a bfloat16 tensor does not arrive", Fault.exchange_incomplete, "it is skipped or cast", CAST_BACK, evidence
    )
