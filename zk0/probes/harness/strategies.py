"""Call a Flower strategy as Flower's server does: configure a round, then aggregate its replies."""

import copy
import inspect
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from zk0.core.errors import ProbeError
from zk0.probes.harness.binding import call_with, roles_of
from zk0.probes.harness.replies import AGGREGATION, client_proxy, fit_results, stub
from zk0.probes.harness.rounds import Aggregate, Aggregator, Array, Round, make_round, read
from zk0.probes.harness.targets import Target

log = logging.getLogger(__name__)

# Of flwr's classes, those whose result is not the mean by intention, and what it is.
NOT_THE_MEAN = {
    "FedOpt": "a server optimizer: it takes a step from the old weights towards the mean",
    "FedAvgM": "a server optimizer: it takes a step from the old weights towards the mean",
    "FedMedian": "a robust aggregation: the median",
    "FedTrimmedAvg": "a robust aggregation: the trimmed mean",
    "Krum": "a robust aggregation: the clients nearest to the others",
    "MultiKrum": "a robust aggregation: the clients nearest to the others",
    "Bulyan": "a robust aggregation: the trimmed mean of the clients nearest to the others",
    "QFedAvg": "fair aggregation: clients of higher loss count more",
}


def is_strategy(value: Any) -> bool:
    """Return whether this is a strategy, or a class of them."""
    return any(callable(getattr(value, name, None)) for name in ("aggregate_fit", "aggregate_train"))


def strategy_variants(target: Target) -> Iterator[Aggregator]:
    """Yield the one way to call a strategy class, an instance, or a function that makes one."""
    make = _maker(target)
    strategy = make()
    call = _by_messages if callable(getattr(strategy, "aggregate_train", None)) else _by_results
    yield Aggregator(lambda: call(make()), "strategy", strategy)


def other_meaning(strategy: Any) -> str | None:
    """Return what a strategy computes where it is not the mean by intention."""
    for base in type(strategy).__mro__:
        if base.__module__.startswith("flwr.") and (meaning := NOT_THE_MEAN.get(base.__name__)):
            return f"{type(strategy).__name__} is {meaning}"
        if base.__module__.startswith("flwr.") and base.__name__.startswith(("DifferentialPrivacy", "DPFedAvg")):
            return f"{type(strategy).__name__} adds noise for privacy"
    return None


def _maker(target: Target) -> Callable[[], Any]:
    value = target.value
    if not callable(value) or (is_strategy(value) and not inspect.isclass(value)):
        return lambda: copy.deepcopy(value)
    roles = roles_of(value, AGGREGATION, what=target.name, at=target.at)

    def make() -> Any:
        made = call_with(value, {name: _constructor_argument(role) for name, role in roles.items()})
        found = getattr(made, "strategy", made) if not is_strategy(made) else made
        if not is_strategy(found):
            raise ProbeError(
                f"{target.text} at {target.at} makes a {type(found).__name__}, no strategy",
                remedy="name the strategy's class, an instance, or a function that returns one",
            )
        return found

    return make


def _constructor_argument(role: str) -> Any:
    from flwr.app import Context, RecordDict
    from flwr.common import ndarrays_to_parameters

    config: dict[str, Any] = {"num-server-rounds": 1}
    known = {
        "initial": ndarrays_to_parameters(list(make_round().current.values())),
        "context": Context(run_id=1, node_id=0, node_config={}, state=RecordDict(), run_config=config),
        "mu": 0.1,
        "name": "num-examples",
        "rate": 1.0,
    }
    if role not in known:
        raise ProbeError(f"zk0 has no {role} to make a strategy with")
    return known[role]


def _by_results(strategy: Any) -> Callable[[Round], Aggregate]:
    """Return a function that calls `aggregate_fit`."""
    from flwr.common import ndarrays_to_parameters
    from flwr.server.client_manager import SimpleClientManager

    clients = SimpleClientManager()
    for index in range(max(3, getattr(strategy, "min_available_clients", 3))):
        clients.register(client_proxy(f"client-{index}"))

    def aggregate(round_: Round) -> Aggregate:
        current = ndarrays_to_parameters(list(round_.current.values()))
        _prepare(lambda: strategy.configure_fit(round_.number, current, clients))
        failures = [TimeoutError("the client did not answer")] * round_.failures
        return read(strategy.aggregate_fit(round_.number, fit_results(round_), failures), list(round_.current))

    return aggregate


def _by_messages(strategy: Any) -> Callable[[Round], Aggregate]:
    """Return a function that calls `aggregate_train`."""
    from flwr.app import Array as FlowerArray
    from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
    from flwr.app.error import Error
    from flwr.supercore.task_identity import TaskIdentity

    TaskIdentity.run_id = TaskIdentity.task_id = TaskIdentity.node_id = 1
    arrays_key = getattr(strategy, "arrayrecord_key", "arrays")
    weight_key = getattr(strategy, "weighted_by_key", "num-examples")

    def record(arrays: dict[str, Array]) -> ArrayRecord:
        return ArrayRecord({name: FlowerArray(np.asarray(value)) for name, value in arrays.items()})

    def reply(node: int, content: RecordDict | Error) -> Message:
        asked = Message(RecordDict(), dst_node_id=node, message_type="train")
        asked.metadata.__dict__["_message_id"] = f"{node}-{time.time_ns()}"  # only a real connection gives one
        return Message(content, reply_to=asked)

    def aggregate(round_: Round) -> Aggregate:
        grid = _grid(max(len(round_.updates), 3, getattr(strategy, "min_available_nodes", 3)))
        _prepare(lambda: list(strategy.configure_train(round_.number, record(round_.current), ConfigRecord(), grid)))
        replies = []
        for node, update in enumerate(round_.updates, 2):
            metrics = MetricRecord({weight_key: update.examples, "train_loss": 1.0})
            content = RecordDict({arrays_key: record(update.arrays), "metrics": metrics})
            replies.append(reply(node, content))
        replies += [reply(90 + each, Error(code=2, reason="the client failed")) for each in range(round_.failures)]
        return read(strategy.aggregate_train(round_.number, replies), list(round_.current))

    return aggregate


def _prepare(configure: Callable[[], Any]) -> None:
    """Let the strategy take note of the weights it sends; one that has no such step needs none."""
    try:
        configure()
    except Exception as error:  # noqa: BLE001  somebody else's code; what is missing shows in the aggregation itself
        log.info("configure_train raised %s: %s", type(error).__name__, error)


def _grid(count: int) -> Any:
    """Return a grid of so many nodes, with nothing behind them."""
    from flwr.serverapp import Grid

    return stub(Grid, get_node_ids=lambda _: range(2, 2 + count))()
