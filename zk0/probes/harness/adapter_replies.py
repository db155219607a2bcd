"""The arguments of an aggregation's adapter that are open, since what the code reads of them contradicts their names.

zk0 gives an adapter lists, dicts and models of tensors in turn; clients with attributes of their own it can't guess.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import numpy as np

from .adapter_conventions import MARK
from .attributes import settings_read
from .binding import Vocabulary
from .items import Reading, is_list, items_read
from .servers import OF_MODELS

GIVEN = frozenset((*dir(list), *dir(dict), *dir(np.ndarray), *OF_MODELS, "named_parameters", "clone"))


def reply_lines(function: Any, needed: Iterable[inspect.Parameter], vocabulary: Vocabulary) -> dict[str, str]:
    """Return the open lines by parameter, with what the code reads."""
    lines: dict[str, str] = {}
    for each in needed:
        role, items = vocabulary.role_of(each), items_read(function, each.name)
        own = {path.partition(".")[0] for path in settings_read([function], each.name)}
        if any(reading.by_key or reading.name not in GIVEN for reading in items):
            hint = f"one for each client, which has {', '.join(sorted(map(_written, items)))}"
        elif role is not None and own - GIVEN:
            hint = f"what has {', '.join(sorted(own))}"
        elif role == "number" and is_list(function, each.name):
            hint = "a list, one for each client"
        else:
            continue
        lines[each.name] = f"    {each.name} = ...{MARK}: {hint}"
    return lines


def _written(reading: Reading) -> str:
    name = f'["{reading.name}"]' if reading.by_key else reading.name
    return f"{name}()" if reading.how == "call" else name
