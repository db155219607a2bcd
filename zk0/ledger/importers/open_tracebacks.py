"""Follows the tracebacks of a log, one a lane, and makes an incident of each that is over."""

import re

from zk0.ledger.importers.failures import kind_of
from zk0.ledger.importers.logs import LinePrefix, LogFile
from zk0.ledger.importers.tracebacks import (
    EXCEPTIONS,
    IGNORED,
    TRACEBACK,
    Traceback,
    begins_bare,
    begins_traceback,
    begins_without_head,
    is_exception,
)
from zk0.ledger.log_events import IncidentKind, RaisedException

# An exception that is not caught is one of these; a `ConnectionError: waiting for …` is not a wait.
_OF_EXCEPTIONS = frozenset(IncidentKind) - {
    IncidentKind.waiting, IncidentKind.retried, IncidentKind.client_failed, IncidentKind.program_missing, None,
}  # fmt: skip


# A time, which some programs put before the lines of a message too; in them stands no level.
_TIMED = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: (?P<rest>.*))?", re.DOTALL)


def _without_time(text: str) -> str:
    """Return a line of a traceback without the time before it; any other line as it is."""
    found = _TIMED.fullmatch(text) if text[:2] == "20" else None
    rest = (found["rest"] or "") if found else text
    return rest if not rest.strip() or rest.startswith("  ") or is_exception(rest) or begins_traceback(rest) else text


class OpenTracebacks:
    """The tracebacks of one log that are being read."""

    def __init__(self, log: LogFile) -> None:
        self._log = log
        self.open = 0
        self._traced = self._framed = self._named = False
        self._ignored_at = 0  # the number of the last line that says so

    def watch(self, text: str) -> None:
        """Look whether a batch may hold a traceback at all."""
        self._traced, self._framed = TRACEBACK in text, '  File "' in text
        self._named = any(word in text for word in EXCEPTIONS)

    def begin(self, text: str, prefix: LinePrefix) -> bool:
        """Return whether a traceback begins with this line."""
        number = self._log.number
        traceback = None
        if text.startswith(IGNORED):
            self._ignored_at = number
        if self._traced and TRACEBACK in text and begins_traceback(text):
            traceback = Traceback(text.strip(), number, prefix=text[: text.find(TRACEBACK)])
        elif self._framed and begins_without_head(text):
            traceback = Traceback("", number)
            traceback.take(text, number, has_prefix=bool(prefix.level))
        elif self._named and (traceback := begins_bare(text)) is not None:
            traceback.number = number
        if traceback is None:
            return False
        traceback.ignored = 0 < self._ignored_at == number - 1
        self._log.stream, prefix.stream.traceback = prefix.stream, traceback
        self.open += 1
        self._log.report.understood += 1
        return True

    def end(self) -> None:
        """Close those in which the log ends."""
        for stream in self._log.streams.values():
            if stream.traceback is not None:
                self._log.stream = stream
                self._close(stream.traceback, ended=True)

    def take(self, prefix: LinePrefix, text: str) -> bool:
        """Return whether the line belongs to a traceback; the last line of one is an incident."""
        log, traceback = self._log, prefix.stream.traceback
        assert traceback is not None, "asked for first"
        text = _without_time(text)
        reads_message = traceback.type is not None and (text[:1].strip() != "" or "%|" in text)
        begins = begins_traceback(text)
        if reads_message and not begins and (self._log.rules.match(text) is not None or _is_measured(text)):
            taken = False
        else:
            taken = traceback.take(text, log.number, has_prefix=bool(prefix.level))
        if taken:
            log.report.understood += 1
            return True
        log.stream = prefix.stream
        self._close(traceback)
        return False

    def _close(self, traceback: Traceback, *, ended: bool = False) -> None:
        """Make an incident of a traceback that is over."""
        log = self._log
        log.stream.traceback = None
        self.open -= 1
        number, log.number = log.number, traceback.number
        self._raised(traceback, ended=ended)
        log.number = number

    def _raised(self, traceback: Traceback, *, ended: bool) -> None:
        log = self._log
        chain = traceback.conclude()
        if traceback.ignored and not any(one.type == "KeyboardInterrupt" for one in chain):
            return
        if not chain:
            if ended or traceback.is_confirmed:
                log.add_incident(
                    IncidentKind.traceback, f"{traceback.begun} (the log ends in it)" if ended else traceback.begun
                )
            return
        last, root = chain[-1], chain[0]
        words = f"{last.type}: {last.message}" if last.message else last.type
        cause = kind_of(f"{root.type}: {root.message}")
        kind = cause if cause in _OF_EXCEPTIONS else kind_of(words)
        open_chain = tuple(self._without_secrets(one) for one in chain)
        log.add_incident(
            kind if kind in _OF_EXCEPTIONS else IncidentKind.error_logged if traceback.bare else IncidentKind.traceback,
            words.partition("\n")[0],
            exceptions=open_chain,
            level=log.prefix.level,
        )

    def _without_secrets(self, one: RaisedException) -> RaisedException:
        return one.model_copy(update={"message": self._log.run.redact(one.message, self._log.at)})


def _is_measured(text: str) -> bool:
    """Return whether the line has the look of progress or of a retry, which no exception's message has."""
    if kind_of(text) in (IncidentKind.retried, IncidentKind.waiting):
        return True
    return re.match(r"\W*(?i:epoch|step|iter|round)\W+\d|.*\d+%\|", text) is not None
