"""Logs of text: each line goes to the rule that knows it, whichever program wrote it.

One file may hold the lines of several programs (Flower, the client's own, Ray's), so all dialects listen at once. A
rule is found by the first word of a message, then by a pattern that begins there: a line that nobody knows costs one
look into a dictionary. Errors can be anywhere in a line and are searched as plain text first.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from zk0.core.secrets import may_hold_secrets
from zk0.ledger.importers.lines import (
    LONGEST_PREFIX,
    NOISE_WORDS,
    SIGNS,
    TIME,
    TRACEBACK,
    WORDS,
    Tracebacks,
    kind_of,
    split_prefix,
    strip_ray,
)
from zk0.ledger.importers.reading import FileReport, LogSource, batches
from zk0.ledger.importers.records import TrainingRecord
from zk0.ledger.importers.run_builder import RunBuilder, client_name
from zk0.ledger.schema import IncidentKind, Value

FIRST_WORD = re.compile(r"[^A-Za-z\n]*([A-Za-z]+)")


type Act = Callable[["LogFile", re.Match[str]], object]


@dataclass(frozen=True)
class Rule:
    """A pattern from a message's first word on, and what it means; without a meaning the line is known noise."""

    word: str
    pattern: re.Pattern[str]
    act: Act | None = None


def rule(pattern: str, act: Act | None = None) -> Rule:
    """Return the rule of a pattern, which has to begin with letters."""
    word = FIRST_WORD.match(pattern)
    if word is None or word.start(1):
        raise ValueError(f"{pattern} does not begin with letters")
    return Rule(word[1], re.compile(pattern, re.DOTALL), act)


def incident(kind: IncidentKind) -> Act:
    """Return the action of a rule whose lines are incidents of one kind."""
    return lambda log, found: log.add_incident(kind, found[0])


def phase(name: str) -> Act:
    """Return the action of a rule whose lines say what the server does from here on."""
    return lambda log, _: setattr(log, "phase", name)


def measurements(*names: str, unit: float = 1.0) -> Act:
    """Return the action of a rule whose pattern finds a step, from 0, and the values of these series at that step."""
    return lambda log, found: log.add_measurements(
        int(found[1]), {name: unit * float(found[place]) for place, name in enumerate(names, start=2)}
    )


class StepCounter:
    """Counts the steps of a training's lines."""

    def __init__(self) -> None:
        self.last = 0
        self.distance = 0

    def next(self, printed: int, scale: int) -> int:
        """Return how many steps are done at a line that prints this, rounded to `scale`."""
        if scale == 1:
            if printed > self.last:
                self.distance = printed - self.last
            self.last = printed
        else:
            counted = self.last + (self.distance or scale)
            agrees = abs(counted - printed * scale) <= scale  # rounded half to even, and never off by more than one
            self.last = counted if agrees else printed * scale
        return self.last


@dataclass
class LogStream:
    """The lines of one client or process; of the whole file where the lines name neither."""

    client: str | None = None
    number: int | None = None  # of the round, where a line has said so
    record: TrainingRecord | None = None
    settings: dict[str, Value] = field(default_factory=dict)
    digest_in: str | None = None
    proximal: tuple[int, float] | None = None  # (step, value), the latest
    steps: StepCounter = field(default_factory=StepCounter)
    fresh: bool = False  # a training was announced and has no step yet


@dataclass(slots=True)
class LinePrefix:
    """The prefix of one place in a program, which tends to print the same message again."""

    stream: LogStream
    client: str = ""
    process: str = ""
    level: str = ""
    rule: Rule | None = None  # that knew the last message
    offset: int = 0  # of the message's first word


MOST_PREFIXES = 10_000  # places in programs, known by their prefixes
TEXT = "text"  # the format of a log without a line that a rule knows
FINAL = "final"  # the phase in which Flower repeats all metrics as a table
_RESULT = re.compile(r"[\s{]*(?:\d+: *)?\{?[\s{}]*(?:\d+: )?\{? *'[^']+': '[^']*'")
RECENT = 256  # lines that begin something, remembered so that their second printing begins nothing


type Unmatched = tuple[int, str, int, str, LinePrefix, str, int | None]  # see `LogFile._line`


class LogFile:
    """One log while it is read; the rules of the dialects, by the name of their program, act on it.

    It adds to `run`, and to what `next_run` returns from a second start in the log on. `client` is whose log it is,
    where its folder or name says so.
    """

    def __init__(
        self,
        source: LogSource,
        run: RunBuilder,
        *,
        next_run: Callable[[], RunBuilder],
        dialects: Iterable[tuple[str, Iterable[Rule]]],
        client: str | None = None,
    ) -> None:
        self.source, self.run, self._next_run = source, run, next_run
        self.client = client
        self.rules: dict[str, list[tuple[str, Rule]]] = {}
        for name, rules in dialects:
            for rule in rules:
                self.rules.setdefault(rule.word, []).append((name, rule))
        self.number = 0  # of the line
        self.streams: dict[str, LogStream] = {}
        self.prefixes: dict[object, LinePrefix] = {}
        self.stream = LogStream(client)
        self.prefix = LinePrefix(self.stream)
        self.server_round: int | None = None
        self.phase = ""  # what the server does, where the next line does not say
        self.report = FileReport(source.name, TEXT, notes=source.notes)
        self.dialects: Counter[str] = Counter()
        self.tracebacks = Tracebacks()
        self.fields: dict[str, set[str]] = {}  # clients named in the lines under one client's heading
        self.line = self._when = ""
        self._recent: dict[object, None] = {}
        self._unmatched: list[Unmatched] = []
        self._last_incident: tuple[int, IncidentKind, str] | None = None
        self._traced = False

    @property
    def at(self) -> str:
        """The current place, `file:line`."""
        return f"{self.source.name}:{self.number}"

    def is_repeated(self, text: str) -> bool:
        """Return whether this line, with this time, was read a moment ago: it is on stdout and on stderr."""
        same = (self.when, self.stream.client, text) if self.when else (self.number - 1, text)
        known = bool(self.when) and same in self._recent
        self._recent[same] = None
        if len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]
        return known

    def restart(self) -> None:
        """Begin another run, where this one has begun already."""
        if self.run.has_begun and not self.is_repeated("restart"):
            line, prefix, when, number = self.line, self.prefix, self._when, self.number
            self._look_for_failures()
            self.line, self.prefix, self._when, self.number = line, prefix, when, number
            self.run = self._next_run()
            self.streams.clear()
            self.prefixes.clear()
            self.stream = self._stream(self.prefix.client, self.prefix.process)
            self.server_round, self.phase = None, ""

    def enter_round(self, number: int) -> None:
        """The server is in this round; a step back means that another run begins."""
        if self.server_round is not None and number < self.server_round and number <= 1:
            self.restart()
        self.server_round = number

    def switch_client(self, client: str, number: int | None = None) -> LogStream:
        """A line names its client, and perhaps the round."""
        name = client_name(client)
        stream = self.stream
        if self.prefix.client.startswith("client"):
            self._heading(name)
        if stream.client != name:
            stream.client, stream.record, stream.number, stream.settings, stream.digest_in = name, None, None, {}, None
        if number is not None:
            stream.number = number
        return stream

    def _heading(self, name: str) -> None:
        """Lines under one client's heading that name several clients: loguru's state was shared between them."""
        named = self.fields.setdefault(self.prefix.client, set())
        named.add(name)
        if len(named) > 1:
            self.add_incident(
                IncidentKind.mixed_clients, f"a line of {name} in the output of {self.prefix.client}", client=name
            )

    def begin(self) -> None:
        """A client's training begins."""
        stream = self.stream
        if stream.fresh or self.is_repeated("begin"):
            return
        stream.record, stream.fresh = None, True

    def finish(self) -> None:
        """A client's training is over; the next step belongs to another round."""
        self.stream.fresh = False

    def training(self) -> TrainingRecord:
        """Return the record of the training that the lane is in; it begins here if none has."""
        stream = self.stream
        if stream.record is None:
            client = stream.client or "client"
            number = stream.number if stream.number is not None else self.server_round
            record = self.run.training(client, number, file=self.source.name, at=self.at)
            record.settings.update(stream.settings)
            record.digest_in = record.digest_in or stream.digest_in
            stream.record, stream.digest_in, stream.number = record, None, None
        return stream.record

    def add_measurements(self, step: int, values: dict[str, float]) -> None:
        """A client measured something at a step, from 0."""
        stream = self.stream
        record = stream.record
        if record is None or (step == 0 and record.last_step > 0):
            stream.record = None
            record = self.training()
        stream.fresh = False
        record.put(step, values)

    def add_incident(
        self, kind: IncidentKind, text: str, *, client: str | None = None, number: int | None = None
    ) -> None:
        """Add an incident; where lines have no time, two equal ones in a row are one."""
        last, self._last_incident = self._last_incident, (self.number, kind, text)
        if not self.when and last == (self.number - 1, kind, text):
            return
        self.run.add_incident(
            kind,
            text.strip(),
            at=self.at,
            number=self._round(self.stream) if number is None else number,
            client=client_name(client) if client else self.stream.client,
            when=self.when,
        )

    def _round(self, stream: LogStream) -> int | None:
        if stream.number is not None and stream.record is None:
            return stream.number
        return stream.record.round if stream.record is not None else self.server_round

    def read(self) -> FileReport:
        """Read the file to its end and return how."""
        for numbers, lines, text in batches(self.source):
            self._traced = TRACEBACK in text
            self._read(numbers, lines)
            self._look_for_failures()
        for begun in self.tracebacks.open.values():
            self.add_incident(IncidentKind.traceback, f"{begun} (the log ends in it)")
        if self.dialects:
            self.report.format = f"{' and '.join(name for name, _ in self.dialects.most_common())} log"
        return self.report

    def _read(self, numbers: Iterable[int], lines: Iterable[str]) -> None:
        prefixes, tracebacks = self.prefixes, self.tracebacks.open
        for number, whole in zip(numbers, lines, strict=True):
            self.number = number
            line, process = whole, ""
            if line[:1] == "(":
                line, process = strip_ray(line)
            if line[:1] == "2":
                start = line.find(" - ", TIME, LONGEST_PREFIX) + 3
                prefix = prefixes.get(process + line[TIME:start]) if start > TIME else None
            else:
                start = 0
                prefix = prefixes.get(("", "", process)) if line[:1].islower() else None  # no prefix begins so
                self._when = ""
            if prefix is None:
                line, start, prefix = self._prefixed(line, start, process)
            self.line, self.prefix = line, prefix
            rule = prefix.rule
            if rule is not None and not tracebacks:
                found = rule.pattern.match(line, start + prefix.offset)
                if found is not None:
                    if rule.act is None:
                        self.report.noise += 1
                    else:
                        self._act(rule, found, whole)
                    continue
            self._line(line, start, prefix, whole)

    def _prefixed(self, line: str, start: int, process: str) -> tuple[str, int, LinePrefix]:
        """Return (line, start of the message, head) of a line whose head was not met before, or can't be kept."""
        parsed = split_prefix(line)
        kept = start >= TIME and line[start:] == parsed.message and bool(parsed.level)
        key: object = process + line[TIME:start] if kept else (parsed.level, parsed.client, parsed.process or process)
        prefix = self.prefixes.get(key)
        if prefix is None:
            process = parsed.process or process
            prefix = self.prefixes[key] = LinePrefix(
                self._stream(parsed.client, process), parsed.client, process, parsed.level
            )
            if len(self.prefixes) > MOST_PREFIXES:
                self.prefixes.clear()
        self._when = parsed.when
        return (line, start, prefix) if kept else (parsed.message, 0, prefix)

    @property
    def when(self) -> str:
        """The time in the line; empty if it has none."""
        return self.line[:TIME] if self.line[:1] == "2" and self.line[4:5] == "-" else self._when

    def _line(self, line: str, start: int, prefix: LinePrefix, whole: str) -> None:
        if self.tracebacks.open and self._in_traceback(prefix, line[start:]):
            return
        if self._known(line, start, prefix, whole):
            return
        if self._traced and TRACEBACK in line:
            self.stream = prefix.stream
            self.tracebacks.open_traceback(prefix.process, line[start:])
            self.report.understood += 1
        elif self.phase == FINAL and _RESULT.match(line, start):
            self.report.noise += 1
        elif FIRST_WORD.match(line, start) is None:
            self.report.noise += 1  # decoration
        else:
            record = prefix.stream.record
            number = self.server_round if record is None else record.round
            self._unmatched.append((self.number, line, start, whole, prefix, self._when, number))

    def _look_for_failures(self) -> None:
        """Find errors and noise among the lines without a rule; first in one text, since most contain neither."""
        text = "\n".join([one[1] for one in self._unmatched])
        words = WORDS if any(sign in text for sign in SIGNS) else ()
        noises = [word for word in NOISE_WORDS if word in text]
        secrets = may_hold_secrets(text)
        for number, line, start, whole, prefix, when, turn in self._unmatched:
            text = self.run.redact(whole, f"{self.source.name}:{number}") if secrets else whole
            if words and (kind := kind_of(line[start:])) is not None:
                self.number, self.line, self.prefix, self._when, self.stream = number, line, prefix, when, prefix.stream
                self.report.understood += 1
                self.add_incident(kind, line[start:], number=turn)
            elif noises and any(word in line for word in noises):
                self.report.noise += 1
            else:
                self.report.unknown += 1
                self.report.add_example(f"{self.source.name}:{number}", text)
        self._unmatched.clear()

    def _known(self, line: str, start: int, prefix: LinePrefix, whole: str) -> bool:
        """Give the line to the rule that knows it; whether there is one."""
        word = FIRST_WORD.match(line, start)
        rules = self.rules.get(word[1]) if word else None
        if word is None or rules is None:
            return False
        at = word.start(1)
        for name, rule in rules:
            found = rule.pattern.match(line, at)
            if found is None:
                continue
            prefix.rule, prefix.offset = rule, at - start
            if rule.act is not None:
                self.dialects[name] += 1
            self._act(rule, found, whole)
            return True
        return False

    def _act(self, rule: Rule, found: re.Match[str], whole: str) -> None:
        if rule.act is None:
            self.report.noise += 1
            return
        self.stream = self.prefix.stream
        try:
            rule.act(self, found)
        except (ValueError, OverflowError):  # a number that is none, or beyond all measure: half a line, or a lie
            self.report.unknown += 1
            self.report.add_example(self.at, self.run.redact(whole[:200], self.at))
        else:
            self.report.understood += 1

    def _stream(self, client: str, process: str) -> LogStream:
        key = client or process
        stream = self.streams.get(key)
        if stream is None:
            stream = self.streams[key] = LogStream(client_name(client) if client.startswith("client") else self.client)
        return stream

    def _in_traceback(self, prefix: LinePrefix, text: str) -> bool:
        """Return whether the line belongs to a traceback; the last line of one is an incident."""
        if prefix.process not in self.tracebacks.open:
            return False
        belongs, exception = self.tracebacks.continue_traceback(prefix.process, prefix.level or text)
        if exception is not None:
            self.stream = prefix.stream
            self.add_incident(kind_of(exception) or IncidentKind.traceback, exception)
        self.report.understood += belongs
        return belongs
