"""One round's replies, and foreign aggregation as something to call on them.

Three clients of 10, 30 and 60 examples send two layers of equal shapes, so that swapped tensors raise no error by
themselves. The exact mean is computed in float64.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from .arrays import is_module, is_tensor, to_array

Array = Any
Arrays = dict[str, Any]

SHAPES = {"first.weight": (4, 4), "first.bias": (4,), "second.weight": (4, 4), "second.bias": (4,)}
EXAMPLES = (10, 30, 60)  # sum 100; no two clients weigh the same, none half of all
PAIR = 2  # tensors and metrics
DEEPEST = 4  # containers in containers: replies, pairs, lists, tensors
COUNTER = "norm.num_batches_tracked"  # PyTorch's name for batch norm's integer buffer


@dataclass(frozen=True)
class Update:
    """One client's reply."""

    client: str
    arrays: Arrays
    examples: float


@dataclass(frozen=True)
class Round:
    """The server's weights and the replies of one round."""

    updates: tuple[Update, ...]
    current: Arrays
    number: int = 1
    failures: int = 0

    def mean(self) -> Arrays:
        """Return the mean by number of examples, in float64."""
        shares = [update.examples / sum(other.examples for other in self.updates) for update in self.updates]
        pairs = list(zip(self.updates, shares))
        return {
            name: np.asarray(sum(update.arrays[name].astype(np.float64) * share for update, share in pairs))
            for name in self.current
        }

    def changed(self, **changes: Any) -> Round:
        """Return the round with other updates or failures."""
        return replace(self, **changes)


def make_round(seed: int = 0, *, counter: bool = False) -> Round:
    """Return a round of made-up float32 tensors."""
    generator = np.random.default_rng(seed)
    current: Arrays = {name: generator.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}
    if counter:
        current[COUNTER] = np.asarray(7, dtype=np.int64)
    updates = []
    for index, number in enumerate(EXAMPLES):
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
class Change:
    """A value inside of what was given that is not what it was: where, and both."""

    where: str
    before: Any
    after: Any
    shared: bool = False  # every client has the aggregate now: it is handed out, not built there


@dataclass(frozen=True)
class Aggregate:
    """A result: tensors by name or None, whether it was a pair with metrics, and the raw answer."""

    arrays: Arrays | None
    paired: bool
    raw: Any
    names: tuple[str, ...] | None = None  # where it names its tensors
    changed: Change | None = None  # what it did to what it was given


def flat(arrays: Mapping[str, Array], names: Iterable[str]) -> Any:
    """Return all values of these tensors in a row."""
    return np.concatenate([np.asarray(arrays[name], dtype=np.float64).ravel() for name in names])


@dataclass(frozen=True)
class Aggregator:
    """A way to call foreign aggregation; `fresh` makes the callable of one run, that keeps its state over rounds."""

    fresh: Callable[[], Callable[[Round], Aggregate]]
    kind: str  # "strategy" or "function"
    value: Any  # the strategy or function itself
    weighs: bool = True  # whether it is told how much a client counts

    def once(self, round_: Round) -> Aggregate:
        """Aggregate one round from a fresh start, on a copy: foreign code may write to what it is given."""
        return self.fresh()(copy.deepcopy(round_))

    def attempt(self, round_: Round) -> Aggregate | Exception:
        """Aggregate one round, or return the error: refusing a reply is a valid answer."""
        try:
            with np.errstate(all="ignore"):
                return self.once(round_)
        except (Exception, SystemExit) as error:  # noqa: BLE001  foreign code may raise anything
            return error if isinstance(error, Exception) else RuntimeError(f"exit {error.code}")


def read(answer: Any, names: Sequence[str]) -> Aggregate:
    """Return the tensors in what a function or strategy returned."""
    paired = (
        isinstance(answer, tuple)
        and len(answer) == PAIR
        and not (isinstance(answer[1], np.ndarray) or is_tensor(answer[1]))
    )
    content = answer[0] if paired else answer
    if content is None:
        return Aggregate(None, paired, answer)
    if hasattr(content, "tensors") and hasattr(content, "tensor_type"):  # Flower's Parameters
        from flwr.common import parameters_to_ndarrays

        content = parameters_to_ndarrays(content)
    if is_module(content):
        content = content.state_dict()
    if (is_tensor(content) or isinstance(content, np.ndarray)) and np.ndim(to_array(content)) == 1:
        return Aggregate(_unflat(to_array(content), names), paired, answer)
    if isinstance(content, Mapping) and not {str(name) for name in content} & {*names}:
        content = list(content.values())  # under names of its own: in the order it was given
    if isinstance(content, Mapping):
        arrays = {str(name): _numpy(value) for name, value in content.items()}
        return Aggregate(arrays, paired, answer, tuple(arrays))
    if isinstance(content, (list, tuple)):
        arrays = dict(zip(names, [_numpy(value) for value in content]))
        return Aggregate(arrays, paired, answer, None if len(content) == len(names) else tuple(arrays))
    raise TypeError(f"it returned {type(content).__name__}, not tensors")


def _unflat(vector: Any, names: Sequence[str]) -> Arrays:
    """Return the tensors that a vector of all values holds."""
    arrays, begin = {}, 0
    for name in names:
        shape = SHAPES.get(name, ())
        end = begin + int(np.prod(shape))
        arrays[name] = vector[begin:end].reshape(shape)
        begin = end
    if begin != len(vector):
        raise TypeError(f"it returned a vector of {len(vector)} values, not of {begin}")
    return arrays


def _numpy(value: Any) -> Array:
    array = to_array(value)
    if array.dtype == object:
        raise TypeError(f"it returned {type(value).__name__} among its tensors")
    return array


def contents(value: Any, where: str = "", depth: int = 0) -> dict[str, Any]:
    """Return every array inside of dicts, lists and models, by its place; a copy of each."""
    if depth > DEEPEST:
        return {}
    if is_module(value):
        value = value.state_dict()
    if isinstance(value, SimpleNamespace):
        parts = [(f"{where}.{name}", each) for name, each in vars(value).items()]
    elif isinstance(value, Mapping):
        parts = [(f"{where}[{key!r}]", each) for key, each in value.items()]
    elif isinstance(value, (list, tuple)):
        parts = [(f"{where}[{index}]", each) for index, each in enumerate(value)]
    elif isinstance(value, np.ndarray) or is_tensor(value):
        return {where: np.array(to_array(value))}
    else:
        return {}
    return {place: array for name, each in parts for place, array in contents(each, name, depth + 1).items()}


def first_change(before: Mapping[str, Any], after: Mapping[str, Any]) -> Change | None:
    """Return the first array that is another; None where all are as they were."""
    for where, array in before.items():
        other = after.get(where)
        if other is None or other.shape != array.shape or not np.array_equal(array, other):
            return Change(where, array, other)
    return None
