r"""Lines that are packed into JSON: by docker, journald, structlog, loguru, Kubernetes and cloud loggers.

    {"log": "INFO :      [ROUND 1]\n", "stream": "stderr", "time": "2025-11-28T10:00:00Z"}  →  INFO :      [ROUND 1]

Whoever packs a message gives it one of a few names; beside it are its time, level and origin. An object that has
numbers of a training beside its message is a row of metrics, which the reader of numbers takes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from zk0.ledger.importers.reading import COLOURS

MESSAGES = ("log", "MESSAGE", "message", "msg", "event", "text", "textPayload", "Body", "body", "@message", "line")
TIMES = (
    "time", "timestamp", "ts", "@timestamp", "asctime", "datetime", "created", "__REALTIME_TIMESTAMP", "Timestamp",
)  # fmt: skip
LEVELS = ("level", "levelname", "severity", "lvl", "log_level", "level_name", "PRIORITY")
LANES = (
    "container_name", "CONTAINER_NAME", "container", "pod", "pod_name", "rank", "client", "client_id", "node",
    "node_id", "hostname", "host", "_HOSTNAME", "process", "pid", "_PID", "SYSLOG_IDENTIFIER",
)  # fmt: skip
DEPTH = 3  # docker's JSON around structlog's
_EARLIEST = 1e9  # seconds since 1970, in 2001: smaller numbers are no times
_PRIORITIES = {"0": "CRITICAL", "1": "CRITICAL", "2": "CRITICAL", "3": "ERROR", "4": "WARNING", "6": "INFO"}


@dataclass(frozen=True)
class Unwrapped:
    """A message out of JSON; `row` is the object itself where it has more than the message."""

    message: str
    when: str = ""
    level: str = ""
    lane: str = ""
    row: Mapping[str, Any] | None = None


def is_packed(line: str) -> bool:
    """Return whether a line may be a JSON object: a fast test."""
    return line[:1] == "{" and line.rstrip()[-1:] == "}" and (line[1:2] == '"' or line[1:].lstrip()[:1] in ('"', "}"))


def unwrap(line: str) -> Unwrapped | None:
    """Return the message in a line of JSON; None where the line is no JSON object or has no message."""
    found: Unwrapped | None = None
    for _ in range(DEPTH):
        if not is_packed(line):
            break
        try:
            content = json.loads(line)
        except ValueError:
            break
        if not isinstance(content, dict):
            break
        name = next((name for name in MESSAGES if isinstance(content.get(name), str | list)), None)
        message = "" if name is None else COLOURS.sub("", _text(content[name]))
        found = Unwrapped(
            message.rstrip("\n"),
            _time(content) or (found.when if found else ""),
            _level(content) or (found.level if found else ""),
            _lane(content) or (found.lane if found else ""),
            {key: value for key, value in content.items() if key != name},
        )
        if name is None:
            break
        line = found.message
    return found


def _text(value: str | list[Any]) -> str:
    if isinstance(value, str):
        return value
    if all(isinstance(byte, int) and 0 <= byte < 256 for byte in value):  # noqa: PLR2004  journald's bytes
        return bytes(value).decode(errors="replace")
    return ""


def _time(content: Mapping[str, Any]) -> str:
    for name in TIMES:
        value = content.get(name)
        if isinstance(value, str) and not value.isdigit():
            return value
        if isinstance(value, str | int | float) and not isinstance(value, bool) and float(value) > _EARLIEST:
            seconds = float(value)
            while seconds > 1e11:  # noqa: PLR2004  milliseconds or microseconds
                seconds /= 1e3
            return datetime.fromtimestamp(seconds, UTC).isoformat()
    return ""


def _level(content: Mapping[str, Any]) -> str:
    for name in LEVELS:
        value = content.get(name)
        if isinstance(value, dict):
            value = value.get("name")
        if isinstance(value, str):
            return _PRIORITIES.get(value, value.upper())
    return ""


def _lane(content: Mapping[str, Any]) -> str:
    nested = content.get("kubernetes")
    if isinstance(nested, dict):
        content = {**nested, **content}
    value = next((content[name] for name in LANES if isinstance(content.get(name), str | int)), "")
    return str(value)
