"""Run a Flower ClientApp's training: its model is found where it loads what the server sent."""

import tomllib
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import nn

from zk0.core.errors import ProbeError
from zk0.probes.inside.bench import MU_NAMES, RATE, seed_everything
from zk0.probes.inside.recorder import Watch
from zk0.probes.inside.targets import Target
from zk0.probes.inside.trainings import Run, Runner, numbers_in, plain, shifted


class _FoundError(BaseException):
    """The model that received weights are loaded into."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model


def app_runner(target: Target) -> Runner:
    """Run a ClientApp's train function; its model is found where it loads what the server sent."""
    from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, RecordDict
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
        config = {**_run_config(target), **{name: mu for name in _run_config(target) if name in MU_NAMES}}
        node: dict[str, Any] = {"partition-id": 0, "num-partitions": 2}
        context = Context(run_id=1, node_id=1, node_config=node, state=RecordDict(), run_config=config)
        seed_everything()
        return target.value(ask(arrays, mu), context)  # type: ignore[no-any-return]

    def run(mu: float, watch: Watch) -> Run:
        model = _receiver(lambda: perform(ArrayRecord(), mu))
        own = {name: value.detach().cpu().numpy().copy() for name, value in model.state_dict().items()}
        sent = dict(zip(own, shifted(list(own.values())), strict=True))
        Config.read_mu = False
        reply: Any = None
        with watch.on():
            reply = perform(ArrayRecord({name: Array(np.asarray(value)) for name, value in sent.items()}), mu)
        if watch.model is None:
            raise ValueError("no optimizer step was seen in its train function")
        metrics = [] if reply is None else [dict(each) for each in reply.content.metric_records.values()]
        return Run(
            watch=watch,
            final={name: plain(value) for name, value in watch.parameters().items()},
            returned=numbers_in(metrics),
            read_mu=Config.read_mu,
            sent={name: np.asarray(value, dtype=np.float64) for name, value in sent.items()},
        )

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
