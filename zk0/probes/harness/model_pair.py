"""Find the functions that get and set a model's parameters, and call both on two models of ours."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import torch
from torch import nn

from .arguments import PROXIMAL
from .arguments import give as arguments_from_bench
from .attributes import attributes_read
from .bench import Bench
from .binding import (
    Attempts,
    Vocabulary,
    call_quietly,
    call_with,
    roles_of,
    run_each,
    signature_text,
    uncallable,
    variants,
)
from .errors import TargetError
from .payloads import Payload, payload_of
from .targets import Target, find_target, location

GETTERS = (
    *("get_parameters", "get_weights", "get_model_parameters", "get_params", "get_model_params", "get_model_weights"),
    *("extract_parameters", "extract_trainable_params", "get_trainable_parameters", "to_arrays", "get_state"),
)
SETTERS = (
    *("set_parameters", "set_weights", "set_model_parameters", "set_params", "set_model_params", "set_model_weights"),
    *("load_parameters", "load_trainable_params", "set_trainable_parameters", "load_arrays", "set_state"),
)

EXCHANGE = Vocabulary(
    {
        "model": ("model", "net", "module", "policy", "network"),
        "parameters": (
            *("parameters", "params", "weights", "arrays", "ndarrays", "state", "statedict", "values", "newparameters"),
            *("newweights", "globalparams", "globalparameters", "record", "tensors", "w", "ws", "theta"),
        ),
        "config": ("config", "cfg", "ins"),
        "device": ("device",),
    },
    {"Module": "model"},
    lambda *_: ("",),
    "exchange",
)


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
    target: Target
    at: str
    setter: Callable[..., Any]


def find_accessors(text: object, root: Any) -> Accessors:
    """Return the pair that a target names: a class, two functions, or a module or file with both."""
    if isinstance(text, tuple):
        return _of_functions(*(find_target(each, root) for each in text))
    first, comma, second = text.partition(",") if isinstance(text, str) else (text, "", "")
    target = find_target(first, root)
    if comma:
        place, separator, _ = str(first).rpartition(":" if ":" in str(first) else ".")
        whole = second if ":" in second or not separator else f"{place}{separator}{second}"
        return _of_functions(target, find_target(whole, root))
    if isinstance(target.value, ModuleType) and (only := _only_class(target)):
        return _of_class(only)
    if isinstance(target.value, ModuleType):
        found = {name: getattr(target.value, name) for name in _accessor_names(target)}
        named = (Target(f"{target.text}:{name}", value, target.module, root) for name, value in found.items())
        return _of_functions(*named)
    if inspect.isclass(target.value) or not inspect.isroutine(target.value):
        return _of_class(target)
    raise TargetError(
        f"{text} is one function; an exchange takes two",
        remedy=f"name both: zk0 probe exchange {text},set_parameters",
    )


def _of_functions(getter: Target, setter: Target) -> Accessors:
    roles = {each.text: roles_of(each.value, EXCHANGE, what=each.name, target=each) for each in (getter, setter)}
    if "parameters" not in roles[setter.text].values():
        raise uncallable(f"{setter.text}{signature_text(setter.value)} takes no parameters to set", EXCHANGE, setter)

    def peer(bench: Bench) -> Peer:
        holder: list[nn.Module] = [bench.model]

        def get() -> Payload:
            return payload_of(_call_accessor(getter.value, roles[getter.text], holder[0], None))

        def put(payload: Payload) -> None:
            changed = _call_accessor(setter.value, roles[setter.text], holder[0], payload)
            if isinstance(changed, nn.Module):
                holder[0] = changed

        return Peer(lambda: holder[0], get, put)

    return Accessors(peer, setter, setter.at, setter.value)


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
            roles = roles_of(function, EXCHANGE, what=function.__name__, target=target)
            return _call_accessor(function, roles, bench.model, payload)

        return Peer(model, lambda: payload_of(call(getter, None)), lambda payload: call(setter, payload))

    function = getattr(target.value, setter)
    return Accessors(peer, target, location(function, target.root) or target.at, function)


def _call_accessor(
    function: Callable[..., Any], roles: Mapping[str, str], model: nn.Module, payload: Payload | None
) -> Any:
    values = {"model": model, "parameters": payload, "config": {}, "device": torch.device("cpu")}
    return call_quietly(function, {name: values[role] for name, role in roles.items()})


def _first_working_maker(target: Target) -> Callable[[Bench], Any]:
    attempts = Attempts(target, EXCHANGE)
    make, _ = next(run_each(_makers(target), lambda make: make(Bench(0.0, dtype=torch.float32)), attempts))
    return make


def _makers(target: Target) -> Iterator[Callable[[Bench], Any]]:
    if not inspect.isclass(target.value):
        yield lambda _: target.value
        return
    bare = _without_constructor(target)
    making = replace(PROXIMAL, contract=EXCHANGE.contract)
    try:
        roles = roles_of(target.value, making, what=target.value.__name__, target=target)
    except TargetError:
        if bare is None:
            raise
    else:
        for variant in variants(roles, making):
            yield lambda bench, variant=variant: call_with(target.value, arguments_from_bench(bench, variant))  # type: ignore[misc]
    if bare is not None:
        yield bare


def _without_constructor(target: Target) -> Callable[[Bench], Any] | None:
    """Return what makes an instance without its constructor, where get and set read only a model and a device."""
    owner = target.value
    named = {name for each in _accessor_names(target) for name in attributes_read(owner, getattr(owner, each))}
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    roles = {name: PROXIMAL.role_of(inspect.Parameter(name.strip("_") or "_", kind)) for name in named}
    if "model" not in roles.values() or set(roles.values()) - {"model", "device"} or issubclass(owner, nn.Module):
        return None

    def make(bench: Bench) -> Any:
        instance = object.__new__(owner)
        vars(instance).update(
            {name: bench.model if role == "model" else torch.device("cpu") for name, role in roles.items()}
        )
        return instance

    return make


def _only_class(target: Target) -> Target | None:
    """Return the one class of a module that has both, where no functions of the module are such a pair."""
    module = target.value
    if all(any(hasattr(module, name) for name in names) for names in (GETTERS, SETTERS)):
        return None
    pairs = _classes_with_both(module)
    return Target(f"{target.text}:{pairs[0].__name__}", pairs[0], module, target.root) if len(pairs) == 1 else None


def _classes_with_both(module: Any) -> list[type]:
    own = [each for each in vars(module).values() if inspect.isclass(each) and each.__module__ == module.__name__]
    return [each for each in own if all(any(_is_own(each, name) for name in names) for names in (GETTERS, SETTERS))]


def _accessor_names(target: Target) -> tuple[str, str]:
    """Return the names of the get and the set of a class or a module; a client's `evaluate` sets what it is given."""
    value = target.value

    def has(name: str) -> bool:
        # Flower's NumPyClient has a get_parameters too, which returns nothing.
        return _is_own(value, name) if inspect.isclass(value) else hasattr(value, name)

    getter, setter = (next(filter(has, each), None) for each in (GETTERS, SETTERS))
    if setter is None and getter is not None and _is_own(target.value, "evaluate"):
        setter = "evaluate"
    if getter is None or setter is None:
        raise TargetError(
            f"{target.text} has no pair zk0 knows, such as {GETTERS[0]} and {SETTERS[0]}",
            remedy=_beside(target),
        )
    return getter, setter


def _is_own(owner: Any, name: str) -> bool:
    """Return whether a class of the project defines a method, not Flower."""
    bases = getattr(owner, "__mro__", ())
    return any(name in vars(base) for base in bases if not base.__module__.startswith(("flwr.", "builtins")))


def _beside(target: Target) -> str:
    """Return the remedy for a class or module without a pair: that of its module, or an adapter."""
    named = [name for name in (*GETTERS, *SETTERS) if inspect.isfunction(getattr(target.module, name, None))]
    if len(named) > 1 and not isinstance(target.value, ModuleType):
        return f"its module has {' and '.join(named)}: zk0 probe exchange {target.text.partition(':')[0]}"
    if inspect.ismodule(target.value) and (pairs := _classes_with_both(target.value)):
        return f"name one of its classes: {', '.join(f'{target.text}:{each.__name__}' for each in pairs)}"
    return (
        f"name two functions, as file.py:get_it,set_it, or\nzk0 probe exchange {target.text} --adapter\n"
        "writes a small file that calls them; complete the marked lines and probe that file"
    )


@dataclass(frozen=True)
class ModelPair:
    """Two models of the same shape and other values, with the code around each, and what left the first."""

    sender: Peer
    receiver: Peer
    sent: Payload


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
