"""Run a Flower client's training: a client, its class, a function that makes one, or a ClientApp.

The server's part is played here: it sends weights that differ from those the client began with, and mu in the
configuration, under the names Flower's FedProx uses.
"""

import inspect
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from zk0.core.errors import ProbeError
from zk0.probes.harness.arguments import PROXIMAL, give
from zk0.probes.harness.bench import MU_NAMES, RATE, Bench, seed_everything
from zk0.probes.harness.binding import call_quietly, call_with, parameters_of, roles_of, variants
from zk0.probes.harness.recorder import OptimizerRecorder
from zk0.probes.harness.targets import Target
from zk0.probes.harness.tensors import Named, names_by_count
from zk0.probes.harness.trainings import Runner, TrainingRun, shift


def is_client(target: Target) -> bool:
    """Return whether the target is a client, a class of them, a function that makes one, or a ClientApp."""
    value = target.value
    if target.owner is not None:
        return bool(value.__name__ == "fit")
    if hasattr(value, "fit") and not inspect.isroutine(value):
        return True
    return is_app(value) or _makes_client(value)


def is_app(value: Any) -> bool:
    """Return whether this is Flower's ClientApp, without importing Flower."""
    return type(value).__name__ == "ClientApp" and type(value).__module__.startswith("flwr.")


def _makes_client(value: Any) -> bool:
    if not inspect.isfunction(value):
        return False
    names = [each.name for each in parameters_of(value, what=value.__name__)]
    return "client" in value.__name__ and all(name in ("context", "cid", "partition_id", "node_id") for name in names)


def client_runners(target: Target, dtype: torch.dtype) -> Iterator[Runner]:
    """Yield the ways to run a client in one precision."""
    maker = target.owner or target.value
    if is_app(target.value):
        yield app_runner(target)
    elif not callable(maker):
        yield _runner(lambda _: maker, dtype)
    elif _makes_client(maker):
        yield _runner(lambda _: call_quietly(maker, _identity(maker)), dtype)
    else:
        for variant in variants(_roles(target, maker), PROXIMAL):
            yield _runner(lambda bench, variant=variant: call_quietly(maker, give(bench, variant)), dtype)  # type: ignore[misc]


def _roles(target: Target, maker: Callable[..., Any]) -> dict[str, str]:
    return roles_of(maker, PROXIMAL, what=maker.__name__, at=target.at)


def takes_mu(target: Target) -> bool:
    """Return whether the client is made with a mu."""
    maker = target.owner or target.value
    if not callable(maker) or is_app(maker) or _makes_client(maker):
        return False
    return "mu" in _roles(target, maker).values()


def _identity(maker: Callable[..., Any]) -> dict[str, Any]:
    given = {"context": _context({"proximal-mu": 0.0}), "cid": "0", "partition_id": 0, "node_id": 1}
    return {each.name: given[each.name] for each in parameters_of(maker, what=maker.__name__)}


def _context(config: dict[str, Any]) -> Any:
    """Return Flower's context of a client's node."""
    from flwr.app import Context, RecordDict

    node: dict[str, Any] = {"partition-id": 0, "num-partitions": 2}
    return Context(run_id=1, node_id=1, node_config=node, state=RecordDict(), run_config=config)


def _runner(make: Callable[[Bench], Any], dtype: torch.dtype) -> Runner:
    def run(mu: float, recorder: OptimizerRecorder) -> TrainingRun:
        bench = Bench(mu, dtype=dtype)
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
    return _state(model)


def _state(model: nn.Module) -> list[NDArray[Any]]:
    return [value.detach().cpu().numpy().copy() for value in model.state_dict().values()]


def _fit(client: Any, sent: list[NDArray[Any]], settings: Mapping[str, Any]) -> Any:
    """Call `fit` as Flower does; return the numbers' part of what it returns."""
    names = [each.name for each in parameters_of(client.fit, what="fit")]
    if len(names) == 1:
        from flwr.common import FitIns, ndarrays_to_parameters

        result = client.fit(FitIns(ndarrays_to_parameters(sent), settings))  # type: ignore[arg-type]
        return [result.num_examples, result.metrics]
    result = call_quietly(client.fit, dict(zip(names, (sent, settings), strict=False)))
    return list(result[1:]) if isinstance(result, tuple) else result


def _named(model: nn.Module, sent: list[NDArray[Any]]) -> Named:
    """Return what was sent by tensor, where the model has the names."""
    names = names_by_count(model, len(sent)) or ()
    return {name: np.asarray(value, dtype=np.float64) for name, value in zip(names, sent, strict=False)}


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
        values: dict[str, Any] = dict.fromkeys(MU_NAMES, mu) | {"lr": RATE, "local-epochs": 1, "server-round": 2}
        content = RecordDict({"arrays": arrays, "config": Config(values)})
        message = Message(content, dst_node_id=1, message_type="train")
        message.metadata.__dict__["_message_id"] = "1"  # only a real connection gives one
        return message

    def perform(arrays: ArrayRecord, mu: float) -> Message:
        config = {name: mu if name in MU_NAMES else value for name, value in _run_config(target).items()}
        seed_everything()
        return target.value(ask(arrays, mu), _context(config))  # type: ignore[no-any-return]

    def run(mu: float, recorder: OptimizerRecorder) -> TrainingRun:
        model = _receiver(lambda: perform(ArrayRecord(), mu))
        sent = dict(zip(model.state_dict(), shift(_state(model)), strict=True))
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
    raise ProbeError(
        "the ClientApp's train function loads no weights with load_state_dict before it ends",
        remedy="probe the training function it calls: zk0 probe proximal file.py:train",
    )


def _run_config(target: Target) -> dict[str, Any]:
    """Return the run configuration that the project declares for its apps."""
    file = target.root / "pyproject.toml"
    if not file.is_file():
        return {}
    tool = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {})
    config = tool.get("flwr", {}).get("app", {}).get("config", {})
    return {key: value for key, value in config.items() if isinstance(value, bool | int | float | str)}
