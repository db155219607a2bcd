"""One client's reply as an object or a dict, where a function's source shows what it reads of each.

Only names that say what they are get a value: `num_samples`, `state_dict`, `model`. Where one is unknown there is no
object, and an adapter has to say what the reply looks like.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from .binding import split_names
from .items import Reading
from .rounds import Update

NAMES = split_names("""
    examples: numexamples numsamples nexamples nsamples n nk samples examples size datasize datasetsize samplecount
        samplesize numdata numtrain numtrainsamples numtrainexamples trainsamples trainsize localsize datasetlen
    share: weight
    tensors: statedict state weights params parameters modelstate modelstatedict modelweights modelparams
        modelparameters localweights localparams localparameters localstate localstatedict arrays ndarrays tensors
    model: model net network module localmodel localnet clientmodel
    name: cid clientid id idx name clientname uid userid client
""")
DATA = ("dataset", "data", "traindata", "trainset", "traindataset", "localdata", "indices", "dataidxs", "samples")
TENSOR_STYLES = ("torch-dict", "arrays", "numpy-dict", "torch-list")
SHARE_STYLES = ("examples", "share")


def parts_of(readings: Iterable[Reading]) -> dict[Reading, str] | None:
    """Return the part of a reply that each reading asks for; None where a name is unknown, or no tensors are read."""
    readings = list(readings)
    opened = {reading.name for reading in readings if reading.how == "tensors"}
    parts = {reading: _part(reading, opened) for reading in readings}
    if not any(part in ("tensors", "model") for part in parts.values()) or not all(parts.values()):
        return None
    return {reading: part for reading, part in parts.items() if part}


def _part(reading: Reading, opened: set[str]) -> str | None:
    plain = re.sub(r"[^a-z0-9]", "", reading.name.lower())
    if reading.how == "length":
        return "length" if plain in DATA else None
    if plain == "weight" and reading.name in opened:  # not how much it counts
        return "tensors"
    if reading.how == "call":
        plain = plain.removeprefix("get")
    return next((part for part, names in NAMES.items() if plain in names), None)


def object_styles(parts: Mapping[Reading, str]) -> list[str]:
    """Return the forms that such replies may have: of their tensors, and of how much they count."""
    tensors = TENSOR_STYLES if "tensors" in parts.values() else ("torch-dict",)
    shares = SHARE_STYLES if "share" in parts.values() else ("examples",)
    return [f"{form}/{share}" for share in shares for form in tensors]


def weighs(parts: Mapping[Reading, str]) -> bool:
    """Return whether such a reply says how much its client counts."""
    return bool({"examples", "share", "length"} & {*parts.values()})


def reply_object(
    update: Update, total: float, parts: Mapping[Reading, str], style: str, make: Callable[[Any, str], Any]
) -> Any:
    """Return one reply.

    Args:
        update: the client's tensors and number of examples.
        total: examples of all clients.
        parts: what is read of it.
        style: one of `object_styles`.
        make: returns tensors in a form, or a model.
    """
    form, _, share = style.partition("/")
    values: dict[str, Callable[[], Any]] = {
        "examples": lambda: update.examples,
        "share": lambda: update.examples / total if share == "share" else update.examples,
        "tensors": lambda: make(update.arrays, form),
        "model": lambda: make(update.arrays, "module"),
        "name": lambda: update.client,
        "length": lambda: range(int(update.examples)),
    }
    found = {reading.name: values[part]() for reading, part in parts.items()}
    if all(reading.by_key for reading in parts):
        return found
    for reading in parts:
        if reading.how == "call":
            found[reading.name] = lambda *_, value=found[reading.name], **__: value
    return SimpleNamespace(**found)
