"""What can stand anywhere in a line, whoever wrote it: errors by their words, tracebacks, and known noise."""

import re

from zk0.ledger.incidents import IncidentKind

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

    def begins(self, process: str, text: str) -> None:
        """A traceback of this process begins with this line."""
        self.open[process] = text.strip()

    def follows(self, process: str, text: str) -> tuple[bool, str | None]:
        """Return (the line belongs to the traceback, the exception where it ends with this line)."""
        if text[:1] in (" ", "\t", "", "|", "+", "│", "└", "├", "╭", "╰", ">") or text.startswith(_CHAINED):
            return True, None
        begun = self.open.pop(process)
        if _LAST_LINE.match(text):
            return True, text.strip()
        return False, begun
