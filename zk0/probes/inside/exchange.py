"""The exchange probe: what leaves one model through `get` and enters another through `set` must arrive."""

import copy
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from zk0.errors import ProbeError
from zk0.faults import Fault
from zk0.probes.inside.pairs import EXAMPLE, Pair, Parcel, Side, array, find_pair, items
from zk0.probes.inside.points import Points
from zk0.probes.inside.scene import WIDTH, Scene
from zk0.probes.inside.targets import describe
from zk0.verdicts import Evidence, Finding

WORKFLOW = "aggregation-fix"
DIGITS = 16  # of a digest, to tell and to read


@dataclass(frozen=True)
class Sides:
    """Two models of the same shape and other values, with the code around each, and what left the first."""

    sender: Side
    receiver: Side
    sent: Parcel


def probe_exchange(text: str, root: Path) -> Iterator[Finding]:
    """Yield the findings about a pair of get and set.

    Raises:
        ProbeError: the pair can't be found, or not be called.
    """
    pair = find_pair(text, root)
    points = Points("probe.exchange", pair.at, WORKFLOW)
    try:
        parcel = copy.deepcopy(_side(pair, 0).get())
    except Exception as error:  # foreign code may raise anything
        raise ProbeError(f"{text} at {pair.at} can't be called: {describe(error, root)}", remedy=EXAMPLE) from error
    try:
        _side(pair, 1).set(parcel)
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
    for judge in (_round_trip, _types, _complete, _used, _order, _strict, _aliases, _frozen, _half):
        yield from judge(pair, points)


def digest(parcel: Parcel) -> str:
    """Return a digest over names, dtypes, shapes and values."""
    found = hashlib.sha256()
    for name, value in items(parcel):
        values = array(value)
        found.update(f"{name} {_dtype(value)} {values.shape} ".encode() + np.ascontiguousarray(values).tobytes())
    return found.hexdigest()[:DIGITS]


def _exchanged(pair: Pair) -> Sides:
    """Send from one model to the other."""
    sender, receiver = _side(pair, 0), _side(pair, 1)
    sent = copy.deepcopy(sender.get())
    receiver.set(copy.deepcopy(sent))
    return Sides(sender, receiver, sent)


def _side(pair: Pair, number: int, change: Callable[[nn.Module], Any] = lambda _: None) -> Side:
    """Return a side whose model has values of its own, batch norm's counter too."""
    scene = Scene(0.0, distance=0.3 * (number + 1), dtype=torch.float32, moved="buffers")
    scene.depart()
    change(scene.model)
    return pair.side(scene)


def _round_trip(pair: Pair, points: Points) -> Iterator[Finding]:
    sides = _exchanged(pair)
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
        evidence = (*evidence, *_differ(name, value, back.get(name)))
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
    receiver = _side(pair, 1)
    before = digest(copy.deepcopy(receiver.get()))
    receiver.set(_side(pair, 0).get())
    return before == digest(receiver.get())


def _complete(pair: Pair, points: Points) -> Iterator[Finding]:
    """Look into both models: get and set may lose the same tensors."""
    sides = _exchanged(pair)
    ours, theirs = (_state(side.model()) for side in (sides.sender, sides.receiver))
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
            _differ(names[0], ours[names[0]], theirs[names[0]]),
        )
        yield points.failed("complete", *arguments) if kind == "trained" else points.warned("complete", *arguments)
        return
    yield points.passed("complete", "all trained tensors and buffers travel")


def _used(pair: Pair, points: Points) -> Iterator[Finding]:
    """The receiving model must compute with what was set."""
    sides = _exchanged(pair)
    inputs = torch.ones(2, WIDTH)
    try:
        outputs = [_output(side.model(), inputs) for side in (sides.sender, sides.receiver)]
        without = _output(_side(pair, 1).model(), inputs)
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
    sides = _exchanged(pair)
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
        if tuple(array(value).shape) != tuple(live.shape) or _dtype(value) != _dtype(live):
            yield points.failed(
                "types",
                f"{name} leaves as {array(value).shape} {_dtype(value)}, not {tuple(live.shape)} {_dtype(live)}",
                Fault.exchange_incomplete,
                "get casts or reshapes",
                "send each tensor as it is",
                (
                    Evidence(name=f"{key} sent", value=f"{array(value).shape} {_dtype(value)}"),
                    Evidence(name=f"{name} in the model", value=f"{tuple(live.shape)} {_dtype(live)}"),
                ),
            )
            return
    yield points.passed("types", "shapes and dtypes leave as they are")


def _order(pair: Pair, points: Points) -> Iterator[Finding]:
    sides = _exchanged(pair)
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


def _strict(pair: Pair, points: Points) -> Iterator[Finding]:
    """Set must refuse what does not fit."""
    whole = copy.deepcopy(_side(pair, 0).get())
    cases = (
        ("one too few", _without_last(whole), True),
        ("one of another shape", _reshaped(whole), True),
        ("one too many", _with_one_more(whole), False),
    )
    accepted: list[tuple[str, bool]] = []
    for label, parcel, grave in cases:
        if parcel is None:
            continue
        try:
            _side(pair, 1).set(parcel)
        except Exception:  # noqa: BLE001, S112  to refuse is what is wanted, however
            continue
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


def _aliases(pair: Pair, points: Points) -> Iterator[Finding]:
    """What get returns must not move with the model."""
    side = _side(pair, 0)
    taken = side.get()
    before = digest(taken)
    with torch.no_grad():
        for value in side.model().parameters():
            value.add_(1.0)
    receiver = _side(pair, 1)
    given = copy.deepcopy(_side(pair, 0).get())
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
    receiver = _side(pair, 1)
    model = receiver.model()
    flags = {name: value.requires_grad for name, value in model.named_parameters()}
    objects = {name: id(value) for name, value in model.named_parameters()}
    receiver.set(copy.deepcopy(_side(pair, 0).get()))
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
        sender, receiver = (_side(pair, number, halve) for number in (0, 1))
        receiver.set(copy.deepcopy(sender.get()))
        ours, theirs = (_state(side.model()) for side in (sender, receiver))
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
            _differ(name, ours[name], theirs[name]),
        )


def _state(model: nn.Module) -> dict[str, Any]:
    return {name: array(value).copy() for name, value in model.state_dict().items()}


def _output(model: nn.Module, inputs: torch.Tensor) -> Any:
    model.eval()
    with torch.no_grad():
        return model(inputs).numpy()


def _dtype(value: Any) -> str:
    return str(value.dtype).removeprefix("torch.") if hasattr(value, "dtype") else type(value).__name__


def _differ(name: str, one: Any, other: Any) -> tuple[Evidence, Evidence]:
    values, others = array(one), None if other is None else array(other)
    if others is None or values.shape != others.shape:
        return (
            Evidence(name=f"{name} sent", value=str(values.shape)),
            Evidence(name="arrived", value=str(None if others is None else others.shape)),
        )
    place = np.unravel_index(int(np.argmax(np.abs(values.astype(float) - others))), values.shape)
    where = f"{name}[{', '.join(str(int(index)) for index in place)}]"
    return (
        Evidence(name=f"{where} sent", value=float(values[place])),
        Evidence(name="arrived", value=float(others[place])),
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
