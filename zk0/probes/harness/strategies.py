"""Call a Flower strategy as Flower's server does: configure a round, then aggregate its replies."""

from __future__ import annotations

import ast
import contextlib
import copy
import inspect
import logging
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .binding import COLLECTING, call_with, parameters_of
from .errors import TargetError
from .flower import context_of
from .items import syntax_tree
from .replies import AGGREGATION, client_proxy, fit_results, stub
from .rounds import Aggregate, Aggregator, Array, Round, make_round, read
from .run_configs import run_config_of
from .targets import MOST_NAMES, Target

log = logging.getLogger(__name__)

STRATEGY_METHODS = ("aggregate_fit", "aggregate_train")

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
    return any(callable(getattr(value, name, None)) for name in STRATEGY_METHODS)


def strategy_variants(target: Target) -> Iterator[Aggregator]:
    """Yield the one way to call a strategy class, an instance, or a function that makes one."""
    make = _maker(target)
    strategy = make()
    call = _by_messages if callable(getattr(strategy, "aggregate_train", None)) else _by_results
    yield Aggregator(lambda: call(make()), "strategy", strategy)


# Of other people's classes and functions, by a word in the name.
MEANINGS = {
    "nova": "normalised averaging: updates are divided by their numbers of steps",
    "scaffold": "a step with control variates",
    "feddyn": "a step with a dynamic regulariser",
    "adam": "a server optimizer: it takes a step from the old weights towards the mean",
    "yogi": "a server optimizer: it takes a step from the old weights towards the mean",
    "adagrad": "a server optimizer: it takes a step from the old weights towards the mean",
    "avgm": "a server optimizer: it takes a step from the old weights towards the mean",
    "fedopt": "a server optimizer: it takes a step from the old weights towards the mean",
    "median": "a robust aggregation: the median",
    "trimmed": "a robust aggregation: the trimmed mean",
    "krum": "a robust aggregation: the clients nearest to the others",
    "bulyan": "a robust aggregation: the trimmed mean of the clients nearest to the others",
    "qfed": "fair aggregation: clients of higher loss count more",
    "qffl": "fair aggregation: clients of higher loss count more",
    "privacy": "an average with noise for privacy",
}


def other_meaning(strategy: Any) -> str | None:
    """Return what a strategy or function computes where it is not the mean by intention."""
    kind = strategy if inspect.isroutine(strategy) else type(strategy)
    for base in getattr(kind, "__mro__", ()):
        if base.__module__.startswith("flwr.") and (meaning := NOT_THE_MEAN.get(base.__name__)):
            return f"{kind.__name__} is {meaning}"
        if base.__module__.startswith("flwr.") and base.__name__.startswith(("DifferentialPrivacy", "DPFedAvg")):
            return f"{kind.__name__} adds noise for privacy"
    name = getattr(kind, "__name__", "")
    plain = name.lower().replace("_", "")
    found = next((meaning for word, meaning in MEANINGS.items() if word in plain), None)
    return f"{name} is, by its name, {found}" if found else None


def may_refuse(strategy: Any) -> bool:
    """Return whether a strategy's own code returns no aggregate on a condition, and one otherwise.

    It may wait for more clients, or for a later round; that there are replies at all is no such condition here.
    """
    method = next((getattr(type(strategy), name) for name in STRATEGY_METHODS[::-1] if hasattr(strategy, name)), None)
    tree = syntax_tree(method)
    if tree is None:
        return False
    asked = [node for node in ast.walk(tree) if isinstance(node, ast.If) and not isinstance(node.test, ast.UnaryOp)]
    on_condition = [each for node in asked for each in ast.walk(node) if _returns_none(each)]
    others = [each for each in ast.walk(tree) if isinstance(each, ast.Return) and not _returns_none(each)]
    return bool(on_condition and others)


def _returns_none(node: ast.AST) -> bool:
    """Return whether this is `return None, metrics`."""
    value = node.value if isinstance(node, ast.Return) else None
    return isinstance(value, ast.Tuple) and isinstance(value.elts[0], ast.Constant) and value.elts[0].value is None


def order_may_decide(meaning: str) -> bool:
    """Return whether an aggregation chooses among replies or adds noise; a step or a normalised mean does neither."""
    return any(word in meaning for word in ("robust", "fair", "noise"))


def _maker(target: Target) -> Callable[[], Any]:
    value = target.value
    if not callable(value) or (is_strategy(value) and not inspect.isclass(value)):
        return lambda: copy.deepcopy(value)
    parameters = [each for each in parameters_of(value, what=target.name) if each.kind not in COLLECTING]
    given = {each.name: _constructor_argument(each, target) for each in parameters if _is_needed(each)}

    def make() -> Any:
        made = call_with(value, copy.deepcopy(given))
        found = getattr(made, "strategy", made) if not is_strategy(made) else made
        if not is_strategy(found):
            raise TargetError(
                f"{target.text} at {target.at} makes a {type(found).__name__}, no strategy",
                remedy=_other_names(value, target),
            )
        return found

    return make


def _other_names(value: Any, target: Target) -> str:
    """Return what else to name where a class or function makes no strategy: of a class, its own methods."""
    methods = [name for name, each in vars(value).items() if inspect.isfunction(each) and not name.startswith("_")]
    if inspect.isclass(value) and methods:
        return f"name the method that aggregates: {', '.join(f'{target.text}.{name}' for name in methods[:MOST_NAMES])}"
    return "name the strategy's class, an instance, or a function that returns one"


def _is_needed(parameter: inspect.Parameter) -> bool:
    return parameter.default is parameter.empty or AGGREGATION.role_of(parameter) in ("initial", "mu")


PLAIN: dict[str, Any] = {
    "bool": False,
    "int": 1,
    "float": 1.0,
    "str": "probe",
    "dict": {},
    "Dict": {},
    "list": [],
    "List": [],
}


def _constructor_argument(parameter: inspect.Parameter, target: Target) -> Any:
    """Return an argument to make a strategy with: by its name, also Flower's, else by its type, else None."""
    from flwr.common import ndarrays_to_parameters

    role = AGGREGATION.role_of(parameter)
    if role == "initial":
        return ndarrays_to_parameters(list(make_round().current.values()))
    if role == "context":
        return context_of({"num-server-rounds": 1, **run_config_of(target)}, {}, 0)
    known = {"mu": 0.1, "name": "num-examples", "rate": 1.0, "number": 3}
    if role in known:
        return known[role]
    text = str(parameter.annotation)
    annotation = getattr(parameter.annotation, "__name__", text)
    if "Path" in annotation:
        return Path("probe")
    if "Callable" in text:
        return lambda *_, **__: None
    by_type = next((value for name, value in PLAIN.items() if annotation.startswith(name)), None)
    return _flower_defaults().get(parameter.name, by_type)


@cache
def _flower_defaults() -> dict[str, Any]:
    """Return what Flower's FedAvg, of either interface, has by default: its own names need no annotation."""
    from flwr.server.strategy import FedAvg

    found = [*inspect.signature(FedAvg).parameters.values()]
    with contextlib.suppress(ImportError):  # Flower before 1.21
        from flwr.serverapp.strategy import FedAvg as ByMessages

        found += inspect.signature(ByMessages).parameters.values()
    return {each.name: each.default for each in found if each.default is not each.empty}


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
