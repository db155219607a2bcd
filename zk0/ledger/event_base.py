"""The base of all events: frozen, with unknown names refused, and null with a reason for what is not finite."""

import math
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class EventRecord(BaseModel):
    """A part of an event; unknown names are refused, and numbers that are not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


class Measured(EventRecord):
    """An event with a `missing`: what was not finite is null in it, with that as the reason.

    `read_from` is `file:line` where the event was read from another program's log, and null where zk0 measured it.
    """

    read_from: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _null_with_reason(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        found = {name: _finite(value) for name, value in given.items()}
        lost = [name for name, value in found.items() if value != given[name]]
        if lost:
            found["missing"] = {**dict.fromkeys(lost, "not finite"), **given.get("missing", {})}
        return found


def _finite(value: Any) -> Any:
    """Return the value with null for every number in it that is not finite."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case list():
            if all(inner is None or (type(inner) is float and math.isfinite(inner)) for inner in value):
                return value  # a series, as it nearly always is: ten times faster than to rebuild it
            return [_finite(inner) for inner in value]
        case dict():
            return {key: _finite(inner) for key, inner in value.items()}
        case _:
            return value
