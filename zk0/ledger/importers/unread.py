"""Lines that no rule and no reader took: errors and noise are found among them, a batch at a time.

Most hold neither, so all are searched as one text first. A message that says nothing is remembered by its shape: the
next like it costs one look.
"""

import re
from collections import deque

from zk0.core.secrets import may_hold_secrets
from zk0.ledger.importers.failures import COMPLAINTS, NOISE_WORDS, SIGNS, WORDS, complains, kind_of
from zk0.ledger.importers.logs import LinePrefix, LogFile, Mark
from zk0.ledger.importers.tracebacks import is_exception, parse_exception
from zk0.ledger.log_events import IncidentKind, RaisedException

MOST_SHAPES = 10_000  # of messages that say nothing
MOST_COMPLAINTS = 8  # the last of them, of lines without a level
SHORTEST_SHAPE = 8  # characters; shorter ones may be a row of a table
QUIET = ("WARNING", "WARN", "DEBUG", "TRACE")  # whoever wrote the line does not take it for an end
SERIOUS = ("ERROR", "CRITICAL", "FATAL")
_TORCH_ERROR = re.compile(r"\[E(?:\d+ [\d:.]+)? \w+\.cpp:\d+\]")  # of PyTorch's C++ side
_SERIOUS = re.compile(rf".{{0,80}}?(?<![\w.])(?:{'|'.join(SERIOUS)})(?:\]|\s*\||\s+-|\s*:|\s{{2,}}(?=[A-Z]))")
_DIGITS = b"0123456789"

# (number, line, start of the message, whole line, prefix, time, round, what the lane had measured)
type Unmatched = tuple[int, str, int, str, LinePrefix, str, int | None, Mark]


class UnreadLines:
    """The lines of one log that wait to be looked through."""

    def __init__(self, log: LogFile) -> None:
        self._log = log
        self._lines: list[Unmatched] = []
        self._complaints: deque[Unmatched] = deque(maxlen=MOST_COMPLAINTS)
        self._boring: set[bytes] = set()  # messages without their digits that no rule, reader or word knows

    def is_boring(self, message: str) -> bool:
        """Return whether one like it, with other numbers, said nothing."""
        return message.encode().translate(None, _DIGITS) in self._boring

    def add(self, line: str, start: int, whole: str, prefix: LinePrefix) -> None:
        """Keep a line that no reader took, until its batch is looked through for failures."""
        log, record = self._log, prefix.stream.record
        number = log.server_round if record is None else record.round
        self._lines.append((log.number, line, start, whole, prefix, log.when_given, number, log.mark(prefix.stream)))

    def look_through(self) -> None:
        """Find errors and noise among the lines without a rule; first in one text, since most contain neither."""
        log = self._log
        text = "\n".join([one[1] for one in self._lines])
        words = WORDS if any(sign in text for sign in SIGNS) else ()
        serious = any(word in text for word in SERIOUS)
        of_torch = ".cpp:" in text
        complaints = COMPLAINTS.search(text) or COMPLAINTS.search("\n".join([one[3] for one in self._lines]))
        noises = [word for word in NOISE_WORDS if word in text]
        secrets = may_hold_secrets(text)
        for number, line, start, whole, prefix, when, turn, since in self._lines:
            shown = log.run.redact(whole, f"{log.source.name}:{number}") if secrets else whole
            message = line[start:]
            if number in log.taken_later:
                log.report.understood += 1
                continue
            kind = kind_of(message) if words else None
            if kind is None and (
                (words and is_exception(message))
                or prefix.level in SERIOUS
                or (serious and _SERIOUS.match(whole))
                or (of_torch and _TORCH_ERROR.match(message))
            ):
                kind = IncidentKind.error_logged
            if kind is not None:
                log.report.understood += 1
                self._keep(kind, (number, line, start, whole, prefix, when, turn, since))
            elif noises and any(word in line for word in noises):
                log.report.noise += 1
            else:
                log.report.unknown += 1
                log.report.add_example(f"{log.source.name}:{number}", shown)
                # A word before the message may be the one that complains: `GGML_ASSERT: ggml.c:12621: ne2 == ne02`.
                said = next(filter(complains, (message, whole)), "") if complaints and prefix.level not in QUIET else ""
                if said:
                    self._complaints.append((number, said, 0, whole, prefix, when, turn, since))
                else:
                    self._bore(number, message)
        self._lines.clear()
        log.undecided.clear()
        log.taken_later.clear()

    def end(self) -> None:
        """Make incidents of the last complaints, behind which a run ends: earlier ones did not end it."""
        self.look_through()
        for one in self._complaints:
            self._keep(IncidentKind.complaint, one)
        self._complaints.clear()

    def _keep(self, kind: IncidentKind, unmatched: Unmatched) -> None:
        log = self._log
        number, line, start, _, prefix, when, turn, since = unmatched
        log.number, log.line, log.prefix, log.when_given, log.stream = number, line, prefix, when, prefix.stream
        message = log.run.redact(line[start:], log.at)
        log.add_incident(kind, message, number=turn, since=since, level=prefix.level, exceptions=_of_line(message))

    def _bore(self, number: int, message: str) -> None:
        """Remember a message that says nothing: the next like it costs one look, unless a reader waits for it."""
        shape = message.encode().translate(None, _DIGITS)
        if number not in self._log.undecided and len(shape) >= SHORTEST_SHAPE:
            if len(self._boring) >= MOST_SHAPES:
                self._boring.clear()
            self._boring.add(shape)


def _of_line(message: str) -> tuple[RaisedException, ...]:
    found = parse_exception(message) if is_exception(message) else None
    return () if found is None else (RaisedException(type=found[0], message=found[1][:2000]),)
