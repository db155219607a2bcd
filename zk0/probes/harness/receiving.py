"""What a set must refuse or leave alone: what does not fit, memory, frozen tensors, bfloat16 (exchange probe)."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import nn

from .arrays import to_array
from .attributes import chooses_names
from .findings import PointFinding, failed, not_available, passed, warned
from .model_pair import Accessors, make_peer
from .payloads import Payload, difference, digest, items, state_of

CAST_BACK = "send value.float(), and cast back where it is set"


def strict(accessors: Accessors) -> PointFinding:
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
        "exchange-incomplete",
        "zip ends with the shorter list, strict=False, or a copy that broadcasts",
        _strictly(accessors),
        {"tensors expected": len(items(whole)), "taken": accepted[0]},
    )


def _strictly(accessors: Accessors) -> str:
    """Return what refuses a tensor too few; a set that passes over names, as FedBN's, can't load strictly."""
    both = "zip(..., strict=True) and load_state_dict(..., strict=True)"
    if not chooses_names(accessors.setter):
        return both
    return "zip(names, arrays, strict=True); load_state_dict's strict=True would miss the names that are left out"


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


def aliases(accessors: Accessors) -> PointFinding:
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
        "exchange-aliased",
        ".cpu().numpy() of a CPU tensor, or from_numpy, makes a view",
        "value.detach().cpu().numpy().copy(), and torch.tensor(array)",
        {"digest taken": before, "after a step": digest(taken)},
    )


def frozen(accessors: Accessors) -> PointFinding:
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
            "frozen-moved",
            "set puts new parameters in place of the old ones",
            "copy values into the parameters that are there",
            {"requires_grad after": str(not flags[changed]), "before": str(flags[changed])},
        )
    replaced = next((name for name, value in after.items() if value is not before.get(name)), None)
    if replaced is None:
        return passed("frozen tensors stay frozen, and the model keeps its parameters")
    return warned(
        f"set replaces parameters, e.g. {replaced}: an optimizer made before goes on training the old ones",
        "parameters-not-applied",
        "set assigns new nn.Parameter objects or returns a new model",
        "copy values into the parameters that are there, or make the optimizer afterwards",
    )


def half(accessors: Accessors) -> PointFinding:
    """A bfloat16 tensor, as SmolVLA's backbone has them, must arrive."""

    def halve(model: nn.Module) -> None:
        model.get_submodule("mixing").to(torch.bfloat16)

    try:
        sender, receiver = (make_peer(accessors, number, halve) for number in (0, 1))
        receiver.set(copy.deepcopy(sender.get()))
        ours, theirs = (state_of(peer.model()) for peer in (sender, receiver))
    except Exception as error:  # noqa: BLE001  foreign code may raise anything
        message = f"a model with bfloat16 tensors can't be sent: {type(error).__name__}: {' '.join(str(error).split())}"
        return warned(message, "exchange-incomplete", "NumPy has no bfloat16", CAST_BACK)
    name = "mixing.weight"
    if name not in ours:
        return not_available("its model is its own")
    if np.array_equal(ours[name], theirs[name]):
        return passed("bfloat16 tensors arrive")
    evidence = difference(name, ours[name], theirs[name])
    return failed(
        "a bfloat16 tensor does not arrive", "exchange-incomplete", "it is skipped or cast", CAST_BACK, evidence
    )
