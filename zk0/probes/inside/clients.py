"""Run a Flower client's training: a client, its class, a function that makes one, or a ClientApp.

The server's part is played here: weights are sent that differ from those the client began with, and mu in the
configuration, under the names Flower's FedProx uses.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from zk0.probes.inside.apps import app_runner
from zk0.probes.inside.arguments import PROXIMAL, give
from zk0.probes.inside.bench import Scene
from zk0.probes.inside.binding import call_with, parameters_of, roles_of, variants
from zk0.probes.inside.callees import quietly
from zk0.probes.inside.recorder import Named, Watch
from zk0.probes.inside.targets import Target
from zk0.probes.inside.trainings import Run, Runner, numbers_in, plain, shifted

MAKERS = {"context", "identity", "ctx"}


def is_client(target: Target) -> bool:
    """Tell whether the target is a client, a class of them, a function that makes one, or a ClientApp."""
    value = target.value
    if target.owner is not None:
        return bool(value.__name__ == "fit")
    if hasattr(value, "fit") and not inspect.isroutine(value):
        return True
    return is_app(value) or _makes_client(value)


def is_app(value: Any) -> bool:
    """Tell whether this is Flower's ClientApp, without importing Flower."""
    return type(value).__name__ == "ClientApp" and type(value).__module__.startswith("flwr.")


def _makes_client(value: Any) -> bool:
    if not inspect.isfunction(value):
        return False
    names = [each.name for each in parameters_of(value, what=value.__name__)]
    return "client" in value.__name__ and all(name in ("context", "cid", "partition_id", "node_id") for name in names)


def client_runners(target: Target, dtype: torch.dtype) -> Iterator[Runner]:
    """Yield the ways to run a client in one precision."""
    if is_app(target.value):
        yield app_runner(target)
        return
    maker = target.owner or target.value
    if not callable(maker):
        yield _runner(lambda _: maker, dtype)
        return
    if _makes_client(maker):
        yield _runner(lambda _: quietly(maker, _identity(maker)), dtype)
        return
    roles = roles_of(maker, PROXIMAL, what=maker.__name__, at=target.at)
    for variant in variants(roles, PROXIMAL):
        yield _runner(lambda scene, variant=variant: quietly(maker, give(scene, variant)), dtype)  # type: ignore[misc]


def takes_mu(target: Target) -> bool:
    """Tell whether the client is made with a mu."""
    maker = target.owner or target.value
    if not callable(maker) or is_app(maker) or _makes_client(maker):
        return False
    return "mu" in roles_of(maker, PROXIMAL, what=maker.__name__, at=target.at).values()


def _identity(maker: Callable[..., Any]) -> dict[str, Any]:
    from flwr.app import Context, RecordDict

    node: dict[str, Any] = {"partition-id": 0, "num-partitions": 2}
    context = Context(run_id=1, node_id=1, node_config=node, state=RecordDict(), run_config={"proximal-mu": 0.0})
    given = {"context": context, "cid": "0", "partition_id": 0, "node_id": 1}
    return {each.name: given[each.name] for each in parameters_of(maker, what=maker.__name__)}


def _runner(make: Callable[[Scene], Any], dtype: torch.dtype) -> Runner:
    def run(mu: float, watch: Watch) -> Run:
        scene = Scene(mu, dtype=dtype)
        client = make(scene)
        client = getattr(client, "numpy_client", client)
        watch.model = scene.model if _holds(client, scene.model) else _own_model(client)
        model = watch.model
        arrays = _begin(client, model)
        sent = shifted(arrays)
        with watch.on():
            result = _fit(client, sent, scene.settings)
        model = watch.model
        if model is None:
            raise ValueError("no optimizer step was seen, and the client has no model that could be looked at")
        return Run(
            watch=watch,
            final={name: plain(value) for name, value in watch.parameters().items()},
            returned=numbers_in(result),
            read_mu=scene.settings.read_mu,
            sent=_named(model, sent),
        )

    return run


def _begin(client: Any, model: nn.Module | None) -> list[NDArray[Any]]:
    """Return the client's own parameters, as it gives them or as its model has them."""
    if callable(getattr(client, "get_parameters", None)):
        takes = parameters_of(client.get_parameters, what="get_parameters")
        try:
            found = call_with(client.get_parameters, {each.name: {} for each in takes[:1]})
            if isinstance(found, list) and found and all(isinstance(each, np.ndarray) for each in found):
                return [each.copy() for each in found]
        except NotImplementedError:
            pass  # Flower's own, that was not overridden
    if model is None:
        raise ValueError("it has neither get_parameters nor an attribute that is its model")
    return [value.detach().cpu().numpy().copy() for value in model.state_dict().values()]


def _fit(client: Any, sent: list[NDArray[Any]], settings: Mapping[str, Any]) -> Any:
    """Call `fit` as Flower does; return the numbers' part of what it returns."""
    names = [each.name for each in parameters_of(client.fit, what="fit")]
    if len(names) == 1:
        from flwr.common import FitIns, ndarrays_to_parameters

        result = client.fit(FitIns(ndarrays_to_parameters(sent), settings))  # type: ignore[arg-type]
        return [result.num_examples, result.metrics]
    result = quietly(client.fit, dict(zip(names, (sent, settings), strict=False)))
    return list(result[1:]) if isinstance(result, tuple) else result


def _named(model: nn.Module, sent: list[NDArray[Any]]) -> Named:
    """Return what was sent by tensor, where the model tells the names: all, its parameters, or the trained ones."""
    state = list(model.state_dict())
    parameters = [name for name, _ in model.named_parameters()]
    trained = [name for name, value in model.named_parameters() if value.requires_grad]
    names = next((each for each in (state, parameters, trained) if len(each) == len(sent)), None)
    if names is None:
        return {}
    return {name: np.asarray(value, dtype=np.float64) for name, value in zip(names, sent, strict=True)}


def _holds(client: Any, model: nn.Module) -> bool:
    return any(value is model for value in getattr(client, "__dict__", {}).values())


def _own_model(client: Any) -> nn.Module | None:
    found = [value for value in getattr(client, "__dict__", {}).values() if isinstance(value, nn.Module)]
    return next((value for value in found if any(True for _ in value.parameters())), None)
