"""What an exchange makes of what does not fit, of memory that is shared, of frozen tensors and of bfloat16."""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding
from zk0.probes.inside.pairs import Pair, Parcel, array, items
from zk0.probes.inside.points import Points
from zk0.probes.inside.sides import differ, digest, side_of, state_of


def _strict(pair: Pair, points: Points) -> Iterator[Finding]:
    """Set must refuse what does not fit."""
    whole = copy.deepcopy(side_of(pair, 0).get())
    cases = (
        ("one too few", _without_last(whole), True),
        ("one of another shape", _reshaped(whole), True),
        ("one too many", _with_one_more(whole), False),
    )
    accepted: list[tuple[str, bool]] = []
    for label, parcel, grave in cases:
        if parcel is not None and not _refuses(pair, parcel):
            accepted.append((label, grave))
    if not accepted:
        yield points.passed("strict", "set refuses missing, additional and reshaped tensors")
        return
    label, grave = accepted[0]
    arguments = (
        f"set takes {' and '.join(each for each, _ in accepted)} without a word",
        Fault.exchange_incomplete,
        "zip ends with the shorter list, strict=False, or a copy that broadcasts",
        "zip(..., strict=True) and load_state_dict(..., strict=True)",
        (Evidence(name="tensors expected", value=len(items(whole))), Evidence(name="taken", value=label)),
    )
    yield points.failed("strict", *arguments) if grave else points.warned("strict", *arguments)


def _refuses(pair: Pair, parcel: Any) -> bool:
    """Tell whether set raises an error, of whatever kind."""
    try:
        side_of(pair, 1).set(parcel)
    except Exception:  # noqa: BLE001  to refuse is what is wanted, however
        return True
    return False


def _aliases(pair: Pair, points: Points) -> Iterator[Finding]:
    """What get returns must not move with the model."""
    side = side_of(pair, 0)
    taken = side.get()
    before = digest(taken)
    with torch.no_grad():
        for value in side.model().parameters():
            value.add_(1.0)
    receiver = side_of(pair, 1)
    given = copy.deepcopy(side_of(pair, 0).get())
    receiver.set(given)
    handed = digest(given)
    with torch.no_grad():
        for value in receiver.model().parameters():
            value.add_(1.0)
    shared = [what for what, moved in (("get", digest(taken) != before), ("set", digest(given) != handed)) if moved]
    if not shared:
        yield points.passed("aliases", "arrays and weights have memory of their own")
        return
    which = "what get returned changes" if shared[0] == "get" else "the arrays given to set change"
    yield points.warned(
        "aliases",
        f"{which} when the model is trained on: they share memory",
        Fault.exchange_aliased,
        ".cpu().numpy() of a CPU tensor, or from_numpy, makes a view",
        "value.detach().cpu().numpy().copy(), and torch.tensor(array)",
        (Evidence(name="digest taken", value=before), Evidence(name="after a step", value=digest(taken))),
    )


def _frozen(pair: Pair, points: Points) -> Iterator[Finding]:
    """Frozen tensors stay frozen, and an optimizer's parameters stay the model's."""
    receiver = side_of(pair, 1)
    model = receiver.model()
    flags = {name: value.requires_grad for name, value in model.named_parameters()}
    objects = {name: id(value) for name, value in model.named_parameters()}
    receiver.set(copy.deepcopy(side_of(pair, 0).get()))
    changed = [name for name, value in receiver.model().named_parameters() if value.requires_grad != flags[name]]
    if changed:
        yield points.failed(
            "frozen",
            f"set makes {changed[0]} {'frozen' if flags[changed[0]] else 'trainable'}",
            Fault.frozen_moved,
            "set puts new parameters in place of the old ones",
            "copy values into the parameters that are there",
            (
                Evidence(name="requires_grad after", value=str(not flags[changed[0]])),
                Evidence(name="before", value=str(flags[changed[0]])),
            ),
        )
        return
    replaced = [name for name, value in receiver.model().named_parameters() if id(value) != objects.get(name)]
    if replaced:
        yield points.warned(
            "frozen",
            f"set replaces parameters, e.g. {replaced[0]}: an optimizer made before goes on training the old ones",
            Fault.parameters_not_applied,
            "set assigns new nn.Parameter objects or returns a new model",
            "copy values into the parameters that are there, or make the optimizer afterwards",
        )
    else:
        yield points.passed("frozen", "frozen tensors stay frozen, and the model keeps its parameters")


def _half(pair: Pair, points: Points) -> Iterator[Finding]:
    """A bfloat16 tensor, as SmolVLA's backbone has them, must arrive."""

    def halve(model: nn.Module) -> None:
        model.get_submodule("mixing").to(torch.bfloat16)

    try:
        sender, receiver = (side_of(pair, number, halve) for number in (0, 1))
        receiver.set(copy.deepcopy(sender.get()))
        ours, theirs = (state_of(side.model()) for side in (sender, receiver))
    except Exception as error:  # noqa: BLE001  foreign code may raise anything
        yield points.warned(
            "bfloat16",
            f"a model with bfloat16 tensors can't be sent: {type(error).__name__}: {' '.join(str(error).split())}",
            Fault.exchange_incomplete,
            "NumPy has no bfloat16",
            "send value.float(), and cast back where it is set",
        )
        return
    name = "mixing.weight"
    if name not in ours:
        yield points.not_available("bfloat16", "its model is its own")
    elif np.array_equal(ours[name], theirs[name]):
        yield points.passed("bfloat16", "bfloat16 tensors arrive")
    else:
        yield points.failed(
            "bfloat16",
            "a bfloat16 tensor does not arrive",
            Fault.exchange_incomplete,
            "it is skipped or cast",
            "send value.float(), and cast back where it is set",
            differ(name, ours[name], theirs[name]),
        )


def _without_last(parcel: Parcel) -> Parcel:
    return dict(list(parcel.items())[:-1]) if isinstance(parcel, dict) else parcel[:-1]


def _with_one_more(parcel: Parcel) -> Parcel:
    last = items(parcel)[-1][1]
    return {**parcel, "one.more": last} if isinstance(parcel, dict) else [*parcel, last]


def _reshaped(parcel: Parcel) -> Parcel | None:
    """Return the parcel with a vector of its first value alone, which broadcasts."""
    key = next((index for index, (_, value) in enumerate(items(parcel)) if array(value).ndim == 1), None)
    if key is None:
        return None
    name, value = items(parcel)[key]
    if isinstance(parcel, dict):
        return {**parcel, name: _cut(value)}
    return [*parcel[:key], _cut(value), *parcel[key + 1 :]]


def _cut(value: Any) -> Any:
    """Return the first value of a vector, as what it came as: an array, a tensor, or Flower's Array."""
    return value[:1] if hasattr(value, "__getitem__") else type(value)(np.ascontiguousarray(array(value)[:1]))


JUDGES = (_strict, _aliases, _frozen, _half)
