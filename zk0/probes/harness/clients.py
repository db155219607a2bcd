"""Run a Flower client's training: a client, its class, a function that makes one, or a ClientApp.

The server's part is played here: it sends weights that differ from those the client began with, and mu in the
configuration, under the names Flower's FedProx uses.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from .arguments import PROXIMAL, give
from .bench import EPOCHS, RATE, Bench, seed_everything
from .binding import call_quietly, call_with, parameters_of, roles_of, variants
from .errors import TargetError
from .flower import context_of
from .recorder import OptimizerRecorder
from .run_configs import MU_NAMES, run_config_of
from .targets import Target
from .tensors import Named, names_by_count
from .trainings import Runner, TrainingRun, shift


def is_client(target: Target) -> bool:
    """Return whether the target is a client, a class of them, a function that makes one, or a ClientApp."""
    value = target.value
    if target.owner is not None:
        return target.attribute == "fit" and len(inspect.signature(value).parameters) > 1
    if hasattr(value, "fit") and not inspect.isroutine(value):
        return True
    return is_app(value) or makes_client(value)


def is_app(value: Any) -> bool:
    """Return whether this is Flower's ClientApp, without importing Flower."""
    return type(value).__name__ == "ClientApp" and type(value).__module__.startswith("flwr.")


def makes_client(value: Any) -> bool:
    """Return whether this is a `client_fn`: a function that is given a node's identity."""
    if not inspect.isfunction(value):
        return False
    names = [each.name for each in parameters_of(value, what=value.__name__)]
    return "client" in value.__name__ and all(name in ("context", "cid", "partition_id", "node_id") for name in names)


def client_runners(target: Target, dtype: torch.dtype, *, freeze: bool) -> Iterator[Runner]:
    """Yield the ways to run a client in one precision."""
    maker = target.owner or target.value
    if is_app(maker) and (made_by := _function_of_app(maker)) is not None:
        maker = made_by  # an app of the older interface: a function that makes a client
    if is_app(maker):
        yield app_runner(target)
    elif not callable(maker):
        yield _runner(lambda _: copy.deepcopy(maker), dtype, freeze=freeze)
    elif makes_client(maker):
        yield _runner(lambda bench: call_quietly(maker, _identity(maker, target, bench.mu)), dtype, freeze=freeze)
    else:
        for variant in variants(_roles(target, maker), PROXIMAL):
            yield _runner(
                lambda bench, variant=variant: call_quietly(maker, give(bench, variant)),  # type: ignore[misc]
                dtype,
                freeze=freeze,
            )


def _function_of_app(app: Any) -> Callable[..., Any] | None:
    """Return the `client_fn` that a ClientApp of the older interface was made with: it is in a closure."""
    waiting = [getattr(app, "_call", None)]
    for _ in range(10):  # as many functions as may be wrapped around it
        call = waiting.pop() if waiting else None
        if not inspect.isfunction(call):
            return None
        cells = dict(zip(call.__code__.co_freevars, [cell.cell_contents for cell in call.__closure__ or ()]))
        if callable(cells.get("client_fn")):
            return cells["client_fn"]  # type: ignore[no-any-return]
        waiting += [value for value in cells.values() if inspect.isfunction(value)]
    return None


def _roles(target: Target, maker: Callable[..., Any]) -> dict[str, str]:
    return roles_of(maker, PROXIMAL, what=maker.__name__, target=target)


def takes_mu(target: Target) -> bool:
    """Return whether the client is made with a mu."""
    maker = target.owner or target.value
    if not callable(maker) or is_app(maker) or makes_client(maker):
        return False  # the run's configuration has it
    return "mu" in _roles(target, maker).values()


def _identity(maker: Callable[..., Any], target: Target, mu: float) -> dict[str, Any]:
    given = {"context": _context(run_config_of(target, mu)), "cid": "0", "partition_id": 0, "node_id": 1}
    return {each.name: given[each.name] for each in parameters_of(maker, what=maker.__name__)}


def _context(config: dict[str, Any]) -> Any:
    """Return Flower's context of a client's node."""
    return context_of(config, {"partition-id": 0, "num-partitions": 2}, 1)


def _runner(make: Callable[[Bench], Any], dtype: torch.dtype, *, freeze: bool) -> Runner:
    def run(mu: float, recorder: OptimizerRecorder) -> TrainingRun:
        bench = Bench(mu, dtype=dtype, freeze=freeze)
        client = make(bench)
        client = getattr(client, "numpy_client", client)
        recorder.model = _model_of(client, bench)
        sent = shift(_begin(client, recorder.model))
        result: Any = None
        with recorder.on():
            result = _fit(client, sent, bench.settings)
        if recorder.model is None:
            raise ValueError("no optimizer step was seen, and the client has no model that could be looked at")
        named = _named(recorder.model, sent)
        return TrainingRun.ended(recorder, result, read_mu=bench.settings.read_mu, sent=named)

    return run


def _begin(client: Any, model: nn.Module | None) -> list[Any]:
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
    return _state(model)


def _state(model: nn.Module) -> list[Any]:
    return [value.detach().cpu().numpy().copy() for value in model.state_dict().values()]


def _fit(client: Any, sent: list[Any], settings: Mapping[str, Any]) -> Any:
    """Call `fit` as Flower does; return the numbers' part of what it returns."""
    names = [each.name for each in parameters_of(client.fit, what="fit")]
    if len(names) == 1:
        from flwr.common import FitIns, ndarrays_to_parameters, parameters_to_ndarrays

        result = client.fit(FitIns(ndarrays_to_parameters(sent), settings))  # type: ignore[arg-type]
        return [parameters_to_ndarrays(result.parameters), result.num_examples, result.metrics]
    result = call_quietly(client.fit, dict(zip(names, (sent, settings))))
    return list(result) if isinstance(result, tuple) else result


def _named(model: nn.Module, sent: list[Any]) -> Named:
    """Return what was sent by tensor, where the model has the names."""
    names = names_by_count(model, len(sent)) or ()
    return {name: np.asarray(value, dtype=np.float64) for name, value in zip(names, sent)}


def _model_of(client: Any, bench: Bench) -> nn.Module | None:
    """Return the client's model: the one it was given, or its own."""
    models = [value for value in getattr(client, "__dict__", {}).values() if isinstance(value, nn.Module)]
    if any(value is bench.model for value in models):
        return bench.model
    return next((value for value in models if any(True for _ in value.parameters())), None)


class _FoundError(BaseException):
    """The model that received weights are loaded into."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model


def app_runner(target: Target) -> Runner:
    """Run a ClientApp's train function; its model is found where it loads what the server sent."""
    from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict
    from flwr.supercore.task_identity import TaskIdentity

    TaskIdentity.run_id = TaskIdentity.task_id = TaskIdentity.node_id = 1

    class Config(ConfigRecord):
        """A configuration that remembers whether mu was read."""

        read_mu = False

        def __getitem__(self, key: str) -> Any:
            Config.read_mu = Config.read_mu or key in MU_NAMES
            return super().__getitem__(key)

    def ask(arrays: ArrayRecord, mu: float) -> Message:
        values: dict[str, Any] = dict.fromkeys(MU_NAMES, mu) | {"lr": RATE, "local-epochs": EPOCHS, "server-round": 2}
        content = RecordDict({"arrays": arrays, "config": Config(values)})
        message = Message(content, dst_node_id=1, message_type="train")
        message.metadata.__dict__["_message_id"] = "1"  # only a real connection gives one
        return message

    def perform(arrays: ArrayRecord, mu: float) -> Message:
        seed_everything()
        return target.value(ask(arrays, mu), _context(run_config_of(target, mu)))  # type: ignore[no-any-return]

    def run(mu: float, recorder: OptimizerRecorder) -> TrainingRun:
        model = _receiver(lambda: perform(ArrayRecord(), mu))
        sent = dict(zip(model.state_dict(), shift(_state(model))))
        Config.read_mu = False
        reply: Any = None
        with recorder.on():
            reply = perform(ArrayRecord({name: Array(np.asarray(value)) for name, value in sent.items()}), mu)
        if recorder.model is None:
            raise ValueError("no optimizer step was seen in its train function")
        metrics = [] if reply is None else [dict(each) for each in reply.content.metric_records.values()]
        doubles = {name: np.asarray(value, dtype=np.float64) for name, value in sent.items()}
        return TrainingRun.ended(recorder, metrics, read_mu=Config.read_mu, sent=doubles)

    return run


def _receiver(perform: Callable[[], Any]) -> nn.Module:
    """Return the first model that received weights are loaded into."""
    original = nn.Module.load_state_dict

    def found(self: nn.Module, *_: Any, **__: Any) -> Any:
        raise _FoundError(self)

    nn.Module.load_state_dict = found  # type: ignore[method-assign]
    try:
        perform()
    except _FoundError as stop:
        return stop.model
    finally:
        nn.Module.load_state_dict = original  # type: ignore[method-assign]
    raise TargetError(
        "the ClientApp's train function loads no weights with load_state_dict before it ends",
        remedy="probe the training function it calls: zk0 probe proximal file.py:train",
    )
