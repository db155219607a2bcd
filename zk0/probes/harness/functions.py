"""Call foreign aggregation that is a function, or a method of a server, in the ways its parameters and source allow."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from .arrays import has_torch
from .binding import Variant, call_with, parameters_of, roles_of, variants
from .items import Reading, is_read, items_read
from .replies import AGGREGATION, give, in_form, preferred
from .reply_objects import object_styles, parts_of, reply_object, weighs
from .rounds import Aggregate, Aggregator, Change, Round, contents, first_change, read
from .servers import ServerMethod, kept_result
from .targets import Target

WEIGHING = {"results", "counts", "weights", "fractions"}  # roles that say how much a client counts
OF_MAKERS = {"context", "mu", "initial", "rate", "round"}  # a function that asks for no more makes a strategy
SENT = ("results", "updates", "objects")
OF_MODULES = {"state_dict", "parameters", "named_parameters"}  # of replies that are models


class AggregatingFunction:
    """A function or a method, and what its parameters ask for.

    Raises:
        TargetError: a parameter asks for what is unknown.
    """

    def __init__(self, target: Target) -> None:
        self._owner = _owner_of(target)
        self._name, self._function = target.attribute, target.value
        bound = self._function if self._owner is None else self._server().function
        self._replies: dict[str, Mapping[Reading, str]] = {}
        known: dict[str, str] = {}
        for each in parameters_of(bound, what=target.text):
            readings = items_read(self._function, each.name)
            if readings and all(one.how == "call" and one.name in OF_MODULES for one in readings):
                known[each.name] = "updates"
            elif parts := parts_of(readings):
                known[each.name] = "objects"
                self._replies[each.name] = parts
            elif AGGREGATION.role_of(each) is None and not is_read(self._function, each.name):
                known[each.name] = "unread"
        self.roles = roles_of(bound, AGGREGATION, what=target.name, target=target, known=known)
        self._needed = [each for each in parameters_of(bound, what=target.text) if each.default is each.empty]

    @property
    def makes_strategy(self) -> bool:
        """Whether it may be a function that makes a strategy: it asks for no replies."""
        return self._owner is None and (not self._needed or set(self.roles.values()) <= OF_MAKERS)

    def variants(self) -> Iterator[Aggregator]:
        """Yield the ways to call it."""
        told = bool(WEIGHING & set(self.roles.values())) or any(map(weighs, self._replies.values()))
        for variant in variants(self.roles, replace(AGGREGATION, styles=self._styles)):
            if has_torch() or not any(_needs_torch(style) for _, style in variant.values()):
                yield Aggregator(lambda variant=variant: self._fresh(variant), "function", self._function, weighs=told)  # type: ignore[misc]

    def _styles(self, role: str, name: str) -> Any:
        return object_styles(self._replies[name]) if role == "objects" else preferred(role, name)

    def _server(self) -> ServerMethod:
        assert self._owner is not None
        return ServerMethod(self._owner, self._name)

    def _fresh(self, variant: Variant) -> Callable[[Round], Aggregate]:
        server = None if self._owner is None else self._server()

        def aggregate(round_: Round) -> Aggregate:
            given = self._given(round_, variant)
            holders = {name: value for name, value in given.items() if self.roles[name] == "current"}
            if server is not None:
                server.prepare(round_, in_form)
                holders.update(vars(server.instance))
            sent = {name: value for name, value in given.items() if self.roles[name] in SENT}
            before, held = contents(sent), {name: contents(value) for name, value in holders.items()}
            raw = call_with(self._function if server is None else server.function, given)
            holders.update({} if server is None else vars(server.instance))
            result = read(kept_result(self._function, raw, held, holders), list(round_.current))
            return replace(result, changed=_change(before, contents(sent), result))

        return aggregate

    def _given(self, round_: Round, variant: Variant) -> dict[str, Any]:
        plain = {name: each for name, each in variant.items() if name not in self._replies}
        total = sum(update.examples for update in round_.updates)
        objects = {
            name: [reply_object(update, total, parts, variant[name][1], in_form) for update in round_.updates]
            for name, parts in self._replies.items()
            if name in variant
        }
        return {**give(round_, plain), **objects}


def _owner_of(target: Target) -> type | None:
    """Return the class whose object a method is called on."""
    if target.owner is None or isinstance(inspect.getattr_static(target.owner, target.attribute), staticmethod):
        return None
    return target.owner


def _change(before: Mapping[str, Any], after: Mapping[str, Any], result: Aggregate) -> Change | None:
    """Return what a call did to the replies it was given."""
    change, whole = first_change(before, after), list((result.arrays or {}).values())
    if change is None:
        return None
    shared = all(any(np.array_equal(array, value) for value in whole) for array in after.values())
    return replace(change, shared=shared)


def _needs_torch(style: str) -> bool:
    return "torch" in style or style in ("modules", "module", "vectors")
