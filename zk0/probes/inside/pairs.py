"""Find what gets and what sets a model's parameters, and call both on a model of ours."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

from zk0.core.errors import ProbeError
from zk0.probes.inside.arguments import PROXIMAL
from zk0.probes.inside.arguments import give as give_scene
from zk0.probes.inside.bench import Scene
from zk0.probes.inside.binding import Vocabulary, call_with, roles_of, signature_text, variants
from zk0.probes.inside.callees import quietly
from zk0.probes.inside.targets import Target, describe, find_target, location

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
    {},
    lambda *_: (),
    EXAMPLE,
)

type Parcel = list[Any] | dict[str, Any]


@dataclass(frozen=True)
class Side:
    """A model with its get and its set."""

    model: Callable[[], nn.Module]
    get: Callable[[], Parcel]
    set: Callable[[Parcel], None]


@dataclass(frozen=True)
class Pair:
    """A way to make a side around a model; `at` is where the set stands, which most faults are in."""

    side: Callable[[Scene], Side]
    at: str


def find_pair(text: str, root: Any) -> Pair:
    """Return the pair that a target names: a class, two functions, or a module or file with both.

    Raises:
        ProbeError: there is no such pair, or it can't be called.
    """
    first, comma, second = text.partition(",")
    target = find_target(first, root)
    if comma:
        place, separator, _ = first.rpartition(":" if ":" in first else ".")
        whole = second if ":" in second or not separator else f"{place}{separator}{second}"
        return _of_functions(target, find_target(whole, root))
    if isinstance(target.value, ModuleType):
        names = [next((name for name in each if hasattr(target.value, name)), None) for each in (GETTERS, SETTERS)]
        if None in names:
            raise _no_pair(target)
        found = [Target(f"{text}:{name}", getattr(target.value, str(name)), target.module, root) for name in names]
        return _of_functions(*found)
    if inspect.isclass(target.value) or not inspect.isroutine(target.value):
        return _of_class(target)
    raise ProbeError(
        f"{text} is one function; an exchange takes two",
        remedy=f"name both: zk0 probe exchange {text},set_parameters",
    )


def _of_functions(getter: Target, setter: Target) -> Pair:
    roles = {
        each.text: roles_of(each.value, EXCHANGE, what=each.text.rpartition(":")[2], at=each.at)
        for each in (getter, setter)
    }
    if "parameters" not in roles[setter.text].values():
        raise ProbeError(f"{setter.text}{signature_text(setter.value)} takes no parameters to set", remedy=EXAMPLE)

    def side(scene: Scene) -> Side:
        holder: list[nn.Module] = [scene.model]

        def give(role: str, parcel: Parcel | None) -> Any:
            plain = {"model": holder[0], "parameters": parcel, "config": {}, "device": torch.device("cpu")}
            return plain[role]

        def get() -> Parcel:
            given = {name: give(role, None) for name, role in roles[getter.text].items()}
            return parcel_of(quietly(getter.value, given))

        def put(parcel: Parcel) -> None:
            given = {name: give(role, parcel) for name, role in roles[setter.text].items()}
            changed = quietly(setter.value, given)
            if isinstance(changed, nn.Module):
                holder[0] = changed

        return Side(lambda: holder[0], get, put)

    return Pair(side, setter.at)


def _of_class(target: Target) -> Pair:
    owner = target.value
    getter, setter = (next((name for name in each if hasattr(owner, name)), None) for each in (GETTERS, SETTERS))
    if getter is None or setter is None:
        raise _no_pair(target)
    makers = list(_makers(target))
    errors: list[Exception] = []
    for make in makers:
        try:
            make(Scene(0.0, dtype=torch.float32))
        except Exception as error:  # noqa: BLE001  foreign code may raise anything; the first is told below
            errors.append(error)
            continue
        break
    else:
        raise ProbeError(f"{target.text} can't be made: {describe(errors[0], target.root)}", remedy=EXAMPLE)

    def side(scene: Scene) -> Side:
        instance = make(scene)

        def model() -> nn.Module:
            mine = [value for value in vars(instance).values() if isinstance(value, nn.Module)]
            return next((value for value in mine if value is scene.model), mine[0] if mine else scene.model)

        def get() -> Parcel:
            return parcel_of(_called(getattr(instance, getter), scene, None))

        def put(parcel: Parcel) -> None:
            _called(getattr(instance, setter), scene, parcel)

        return Side(model, get, put)

    function = getattr(owner, setter)
    return Pair(side, location(function, target.root) or target.at)


def _called(function: Callable[..., Any], scene: Scene, parcel: Parcel | None) -> Any:
    plain = {"model": scene.model, "parameters": parcel, "config": {}, "device": torch.device("cpu")}
    roles = roles_of(function, EXCHANGE, what=function.__name__, at=function.__name__)
    return quietly(function, {name: plain[role] for name, role in roles.items()})


def _makers(target: Target) -> Iterator[Callable[[Scene], Any]]:
    if not inspect.isclass(target.value):
        yield lambda _: target.value
        return
    roles = roles_of(target.value, PROXIMAL, what=target.value.__name__, at=target.at)
    for variant in variants(roles, PROXIMAL):
        yield lambda scene, variant=variant: call_with(target.value, give_scene(scene, variant))  # type: ignore[misc]


def _no_pair(target: Target) -> ProbeError:
    return ProbeError(
        f"{target.text} has no pair zk0 knows: one of {', '.join(GETTERS)}, and one of {', '.join(SETTERS)}",
        remedy="name two functions, as file.py:get_it,set_it, or write\n\n" + EXAMPLE,
    )


def parcel_of(value: Any) -> Parcel:
    """Return what a get returned as a list or a dict.

    Raises:
        TypeError: it is neither.
    """
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


def items(parcel: Parcel) -> list[tuple[str, Any]]:
    """Return the tensors with their names, or their positions."""
    return [(str(name), value) for name, value in (parcel.items() if isinstance(parcel, dict) else enumerate(parcel))]


def array(value: Any) -> np.ndarray[Any, np.dtype[Any]]:
    """Return a tensor or array as an array; bfloat16, which NumPy lacks, as float32."""
    if isinstance(value, torch.Tensor):
        plain = value.detach().cpu()
        return (plain.float() if plain.dtype == torch.bfloat16 else plain).numpy()
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value)
