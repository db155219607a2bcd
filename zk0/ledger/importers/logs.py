"""A log that is being read, as the rules of its dialects see it: clients, rounds, measurements, incidents.

`scanning` finds the messages and gives them to the rules (`rules`). One file may hold the lines of several programs
(Flower, the client's own, Ray's), so all dialects listen at once.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from zk0.ledger.importers.reading import FileReport, LogSource
from zk0.ledger.importers.records import TrainingRecord
from zk0.ledger.importers.rules import LineReader, Rule, RuleBook
from zk0.ledger.importers.run_builder import RunBuilder, client_name
from zk0.ledger.importers.streams import LogStream, StepPosition, lane_client
from zk0.ledger.log_events import IncidentKind

TIME = 19  # characters of `2025-10-01 09:12:03`


type Repeat = Callable[[LogFile, str], bool]


@dataclass(slots=True)
class LinePrefix:
    """The prefix of one place in a program, which tends to print the same message again."""

    stream: LogStream
    client: str = ""
    process: str = ""
    level: str = ""
    rule: Rule | None = None  # that knew the last message
    offset: int = 0  # of the message's first word
    repeat: Repeat | None = None  # what takes messages like the last row


# What was measured at an incident: (its lane, what the lane had measured, what the whole log had).
type Mark = tuple[LogStream, int, int]

TEXT = "text"  # the format of a log without a line that a rule knows
EVALUATING = "evaluating"  # the phase in which clients evaluate what the server sent
FINAL = "final"  # the phase in which Flower repeats all metrics as a table
RECENT = 256  # lines that begin something, remembered so that their second printing begins nothing


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
        readers: Iterable[LineReader] = (),
        client: str | None = None,
    ) -> None:
        self.source, self.run, self._next_run = source, run, next_run
        self.client = client
        self.rules = RuleBook(dialects)
        self.readers = tuple(readers)
        self.number = 0  # of the line
        self.measured = 0  # measurements so far
        self.measured_at = 0  # the number of the last line with a measurement
        self.streams: dict[str, LogStream] = {}
        self.prefixes: dict[object, LinePrefix] = {}
        self.stream = LogStream(client)
        self.prefix = LinePrefix(self.stream)
        self.server_round: int | None = None
        self.phase = ""  # what the server does, where the next line does not say
        self.report = FileReport(source.name, TEXT, notes=source.notes)
        self.dialects: Counter[str] = Counter()  # lines of each that rules know
        self.read_by: Counter[str] = Counter()  # lines that each reader took
        self.fields: dict[str, set[str]] = {}  # clients named in the lines under one client's heading
        self.memory: dict[str, Any] = {}  # of the readers, by their name
        self.undecided: set[int] = set()  # numbers of lines that a reader may want when it has seen more
        self.taken_later: set[int] = set()  # numbers of lines that a reader came back to
        self.line = self.when_given = ""
        self._recent: dict[object, None] = {}
        self._last_incident: tuple[int, IncidentKind, str] | None = None
        self.before_restart: Callable[[], None] = lambda: None

    @property
    def at(self) -> str:
        """The current place, `file:line`."""
        return f"{self.source.name}:{self.number}"

    @property
    def when(self) -> str:
        """The time in the line; empty if it has none."""
        return self.line[:TIME] if self.line[:1] == "2" and self.line[4:5] == "-" else self.when_given

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
            line, prefix, when, number = self.line, self.prefix, self.when_given, self.number
            self.before_restart()
            self.line, self.prefix, self.when_given, self.number = line, prefix, when, number
            self.run = self._next_run()
            self.streams.clear()
            self.prefixes.clear()
            self.memory.clear()
            self.stream = self.stream_of(self.prefix.client, self.prefix.process)
            self.server_round, self.phase = None, ""

    def enter_round(self, number: int, planned: int | None = None) -> None:
        """The server is in this round; a step back means that another run begins."""
        if self.server_round is not None and number < self.server_round and number <= 1:
            self.restart()
        self.server_round = number
        self.run.count("round", number, planned)

    def end_run(self, rounds: int | None = None) -> None:
        """A line says that the run came to its end; without a number it had the rounds that it is in, or none."""
        self.run.close(self.server_round or 0 if rounds is None else rounds, at=self.at)

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

    def return_to(self, client: str | None) -> LogStream:
        """A row is of one of several clients that work side by side, or of none: it goes on where it was."""
        stream, name = self.stream, client_name(client) if client else None
        if stream.client != name:
            stream.others[stream.client] = (stream.record, stream.position)
            record, position = stream.others.pop(name, (None, StepPosition(headings=stream.position.headings)))
            stream.number = None
            if client:
                self.switch_client(client)
            stream.client, stream.record, stream.position = name, record, position
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
        stream.measured += 1
        self.measured += 1
        self.measured_at = self.number
        record.put(step, values)

    def forget_last_bar(self) -> None:
        """The log ends with a bar, which is drawn once more when its program ends: that is no work."""
        if self.measured:
            self.stream.measured -= 1
            self.measured -= 1

    def add_evaluation(
        self,
        number: int,
        loss: float | None,
        *,
        dataset: str,
        missing: str | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """A policy was judged."""
        self.measured_at = self.number
        self.measured += 1
        self.run.add_evaluation(number, loss, at=self.at, dataset=dataset, missing=missing, metrics=metrics)

    def add_incident(
        self,
        kind: IncidentKind,
        text: str,
        *,
        client: str | None = None,
        number: int | None = None,
        since: Mark | Callable[[], int] | None = None,
        **more: Any,
    ) -> None:
        """Add an incident; where lines have no time, two equal ones in a row are one, unless they count how often.

        `since` is the mark of the line, where that is not the current one, or counts what came after it; `more` goes to
        the run as it is.
        """
        last, self._last_incident = self._last_incident, (self.number, kind, text)
        counted = kind in (IncidentKind.waiting, IncidentKind.retried)
        if not self.when and not counted and last == (self.number - 1, kind, text):
            return
        stream = self.stream
        self.run.add_incident(
            kind,
            text.strip(),
            at=self.at,
            number=self._round(stream) if number is None else number,
            client=client_name(client) if client else stream.client,
            when=self.when,
            line=self.number,
            since=since if callable(since) else self._since(since or self.mark(stream)),
            **more,
        )

    def mark(self, stream: LogStream) -> Mark:
        """Return how far a lane and the log are."""
        return stream, stream.measured, self.measured

    def _since(self, mark: Mark) -> Callable[[], int]:
        """Return what counts the measurements since a mark: the lane's, or the log's where the lane has none."""
        stream, own, whole = mark
        return lambda: stream.measured - own if stream.measured else self.measured - whole

    def _round(self, stream: LogStream) -> int | None:
        if stream.number is not None and stream.record is None:
            return stream.number
        return stream.record.round if stream.record is not None else self.server_round

    def stream_of(self, client: str, process: str) -> LogStream:
        """Return the lane of a client or process."""
        key = client or process
        stream = self.streams.get(key)
        if stream is None:
            named = client_name(client) if client.startswith("client") else lane_client(process)
            stream = self.streams[key] = LogStream(named or self.client)
        return stream
