"""Parts of a log line that do not depend on the program: its prefix, errors, tracebacks and known noise.

| written by | looks like |
|---|---|
| the original zk0's file sink | `2025-10-01 09:12:03 | DEBUG    | client_1   | PID:4121 | task:run:262 - message` |
| its console sinks, and loguru's default | `2025-10-01 09:12:03 | DEBUG    | src.task:run:262 - message` |
| Ray, before any of these | `(ClientAppActor pid=12345) ` |
| Flower | `INFO :      message`, `INFO 2025-10-01 09:12:03,123:      message`, `{lvl='INFO', time='…', msg='…'}` |
| LeRobot | `INFO 2025-10-01 09:12:03 ot_train.py:641 message` |
| logging's default | `INFO:name:message`, `2025-10-01 09:12:03,123 - name - INFO - message` |
"""

import re
from typing import NamedTuple

from zk0.ledger.schema import IncidentKind


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
    r"(?: ?: {2,}| (?P<flower>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}): +"
    r"| (?:\[PID: (?P<pid>\d+)\] )?(?P<lerobot>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) +\S+:\d+ "
    r"|:[\w.]+:| *- )(?P<message>.*)",
    re.DOTALL,
)
_STANDARD = re.compile(
    rf"\[?(?P<when>\d{{4}}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?)\]?[ :-]*(?:[\w.]+ - |\[[\w.]+\])?"
    rf"\[?(?P<level>{LEVELS})\]?(?: - | ?: |\s+)(?P<message>.*)",
    re.DOTALL,
)
_RAY = re.compile(r"\((?:[\w.]+ )?pid=(\d+)(?:, ip=[\w.:]+)?\)(?: \[repeated [^\]]*\])? ?")
_FLOWER_JSON = re.compile(rf"\{{lvl='(?P<level>{LEVELS})', time='(?P<when>[^']*)', msg='(?P<message>.*)'\}}")
TIME = 19  # characters of `2025-10-01 09:12:03`
LONGEST_PREFIX = 200  # characters before a message


def strip_ray(line: str) -> tuple[str, str]:
    """Return (the line without Ray's prefix, the process that the prefix names)."""
    ray = _RAY.match(line)
    return (line, "") if ray is None else (line[ray.end() :], ray[1])


def split_prefix(line: str) -> ParsedLine:
    """Split a line into its prefix and the message."""
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
            when = found["flower"] or found["lerobot"] or ""
            return ParsedLine(found["message"], when, found["level"], "", found["pid"] or process)
    elif first == "{":
        found = _FLOWER_JSON.fullmatch(line)
        if found is not None:
            return ParsedLine(found["message"], found["when"], found["level"], "", process)
    return ParsedLine(line, "", "", "", process)


# The words of an error, and what happened. Order matters: the first that a line holds decides.
WORDS: tuple[tuple[str, IncidentKind], ...] = (
    ("cannot unpack non-iterable NoneType", IncidentKind.nothing_returned),
    ("CUDA out of memory", IncidentKind.out_of_memory),
    ("OutOfMemoryError", IncidentKind.out_of_memory),
    ("MPS backend out of memory", IncidentKind.out_of_memory),
    ("Out of memory: Killed process", IncidentKind.out_of_memory),
    ("Unsupported video backend", IncidentKind.unsupported_backend),
    ("unexpectedly violate the tolerance", IncidentKind.timestamps),
    ("Could not push packet to decoder", IncidentKind.decode_error),
    ("Invalid data found when processing input", IncidentKind.decode_error),
    ("invalid python storage", IncidentKind.storage_invalid),
    ("RayActorError", IncidentKind.actor_died),
    ("ActorDiedError", IncidentKind.actor_died),
    ("Failed to connect to GCS", IncidentKind.actor_died),
    ("The actor died", IncidentKind.actor_died),
    ("command not found", IncidentKind.program_missing),
    ("No such file or directory: 'flower-", IncidentKind.program_missing),
    ("Client raised an exception", IncidentKind.client_failed),
    ("ClientApp raised an exception", IncidentKind.client_failed),
    ("loss is nan", IncidentKind.not_finite),
    ("Loss is NaN", IncidentKind.not_finite),
    ("loss=nan", IncidentKind.not_finite),
    ("non-finite", IncidentKind.not_finite),
    ("contains NaN", IncidentKind.not_finite),
)
TRACEBACK = "Traceback (most recent call last)"

# Each of the words above holds one of these: a text without any of them needs no closer look.
SIGNS = (
    "rror", "memory", "NaN", "nan", "not found", "finite", "exception", "violate", "Could not push", "Invalid data",
    "invalid python", "GCS", "actor died", "video backend", "NoneType", "flower-",
)  # fmt: skip

# Drawn progress, decoration and the small talk of libraries: known to say nothing about a run.
NOISE_WORDS = ("%|", "/s]", "warnings.warn", "Warning: ", " params - ", "DEPRECATED", "TOKENIZERS_PARALLELISM")
_LAST_LINE = re.compile(
    r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Warning|Killed|Iteration|Group)?(?::|$)"
)
_CHAINED = ("During handling of", "The above exception was")


def kind_of(text: str) -> IncidentKind | None:
    """Return what the words of a line say happened; None where they say nothing of the sort."""
    return next((kind for word, kind in WORDS if word in text), None)


class Tracebacks:
    """Follows tracebacks through a log, each process's by itself."""

    def __init__(self) -> None:
        self.open: dict[str, str] = {}

    def open_traceback(self, process: str, text: str) -> None:
        """A traceback of this process begins with this line."""
        self.open[process] = text.strip()

    def continue_traceback(self, process: str, text: str) -> tuple[bool, str | None]:
        """Return (the line belongs to the traceback, the exception where it ends with this line)."""
        if text[:1] in (" ", "\t", "", "|", "+", "│", "└", "├", "╭", "╰", ">") or text.startswith(_CHAINED):
            return True, None
        begun = self.open.pop(process)
        if _LAST_LINE.match(text):
            return True, text.strip()
        return False, begun
