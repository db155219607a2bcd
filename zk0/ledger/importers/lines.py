"""The beginnings of lines that common programs write; any other is learnt (`wrappers`).

| written by | looks like |
|---|---|
| the original zk0's file sink | `2025-10-01 09:12:03 | DEBUG    | client_1   | PID:4121 | task:run:262 - message` |
| its console sinks, and loguru's default | `2025-10-01 09:12:03 | DEBUG    | src.task:run:262 - message` |
| Ray, before any of these | `(ClientAppActor pid=12345) ` |
| Flower before 1.6 | `INFO flower 2022-09-01 10:46:08,783 | server.py:220 | message`, with `flwr` from 1.5 on |
| Flower | `INFO :      message`, `INFO 2025-10-01 09:12:03,123:      message`, `{lvl='INFO', time='…', msg='…'}` |
| LeRobot | `INFO 2025-10-01 09:12:03 ot_train.py:641 message` |
| NVFlare, behind logging's | `[identity=site-1, run=simulate_job, wf=scatter_and_gather]: message` |
| logging's default | `INFO:name:message`, also behind a time, `2025-10-01 09:12:03,123 - name - INFO - message` |
"""

import re
from typing import NamedTuple


class ParsedLine(NamedTuple):
    """A message and its prefix; fields are empty where the prefix does not have them."""

    message: str
    when: str = ""
    level: str = ""
    client: str = ""  # of loguru's client field
    process: str = ""  # of Ray or of loguru


LEVELS = "DEBUG|INFO|SUCCESS|WARNING|WARN|ERROR|CRITICAL|TRACE"
_LEVEL = re.compile(
    rf"(?P<level>{LEVELS})"
    r"(?: (?:flower|flwr) (?P<old>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) \| [\w.]+:\d+ \| "
    r"| ?: {2,}| (?P<flower>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}): +"
    r"|(?: \[PID: (?P<pid>\d+)\])?(?: (?P<lerobot>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d))? +[\w./\-]+:\d+ "
    r"|:[\w.]+:| *- )(?P<message>.*)",
    re.DOTALL,
)
_STANDARD = re.compile(
    rf"\[?(?P<when>\d{{4}}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?)\]?[ :-]*(?:[\w.]+ - |\[[\w.]+\])?"
    rf"\[?(?P<level>{LEVELS})\]?(?::[\w.]+:| - | ?: |\s+)(?P<message>.*)",
    re.DOTALL,
)
_RAY = re.compile(r"\((?:[\w.]+ )?pid=(\d+)(?:, ip=[\w.:]+)?\)(?: \[repeated [^\]]*\])? ?")
_NVFLARE = re.compile(r"\[(?:identity=([^,\]]+), )?run=(?:(?!peer_rc=(?!OK))[^\]])*\](?:: | - )")  # a failure stays
_FLOWER_JSON = re.compile(rf"\{{lvl='(?P<level>{LEVELS})', time='(?P<when>[^']*)', msg='(?P<message>.*)'\}}")
TIME = 19  # characters of `2025-10-01 09:12:03`
LONGEST_PREFIX = 200  # characters before a message


def strip_ray(line: str) -> tuple[str, str]:
    """Return (the line without Ray's prefix, the process that the prefix names)."""
    ray = _RAY.match(line)
    return (line, "") if ray is None else (line[ray.end() :], ray[1])


def split_prefix(line: str) -> ParsedLine:
    """Split a line into its prefix and the message."""
    parsed = _split_prefix(line)
    if parsed.message[:1] == "[" and (found := _NVFLARE.match(parsed.message)):
        return parsed._replace(message=parsed.message[found.end() :], process=found[1] or parsed.process)
    return parsed


def _split_prefix(line: str) -> ParsedLine:
    line, process = strip_ray(line) if line.startswith("(") else (line, "")
    first = line[:1]
    if first.isdigit() or first == "[":
        head, dash, message = line.partition(" - ")
        if dash and head.count(" | ") >= 2:  # noqa: PLR2004  time, level, place
            fields = [part.strip() for part in head.split(" | ")]
            client, pid = (fields[2], fields[3]) if len(fields) > 4 else ("", "")  # noqa: PLR2004
            return ParsedLine(message, fields[0][:TIME], fields[1], client, pid.removeprefix("PID:") or process)
        found = _STANDARD.match(line)
        if found is not None:
            return ParsedLine(found["message"], found["when"], found["level"], "", process)
    elif first.isupper():
        found = _LEVEL.match(line)
        if found is not None:
            when = found["flower"] or found["old"] or found["lerobot"] or ""
            return ParsedLine(found["message"], when, found["level"], "", found["pid"] or process)
    elif first == "{":
        found = _FLOWER_JSON.fullmatch(line)
        if found is not None:
            return ParsedLine(found["message"], found["when"], found["level"], "", process)
    return ParsedLine(line, "", "", "", process)
