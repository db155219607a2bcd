"""Find the functions that get and set a model's parameters, and call both on two models of ours."""

import copy
import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

from zk0.core.errors import ProbeError
from zk0.probes.harness.arguments import PROXIMAL
from zk0.probes.harness.arguments import give as arguments_from_bench
from zk0.probes.harness.bench import Bench
from zk0.probes.harness.binding import Vocabulary, call_quietly, call_with, roles_of, run_each, signature_text, variants
from zk0.probes.harness.findings import Shown, largest_gap
from zk0.probes.harness.targets import Target, describe, find_target, location
from zk0.probes.harness.tensors import to_array

GETTERS = (
    *("get_parameters", "get_weights", "get_model_parameters", "get_params", "get_model_params", "get_model_weights"),
    *("extract_parameters", "extract_trainable_params", "get_trainable_parameters", "to_arrays", "get_state"),
)
SETTERS = (
    *("set_parameters", "set_weights", "set_model_parameters", "set_params", "set_model_params", "set_model_weights"),
    *("load_parameters", "load_trainable_params", "set_trainable_parameters", "load_arrays", "set_state"),
)

EXAMPLE = """\
    from mypackage.exchange import pack, unpack

    def get_parameters(model):                 # returns a list or a dict of arrays or tensors
        return pack(model.state_dict(), mode="full")

    def set_parameters(model, parameters):     # changes the model, or returns a new one
        return unpack(parameters, into=model)

and name both: zk0 probe exchange adapter.py"""

EXCHANGE = Vocabulary(
    {
        "model": ("model", "net", "module", "policy", "network"),
        "parameters": (
            *("parameters", "params", "weights", "arrays", "ndarrays", "state", "statedict", "values", "newparameters"),
            *("newweights", "globalparams", "globalparameters", "record", "tensors"),
        ),
        "config": ("config", "cfg", "ins"),
        "device": ("device",),
    },
    {"Module": "model"},
    lambda *_: ("",),
    EXAMPLE,
)

type Payload = list[Any] | dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """A model with its get and its set."""

    model: Callable[[], nn.Module]
    get: Callable[[], Payload]
    set: Callable[[Payload], None]


@dataclass(frozen=True)
class Accessors:
    """How to make a peer around a model; `at` is the place of the set function, where most faults are."""

    peer: Callable[[Bench], Peer]
    at: str


def find_accessors(text: str, root: Any) -> Accessors:
    """Return the pair that a target names: a class, two functions, or a module or file with both."""
    first, comma, second = text.partition(",")
    target = find_target(first, root)
    if comma:
        place, separator, _ = first.rpartition(":" if ":" in first else ".")
        whole = second if ":" in second or not separator else f"{place}{separator}{second}"
        return _of_functions(target, find_target(whole, root))
    if isinstance(target.value, ModuleType):
        found = {name: getattr(target.value, name) for name in _accessor_names(target)}
        return _of_functions(*(Target(f"{text}:{name}", value, target.module, root) for name, value in found.items()))
    if inspect.isclass(target.value) or not inspect.isroutine(target.value):
        return _of_class(target)
    raise ProbeError(
        f"{text} is one function; an exchange takes two",
        remedy=f"name both: zk0 probe exchange {text},set_parameters",
    )


def _of_functions(getter: Target, setter: Target) -> Accessors:
    roles = {each.text: roles_of(each.value, EXCHANGE, what=each.name, at=each.at) for each in (getter, setter)}
    if "parameters" not in roles[setter.text].values():
        raise ProbeError(f"{setter.text}{signature_text(setter.value)} takes no parameters to set", remedy=EXAMPLE)

    def peer(bench: Bench) -> Peer:
        holder: list[nn.Module] = [bench.model]

        def get() -> Payload:
            return payload_of(_call_accessor(getter.value, roles[getter.text], holder[0], None))

        def put(payload: Payload) -> None:
            changed = _call_accessor(setter.value, roles[setter.text], holder[0], payload)
            if isinstance(changed, nn.Module):
                holder[0] = changed

        return Peer(lambda: holder[0], get, put)

    return Accessors(peer, setter.at)


def _of_class(target: Target) -> Accessors:
    getter, setter = _accessor_names(target)
    make = _first_working_maker(target)

    def peer(bench: Bench) -> Peer:
        instance = make(bench)

        def model() -> nn.Module:
            mine = [value for value in vars(instance).values() if isinstance(value, nn.Module)]
            return next((value for value in mine if value is bench.model), mine[0] if mine else bench.model)

        def call(name: str, payload: Payload | None) -> Any:
            function = getattr(instance, name)
            roles = roles_of(function, EXCHANGE, what=function.__name__, at=function.__name__)
            return _call_accessor(function, roles, bench.model, payload)

        return Peer(model, lambda: payload_of(call(getter, None)), lambda payload: call(setter, payload))

    return Accessors(peer, location(getattr(target.value, setter), target.root) or target.at)


def _call_accessor(
    function: Callable[..., Any], roles: Mapping[str, str], model: nn.Module, payload: Payload | None
) -> Any:
    values = {"model": model, "parameters": payload, "config": {}, "device": torch.device("cpu")}
    return call_quietly(function, {name: values[role] for name, role in roles.items()})


def _first_working_maker(target: Target) -> Callable[[Bench], Any]:
    def not_made(error: Exception | None) -> ProbeError:
        shown = describe(error, target.root) if error else "no arguments fit"
        return ProbeError(f"{target.text} can't be made: {shown}", remedy=EXAMPLE)

    make, _ = next(run_each(_makers(target), lambda make: make(Bench(0.0, dtype=torch.float32)), not_made))
    return make


def _makers(target: Target) -> Iterator[Callable[[Bench], Any]]:
    if not inspect.isclass(target.value):
        yield lambda _: target.value
        return
    roles = roles_of(target.value, PROXIMAL, what=target.value.__name__, at=target.at)
    for variant in variants(roles, PROXIMAL):
        yield lambda bench, variant=variant: call_with(target.value, arguments_from_bench(bench, variant))  # type: ignore[misc]


def _accessor_names(target: Target) -> tuple[str, str]:
    """Return the names of the get and the set that a class or a module has."""
    getter, setter = (next((name for name in each if hasattr(target.value, name)), None) for each in (GETTERS, SETTERS))
    if getter is None or setter is None:
        raise ProbeError(
            f"{target.text} has no pair zk0 knows: one of {', '.join(GETTERS)}, and one of {', '.join(SETTERS)}",
            remedy="name two functions, as file.py:get_it,set_it, or write\n\n" + EXAMPLE,
        )
    return getter, setter


def payload_of(value: Any) -> Payload:
    """Return what a get returned as a list or a dict."""
    if hasattr(value, "parameters") and hasattr(value.parameters, "tensors"):  # Flower's GetParametersRes
        value = value.parameters
    if hasattr(value, "tensors") and hasattr(value, "tensor_type"):
        from flwr.common import parameters_to_ndarrays

        value = parameters_to_ndarrays(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list | tuple):
        return list(value)
    raise TypeError(f"the get returned {type(value).__name__}, neither a list nor a dict")


def items(payload: Payload) -> list[tuple[str, Any]]:
    """Return the tensors with their names, or their positions."""
    pairs = payload.items() if isinstance(payload, dict) else enumerate(payload)
    return [(str(name), value) for name, value in pairs]


DIGITS = 16  # of a digest: unique and short enough to read


@dataclass(frozen=True)
class ModelPair:
    """Two models of the same shape and other values, with the code around each, and what left the first."""

    sender: Peer
    receiver: Peer
    sent: Payload


def digest(payload: Payload) -> str:
    """Return a digest over names, dtypes, shapes and values."""
    found = hashlib.sha256()
    for name, value in items(payload):
        values = to_array(value)
        found.update(f"{name} {dtype_of(value)} {values.shape} ".encode() + np.ascontiguousarray(values).tobytes())
    return found.hexdigest()[:DIGITS]


def exchange_once(accessors: Accessors) -> ModelPair:
    """Send from one model to the other."""
    sender, receiver = make_peer(accessors, 0), make_peer(accessors, 1)
    sent = copy.deepcopy(sender.get())
    receiver.set(copy.deepcopy(sent))
    return ModelPair(sender, receiver, sent)


def make_peer(accessors: Accessors, number: int, change: Callable[[nn.Module], Any] = lambda _: None) -> Peer:
    """Return a side whose model has values of its own, batch norm's counter too."""
    bench = Bench(0.0, distance=0.3 * (number + 1), dtype=torch.float32, moved="buffers")
    bench.depart()
    change(bench.model)
    return accessors.peer(bench)


def state_of(model: nn.Module) -> dict[str, Any]:
    """Return a model's tensors, as they are now."""
    return {name: to_array(value).copy() for name, value in model.state_dict().items()}


def dtype_of(value: Any) -> str:
    """Return a tensor's or array's dtype as text."""
    return str(value.dtype).removeprefix("torch.") if hasattr(value, "dtype") else type(value).__name__


def difference(name: str, one: Any, other: Any) -> Shown:
    """Return the two numbers that differ most, or the shapes."""
    values, others = to_array(one), None if other is None else to_array(other)
    if others is None or values.shape != others.shape:
        return {f"{name} sent": str(values.shape), "arrived": str(None if others is None else others.shape)}
    return largest_gap(name, values, others, labels=("{} sent", "arrived"))
