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
from zk0.probes.harness.bench import WIDTH
from zk0.probes.harness.findings import FindingFactory, evidence_of
from zk0.probes.harness.model_pair import (
    EXAMPLE,
    Accessors,
    Payload,
    array,
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

WORKFLOW = "aggregation-fix"


def probe_exchange(text: str, root: Path) -> Iterator[Finding]:
    """Yield the findings about a pair of get and set."""
    accessors = find_accessors(text, root)
    findings = FindingFactory("probe.exchange", accessors.at, WORKFLOW)
    try:
        payload = copy.deepcopy(make_peer(accessors, 0).get())
    except Exception as error:  # foreign code may raise anything
        raise ProbeError(
            f"{text} at {accessors.at} can't be called: {describe(error, root)}", remedy=EXAMPLE
        ) from error
    try:
        make_peer(accessors, 1).set(payload)
    except Exception as error:  # noqa: BLE001  foreign code may raise anything
        yield findings.failed(
            "round-trip",
            f"set refuses what get gave: {describe(error, root)}",
            Fault.exchange_incomplete,
            "get and set do not agree on order, names, shapes or types",
            "go over state_dict() in both, in its own order",
            evidence_of({"digest sent": digest(payload), "arrived": None}),
        )
        return
    for check in (_round_trip, _types, _complete, _used, _order, *CHECKS):
        yield from check(accessors, findings)


def _round_trip(accessors: Accessors, findings: FindingFactory) -> Iterator[Finding]:
    models = exchange_once(accessors)
    before, after = digest(models.sent), digest(models.receiver.get())
    evidence: tuple[Evidence, ...] = evidence_of({"digest sent": before, "digest got back": after})
    if before == after:
        yield findings.passed("round-trip", f"{len(items(models.sent))} tensors arrive bit for bit", evidence)
        return
    back = dict(items(models.receiver.get()))
    for name, value in items(models.sent):
        if name in back and np.array_equal(array(value), array(back[name])):
            continue
        evidence = (*evidence, *difference(name, value, back.get(name)))
        break
    fault = Fault.parameters_not_applied if _nothing_changed(accessors) else Fault.exchange_incomplete
    yield findings.failed(
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


def _nothing_changed(accessors: Accessors) -> bool:
    receiver = make_peer(accessors, 1)
    before = digest(copy.deepcopy(receiver.get()))
    receiver.set(make_peer(accessors, 0).get())
    return before == digest(receiver.get())


def _complete(accessors: Accessors, findings: FindingFactory) -> Iterator[Finding]:
    """Look into both models: get and set may lose the same tensors."""
    models = exchange_once(accessors)
    ours, theirs = (state_of(peer.model()) for peer in (models.sender, models.receiver))
    lost = [name for name, value in ours.items() if name in theirs and not np.array_equal(value, theirs[name])]
    model = models.sender.model()
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
            difference(names[0], ours[names[0]], theirs[names[0]]),
        )
        yield findings.failed("complete", *arguments) if kind == "trained" else findings.warned("complete", *arguments)
        return
    yield findings.passed("complete", "all trained tensors and buffers travel")


def _used(accessors: Accessors, findings: FindingFactory) -> Iterator[Finding]:
    """The receiving model must compute with what was set."""
    models = exchange_once(accessors)
    inputs = torch.ones(2, WIDTH)
    try:
        outputs = [_output(peer.model(), inputs) for peer in (models.sender, models.receiver)]
        without = _output(make_peer(accessors, 1).model(), inputs)
    except Exception as error:  # noqa: BLE001  a model of the client's own takes inputs of its own
        reason = f"its model does not take zk0's inputs ({type(error).__name__})"
        yield findings.not_available("used", reason)
        return
    gap = float(np.abs(outputs[0] - outputs[1]).max())
    evidence = evidence_of({"largest difference of outputs": gap, "expected": 0.0})
    if np.array_equal(outputs[1], without):
        yield findings.failed(
            "used",
            "after set the receiving model computes as before",
            Fault.parameters_not_applied,
            "set changes a copy: a state_dict, a deepcopy, another model",
            "change the model that is trained: model.load_state_dict(...)",
            evidence,
        )
    elif gap == 0:
        yield findings.passed("used", "both models compute the same after set", evidence)
    else:
        yield findings.not_available("used", "the models compute differently: see complete")


def _types(accessors: Accessors, findings: FindingFactory) -> Iterator[Finding]:
    models = exchange_once(accessors)
    state = models.sender.model().state_dict()
    # A list is matched by its length, as every set does.
    trained = [name for name, value in models.sender.model().named_parameters() if value.requires_grad]
    candidates = (list(state), [name for name, _ in models.sender.model().named_parameters()], trained)
    payload = items(models.sent)
    named = isinstance(models.sent, dict)
    names = None if named else next((each for each in candidates if len(each) == len(payload)), None)
    if not named and names is None:
        yield findings.not_available("types", "its tensors have no names and match no list of the model's")
        return
    for (key, value), name in zip(payload, names or [key for key, _ in payload], strict=True):
        if name not in state:
            continue
        live = state[name]
        if tuple(array(value).shape) != tuple(live.shape) or dtype_of(value) != dtype_of(live):
            yield findings.failed(
                "types",
                f"{name} leaves as {array(value).shape} {dtype_of(value)}, not {tuple(live.shape)} {dtype_of(live)}",
                Fault.exchange_incomplete,
                "get casts or reshapes",
                "send each tensor as it is",
                evidence_of(
                    {
                        f"{key} sent": f"{array(value).shape} {dtype_of(value)}",
                        f"{name} in the model": f"{tuple(live.shape)} {dtype_of(live)}",
                    }
                ),
            )
            return
    yield findings.passed("types", "shapes and dtypes leave as they are")


def _order(accessors: Accessors, findings: FindingFactory) -> Iterator[Finding]:
    models = exchange_once(accessors)
    lists = [
        [name for name, _ in items(payload)] for payload in (models.sent, models.sender.get(), models.receiver.get())
    ]
    if all(each == lists[0] for each in lists) and digest(models.sent) == digest(models.sender.get()):
        yield findings.passed("order", "the order is the same each time")
    else:
        yield findings.failed(
            "order",
            "two calls of get give another order or other values",
            Fault.exchange_incomplete,
            "tensors are kept in a set, or sorted by something that changes",
            "keep the state_dict's order",
            evidence_of({"first": digest(models.sent), "then": digest(models.sender.get())}),
        )


def _output(model: nn.Module, inputs: torch.Tensor) -> Any:
    model.eval()
    with torch.no_grad():
        return model(inputs).numpy()


def _strict(accessors: Accessors, findings: FindingFactory) -> Iterator[Finding]:
    """Set must refuse what does not fit."""
    whole = copy.deepcopy(make_peer(accessors, 0).get())
    cases = (
        ("one too few", _without_last(whole), True),
        ("one of another shape", _reshaped(whole), True),
        ("one too many", _with_one_more(whole), False),
    )
    accepted: list[tuple[str, bool]] = []
    for label, payload, grave in cases:
        if payload is not None and not _refuses(accessors, payload):
            accepted.append((label, grave))
    if not accepted:
        yield findings.passed("strict", "set refuses missing, additional and reshaped tensors")
        return
    label, grave = accepted[0]
    arguments = (
        f"set takes {' and '.join(each for each, _ in accepted)} silently",
        Fault.exchange_incomplete,
        "zip ends with the shorter list, strict=False, or a copy that broadcasts",
        "zip(..., strict=True) and load_state_dict(..., strict=True)",
        evidence_of({"tensors expected": len(items(whole)), "taken": label}),
    )
    yield findings.failed("strict", *arguments) if grave else findings.warned("strict", *arguments)


def _refuses(accessors: Accessors, payload: Any) -> bool:
    """Return whether set raises any error."""
    try:
        make_peer(accessors, 1).set(payload)
    except Exception:  # noqa: BLE001  to refuse is what is wanted, however
        return True
    return False


def _aliases(accessors: Accessors, findings: FindingFactory) -> Iterator[Finding]:
    """The arrays that get returns must not change with the model."""
    peer = make_peer(accessors, 0)
    taken = peer.get()
    before = digest(taken)
    with torch.no_grad():
        for value in peer.model().parameters():
            value.add_(1.0)
    receiver = make_peer(accessors, 1)
    given = copy.deepcopy(make_peer(accessors, 0).get())
    receiver.set(given)
    handed = digest(given)
    with torch.no_grad():
        for value in receiver.model().parameters():
            value.add_(1.0)
    shared = [what for what, moved in (("get", digest(taken) != before), ("set", digest(given) != handed)) if moved]
    if not shared:
        yield findings.passed("aliases", "arrays and weights have memory of their own")
        return
    which = "what get returned changes" if shared[0] == "get" else "the arrays given to set change"
    yield findings.warned(
        "aliases",
        f"{which} when the model is trained on: they share memory",
        Fault.exchange_aliased,
        ".cpu().numpy() of a CPU tensor, or from_numpy, makes a view",
        "value.detach().cpu().numpy().copy(), and torch.tensor(array)",
        evidence_of({"digest taken": before, "after a step": digest(taken)}),
    )


def _frozen(accessors: Accessors, findings: FindingFactory) -> Iterator[Finding]:
    """Frozen tensors stay frozen, and an optimizer's parameters stay the model's."""
    receiver = make_peer(accessors, 1)
    model = receiver.model()
    flags = {name: value.requires_grad for name, value in model.named_parameters()}
    objects = {name: id(value) for name, value in model.named_parameters()}
    receiver.set(copy.deepcopy(make_peer(accessors, 0).get()))
    changed = [name for name, value in receiver.model().named_parameters() if value.requires_grad != flags[name]]
    if changed:
        yield findings.failed(
            "frozen",
            f"set makes {changed[0]} {'frozen' if flags[changed[0]] else 'trainable'}",
            Fault.frozen_moved,
            "set puts new parameters in place of the old ones",
            "copy values into the parameters that are there",
            evidence_of({"requires_grad after": str(not flags[changed[0]]), "before": str(flags[changed[0]])}),
        )
        return
    replaced = [name for name, value in receiver.model().named_parameters() if id(value) != objects.get(name)]
    if replaced:
        yield findings.warned(
            "frozen",
            f"set replaces parameters, e.g. {replaced[0]}: an optimizer made before goes on training the old ones",
            Fault.parameters_not_applied,
            "set assigns new nn.Parameter objects or returns a new model",
            "copy values into the parameters that are there, or make the optimizer afterwards",
        )
    else:
        yield findings.passed("frozen", "frozen tensors stay frozen, and the model keeps its parameters")


def _half(accessors: Accessors, findings: FindingFactory) -> Iterator[Finding]:
    """A bfloat16 tensor, as SmolVLA's backbone has them, must arrive."""

    def halve(model: nn.Module) -> None:
        model.get_submodule("mixing").to(torch.bfloat16)

    try:
        sender, receiver = (make_peer(accessors, number, halve) for number in (0, 1))
        receiver.set(copy.deepcopy(sender.get()))
        ours, theirs = (state_of(peer.model()) for peer in (sender, receiver))
    except Exception as error:  # noqa: BLE001  foreign code may raise anything
        yield findings.warned(
            "bfloat16",
            f"a model with bfloat16 tensors can't be sent: {type(error).__name__}: {' '.join(str(error).split())}",
            Fault.exchange_incomplete,
            "NumPy has no bfloat16",
            "send value.float(), and cast back where it is set",
        )
        return
    name = "mixing.weight"
    if name not in ours:
        yield findings.not_available("bfloat16", "its model is its own")
    elif np.array_equal(ours[name], theirs[name]):
        yield findings.passed("bfloat16", "bfloat16 tensors arrive")
    else:
        yield findings.failed(
            "bfloat16",
            "a bfloat16 tensor does not arrive",
            Fault.exchange_incomplete,
            "it is skipped or cast",
            "send value.float(), and cast back where it is set",
            difference(name, ours[name], theirs[name]),
        )


def _without_last(payload: Payload) -> Payload:
    return dict(list(payload.items())[:-1]) if isinstance(payload, dict) else payload[:-1]


def _with_one_more(payload: Payload) -> Payload:
    last = items(payload)[-1][1]
    return {**payload, "one.more": last} if isinstance(payload, dict) else [*payload, last]


def _reshaped(payload: Payload) -> Payload | None:
    """Return the parcel with a vector of its first value alone, which broadcasts."""
    key = next((index for index, (_, value) in enumerate(items(payload)) if array(value).ndim == 1), None)
    if key is None:
        return None
    name, value = items(payload)[key]
    if isinstance(payload, dict):
        return {**payload, name: _cut(value)}
    return [*payload[:key], _cut(value), *payload[key + 1 :]]


def _cut(value: Any) -> Any:
    """Return the first value of a vector, as what it came as: an array, a tensor, or Flower's Array."""
    return value[:1] if hasattr(value, "__getitem__") else type(value)(np.ascontiguousarray(array(value)[:1]))


CHECKS = (_strict, _aliases, _frozen, _half)
