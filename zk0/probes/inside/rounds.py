"""One round's replies, and foreign aggregation as something to call on them.

Three clients of 10, 30 and 60 examples send two layers of equal shapes, so that swapped tensors raise no error by
themselves. The exact mean is computed in float64.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from zk0.probes.inside.binding import Variant, Vocabulary, call_with, variants

type Array = NDArray[Any]
type Arrays = dict[str, Array]

EXAMPLES = (10, 30, 60)  # sum 100; no two clients weigh the same, none half of all
PAIR = 2  # tensors and metrics
COUNTER = "norm.num_batches_tracked"  # PyTorch's name for batch norm's integer buffer

EXAMPLE = """\
    from mypackage.server import combine                     # your code

    def aggregate(weights_list, num_examples):               # zk0 gives a list of lists of arrays, and a list of int
        return combine([{"w": w, "n": n} for w, n in zip(weights_list, num_examples)])"""

NAMES: dict[str, Sequence[str]] = {
    "results": ("results", "fitresults", "clientresults", "replies", "clientupdatesandweights", "res"),
    "updates": (
        *("weightslist", "updates", "clientweights", "clientupdates", "clientparams", "clientparameters", "params"),
        *("statedicts", "clientstatedicts", "localweights", "localparams", "localstates", "models", "clientmodels"),
        *("weights", "parameters", "parameterslist", "arrayslist", "arrays", "tensors", "clientarrays", "localmodels"),
        *("w", "states", "clientstates", "statedictlist", "modelslist", "deltas", "clientdeltas", "ndarrays", "dicts"),
        *("modelupdates", "paramslist", "listofweights", "clientdicts"),
    ),
    "counts": (
        *("numexamples", "examples", "numsamples", "samples", "counts", "sizes", "ns", "n", "nk", "datasetsizes"),
        *("clientsizes", "numdata", "samplecounts", "clientnums", "lens", "lengths", "samplenum", "clientcounts"),
        *("examplecounts", "clientsamples", "numexampleslist", "datasizes"),
    ),
    "weights": ("aggregationweights", "weight", "clientimportance", "mixing"),
    "fractions": ("coefficients", "fractions", "alphas", "ratios", "clientfractions", "factors", "importance"),
    "current": (
        *("globalmodel", "globalweights", "globalparams", "globalparameters", "globalstate", "globalstatedict"),
        *("servermodel", "serverstate", "currentweights", "currentparameters", "oldparams", "previous", "current"),
        *("oldweights", "globaldict", "globalarrays"),
    ),
    "round": ("serverround", "round", "rnd", "currentround", "roundnum"),
    "failures": ("failures",),
    "total": ("total", "totalexamples", "totalsamples", "ntotal"),
    "number": ("numclients", "nclients", "k", "clients"),
    "rate": ("serverlr", "lr", "serverlearningrate", "eta"),
    "initial": ("initialparameters",),
    "mu": ("proximalmu", "mu"),
    "context": ("context",),
    "name": ("weightedbykey", "key", "weightingmetricname"),
}

# `weights` are the clients' tensors, or how much they count where the tensors have a name of their own.
YIELDING = {"weights": "weights", "clientweights": "weights", "w": "weights"}


@dataclass(frozen=True)
class Update:
    """What one client sends."""

    client: str
    arrays: Arrays
    examples: float


@dataclass(frozen=True)
class Round:
    """What the server has, and what it is sent."""

    updates: tuple[Update, ...]
    current: Arrays
    number: int = 1
    failures: int = 0

    def mean(self) -> Arrays:
        """Return the mean by number of examples, in float64."""
        total = sum(update.examples for update in self.updates)
        return {
            name: np.asarray(
                sum(update.arrays[name].astype(np.float64) * (update.examples / total) for update in self.updates)
            )
            for name in self.current
        }

    def changed(self, **changes: Any) -> "Round":
        """Return the round with other updates or failures."""
        return replace(self, **changes)


def make_round(seed: int = 0, *, examples: Sequence[float] = EXAMPLES, counter: bool = False) -> Round:
    """Return a round of made-up float32 tensors."""
    generator = np.random.default_rng(seed)
    shapes = {"first.weight": (4, 4), "first.bias": (4,), "second.weight": (4, 4), "second.bias": (4,)}
    current: Arrays = {name: generator.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    if counter:
        current[COUNTER] = np.asarray(7, dtype=np.int64)
    updates = []
    for index, number in enumerate(examples):
        arrays = {
            name: value + generator.standard_normal(value.shape).astype(value.dtype)
            for name, value in current.items()
            if name != COUNTER
        }
        if counter:
            arrays[COUNTER] = np.asarray(10 * (index + 1), dtype=np.int64)
        updates.append(Update(f"client-{index}", arrays, number))
    return Round(tuple(updates), current, number=seed + 1)


@dataclass(frozen=True)
class Aggregate:
    """What came back: tensors by name or None, whether it was a pair with metrics, and the raw answer."""

    arrays: Arrays | None
    paired: bool
    raw: Any
    names: tuple[str, ...] | None = None  # where it names its tensors

    def flat(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Return all values in a row."""
        assert self.arrays is not None
        return np.concatenate([np.asarray(self.arrays[name], dtype=np.float64).ravel() for name in names])


@dataclass(frozen=True)
class Aggregator:
    """A way to call foreign aggregation; `fresh` makes the callable of one run, that keeps its state over rounds."""

    fresh: Callable[[], Callable[[Round], Aggregate]]
    kind: str  # "strategy" or "function"
    value: Any  # the strategy or function itself

    def once(self, given: Round) -> Aggregate:
        """Aggregate one round from a fresh start, on a copy: foreign code may write to what it is given."""
        return self.fresh()(copy.deepcopy(given))


def preferred(role: str, name: str) -> Sequence[str]:
    """Return the styles of a role, those first that a parameter's name hints at."""
    lower = name.lower().replace("_", "")
    styles: tuple[str, ...] = {
        "results": ("pairs", "fitres", "torch-pairs", "reversed", "mapping"),
        "updates": ("arrays", "torch-dicts", "numpy-dicts", "torch-lists", "mapping", "modules"),
        "counts": ("list", "mapping"),
        "weights": ("counts", "fractions", "mapping"),
        "current": ("arrays", "torch-dict", "numpy-dict", "torch-list", "module"),
    }.get(role, ("",))
    if "dict" in lower or "state" in lower:
        styles = (*(style for style in styles if "dict" in style), *(style for style in styles if "dict" not in style))
    if "model" in lower and "dict" not in lower:
        styles = (
            *(style for style in styles if "module" in style),
            *(style for style in styles if "module" not in style),
        )
    if role == "updates" and ("delta" in lower or lower.endswith("updates")):
        return (*styles, *(f"delta-{style}" for style in styles if style != "modules"))
    return styles


AGGREGATION = Vocabulary(NAMES, {"FitRes": "results"}, {}, preferred, EXAMPLE, YIELDING)


def give(given: Round, variant: Variant) -> dict[str, Any]:
    """Return the arguments of a call."""
    return {name: _object(given, role, style) for name, (role, style) in variant.items()}


def _object(given: Round, role: str, style: str) -> Any:
    match role:
        case "results":
            return _results(given, style)
        case "updates":
            return _updates(given, style)
        case "counts" | "weights" | "fractions":
            return _weights(given, "fractions" if role == "fractions" else style)
        case "current":
            return _tensors(given.current, style)
    total, number = sum(update.examples for update in given.updates), len(given.updates)
    plain = {"round": given.number, "failures": [], "rate": 1.0, "mu": 0.1, "total": total, "number": number}
    return plain[role]


def _weights(given: Round, style: str) -> Any:
    examples = {update.client: update.examples for update in given.updates}
    if style == "fractions":
        return [number / sum(examples.values()) for number in examples.values()]
    return examples if style == "mapping" else list(examples.values())


def _results(given: Round, style: str) -> Any:
    match style:
        case "pairs":
            return [(list(update.arrays.values()), update.examples) for update in given.updates]
        case "torch-pairs":
            return [(_tensors(update.arrays, "torch-dict"), update.examples) for update in given.updates]
        case "reversed":
            return [(update.examples, list(update.arrays.values())) for update in given.updates]
        case "mapping":
            return {update.client: (list(update.arrays.values()), update.examples) for update in given.updates}
    from zk0.probes.inside.strategies import fit_results

    return fit_results(given)


def _updates(given: Round, style: str) -> Any:
    sent = [update.arrays for update in given.updates]
    if style.startswith("delta-"):
        sent = [{name: value - given.current[name] for name, value in arrays.items()} for arrays in sent]
        style = style.removeprefix("delta-")
    if style == "mapping":
        return {
            update.client: _tensors(arrays, "torch-dict") for update, arrays in zip(given.updates, sent, strict=True)
        }
    return [_tensors(arrays, style) for arrays in sent]


def _tensors(arrays: Mapping[str, Array], style: str) -> Any:
    style = style.removesuffix("s")
    if style == "array":
        return list(arrays.values())
    if style == "numpy-dict":
        return dict(arrays)
    named = {name: torch.from_numpy(value) for name, value in arrays.items()}  # shares memory: changes are seen
    if style == "torch-list":
        return list(named.values())
    return _module(named) if style == "module" else named


def _module(named: Mapping[str, torch.Tensor]) -> torch.nn.Module:
    module = torch.nn.ModuleDict({name: torch.nn.Linear(4, 4) for name in ("first", "second")})
    module.load_state_dict(dict(named))
    return module


def function_ways(function: Callable[..., Any], roles: Mapping[str, str]) -> Iterator[Aggregator]:
    """Yield the ways to call a plain function."""
    for variant in variants(roles, AGGREGATION):

        def fresh(variant: Variant = variant) -> Callable[[Round], Aggregate]:
            return lambda given: read(call_with(function, give(given, variant)), list(given.current))

        yield Aggregator(fresh, "function", function)


def read(answer: Any, names: Sequence[str]) -> Aggregate:
    """Return the tensors in what a function or strategy returned."""
    paired = (
        isinstance(answer, tuple)
        and len(answer) == PAIR
        and (answer[1] is None or not isinstance(answer[1], np.ndarray | torch.Tensor))
    )
    content = answer[0] if paired else answer
    if content is None:
        return Aggregate(None, paired, answer)
    if hasattr(content, "tensors") and hasattr(content, "tensor_type"):  # Flower's Parameters
        from flwr.common import parameters_to_ndarrays

        content = parameters_to_ndarrays(content)
    if isinstance(content, torch.nn.Module):
        content = content.state_dict()
    if isinstance(content, Mapping):
        arrays = {str(name): _numpy(value) for name, value in content.items()}
        return Aggregate(arrays, paired, answer, tuple(arrays))
    if isinstance(content, list | tuple):
        listed = [_numpy(value) for value in content]
        return Aggregate(
            dict(zip(names, listed, strict=False)),
            paired,
            answer,
            None if len(listed) == len(names) else tuple(names[: len(listed)]),
        )
    raise TypeError(f"it returned {type(content).__name__}, no tensors")


def _numpy(value: Any) -> Array:
    if hasattr(value, "numpy") and not isinstance(value, torch.Tensor):
        return np.asarray(value.numpy())
    if isinstance(value, torch.Tensor):
        detached = value.detach()
        return np.asarray((detached.float() if detached.dtype == torch.bfloat16 else detached).numpy())
    array = np.asarray(value)
    if array.dtype == object:
        raise TypeError(f"it returned {type(value).__name__} among its tensors")
    return array
