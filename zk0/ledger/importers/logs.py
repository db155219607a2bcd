"""Logs of text: each line goes to the rule that knows it, whichever program wrote it.

One file may hold the lines of several programs (Flower, the client's own, Ray's), so all dialects listen at once. A
rule is found by the first word of a message, then by a pattern that begins there: a line that nobody knows costs one
look into a dictionary. Errors can stand anywhere in a line and are looked for by plain text first.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable

from zk0.ledger.importers.failures import NOISE_WORDS, SIGNS, TRACEBACK, WORDS, Tracebacks, kind_of
from zk0.ledger.importers.lanes import Head, Lane
from zk0.ledger.importers.prefixes import LONGEST_HEAD, TIME, parted, without_ray
from zk0.ledger.importers.reading import Source, batches
from zk0.ledger.importers.records import TrainingRecord
from zk0.ledger.importers.redaction import may_hold_secrets
from zk0.ledger.importers.report import Unknown
from zk0.ledger.importers.rules import FIRST_WORD, Rule
from zk0.ledger.importers.run_builder import Run, client_name
from zk0.ledger.incidents import IncidentKind

MOST_HEADS = 10_000  # places in programs, known by what stands before their messages
FINAL = "final"  # the phase in which Flower repeats all metrics as a table
_RESULT = re.compile(r"[\s{]*(?:\d+: *)?\{?[\s{}]*(?:\d+: )?\{? *'[^']+': '[^']*'")
RECENT = 256  # lines that begin something, remembered so that their second printing begins nothing


type Unmatched = tuple[int, str, int, str, Head, str, int | None]  # see `LogFile._line`


class LogFile:
    """One log while it is read; the rules of the dialects act on it.

    Args:
        source: the file.
        run: what it adds to; `restarted` gives another one when the log begins anew.
        restarted: called when the log tells of a second start, with the run so far.
        dialects: rules by the name of the program whose lines they know.
        client: whose log this is, where its folder or name says so.
    """

    def __init__(
        self,
        source: Source,
        run: Run,
        *,
        restarted: Callable[[], Run],
        dialects: Iterable[tuple[str, Iterable[Rule]]],
        client: str | None = None,
    ) -> None:
        self.source, self.run, self._restarted = source, run, restarted
        self.client = client
        self.rules: dict[str, list[tuple[str, Rule]]] = {}
        for name, rules in dialects:
            for rule in rules:
                self.rules.setdefault(rule.word, []).append((name, rule))
        self.number = 0  # of the line
        self.lanes: dict[str, Lane] = {}
        self.heads: dict[object, Head] = {}
        self.lane = Lane(client)
        self.head = Head(self.lane)
        self.server_round: int | None = None
        self.phase = ""  # what the server does, where the next line does not say
        self.understood = self.noise = 0
        self.unknown = Unknown()
        self.dialects: Counter[str] = Counter()
        self.tracebacks = Tracebacks()
        self.fields: dict[str, set[str]] = {}  # clients named in the lines under one client's heading
        self.line = self._when = ""
        self._recent: dict[object, None] = {}
        self._unmatched: list[Unmatched] = []
        self._told: tuple[int, IncidentKind, str] | None = None
        self._traced = False

    @property
    def at(self) -> str:
        """Where we are: `file:line`."""
        return f"{self.source.name}:{self.number}"

    def again(self, text: str) -> bool:
        """Whether this line, with this time, was read a moment ago: it is printed to stdout and to stderr."""
        same = (self.when, self.lane.client, text) if self.when else (self.number - 1, text)
        known = bool(self.when) and same in self._recent
        self._recent[same] = None
        if len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]
        return known

    def restart(self) -> None:
        """Begin another run, where this one has begun already."""
        if self.run.has_begun and not self.again("restart"):
            line, head, when, number = self.line, self.head, self._when, self.number
            self._look_for_failures()
            self.line, self.head, self._when, self.number = line, head, when, number
            self.run = self._restarted()
            self.lanes.clear()
            self.heads.clear()
            self.lane = self._lane(self.head.client, self.head.process)
            self.server_round, self.phase = None, ""

    def enter_round(self, number: int) -> None:
        """The server is in this round; a step back means that another run begins."""
        if self.server_round is not None and number < self.server_round and number <= 1:
            self.restart()
        self.server_round = number

    def speaks(self, client: str, number: int | None = None) -> Lane:
        """A line names its client, and perhaps the round."""
        name = client_name(client)
        lane = self.lane
        if self.head.client.startswith("client"):
            self._heading(name)
        if lane.client != name:
            lane.client, lane.record, lane.number, lane.settings, lane.digest_in = name, None, None, {}, None
        if number is not None:
            lane.number = number
        return lane

    def _heading(self, name: str) -> None:
        """Lines under one client's heading that name several clients: loguru's state was shared between them."""
        named = self.fields.setdefault(self.head.client, set())
        named.add(name)
        if len(named) > 1:
            self.happened(IncidentKind.mixed_clients, f"a line of {name} stands under {self.head.client}", client=name)

    def begin(self) -> None:
        """A client's training begins."""
        lane = self.lane
        if lane.fresh or self.again("begin"):
            return
        lane.record, lane.fresh = None, True

    def finish(self) -> None:
        """A client's training is over; the next step belongs to another round."""
        self.lane.fresh = False

    def training(self) -> TrainingRecord:
        """Return the record of the training that the lane is in; it begins here if none has."""
        lane = self.lane
        if lane.record is None:
            client = lane.client or "client"
            number = lane.number if lane.number is not None else self.server_round
            record = self.run.training(client, number, file=self.source.name, at=self.at)
            record.settings.update(lane.settings)
            record.digest_in = record.digest_in or lane.digest_in
            lane.record, lane.digest_in, lane.number = record, None, None
        return lane.record

    def measured(self, step: int, values: dict[str, float]) -> None:
        """A client measured something at a step, from 0."""
        lane = self.lane
        record = lane.record
        if record is None or (step == 0 and record.last_step > 0):
            lane.record = None
            record = self.training()
        lane.fresh = False
        record.put(step, values)

    def happened(self, kind: IncidentKind, text: str, *, client: str | None = None, number: int | None = None) -> None:
        """Something went wrong, or was said to go well; where no line tells its time, two in a row are one."""
        last, self._told = self._told, (self.number, kind, text)
        if not self.when and last == (self.number - 1, kind, text):
            return
        self.run.happened(
            kind,
            text.strip(),
            at=self.at,
            number=self._round(self.lane) if number is None else number,
            client=client_name(client) if client else self.lane.client,
            when=self.when,
        )

    def _round(self, lane: Lane) -> int | None:
        if lane.number is not None and lane.record is None:
            return lane.number
        return lane.record.round if lane.record is not None else self.server_round

    def read(self) -> None:
        """Read the file to its end."""
        for numbers, lines, text in batches(self.source):
            self._traced = TRACEBACK in text
            self._read(numbers, lines)
            self._look_for_failures()
        for begun in self.tracebacks.open.values():
            self.happened(IncidentKind.traceback, f"{begun} (the log ends in it)")

    def _read(self, numbers: Iterable[int], lines: Iterable[str]) -> None:
        heads, tracebacks = self.heads, self.tracebacks.open
        for number, whole in zip(numbers, lines, strict=True):
            self.number = number
            line, process = whole, ""
            if line[:1] == "(":
                line, process = without_ray(line)
            if line[:1] == "2":
                start = line.find(" - ", TIME, LONGEST_HEAD) + 3
                head = heads.get(process + line[TIME:start]) if start > TIME else None
            else:
                start = 0
                head = heads.get(("", "", process)) if line[:1].islower() else None  # no prefix begins so
                self._when = ""
            if head is None:
                line, start, head = self._headed(line, start, process)
            self.line, self.head = line, head
            rule = head.rule
            if rule is not None and not tracebacks:
                found = rule.pattern.match(line, start + head.offset)
                if found is not None:
                    if rule.act is None:
                        self.noise += 1
                    else:
                        self._act(rule, found, whole)
                    continue
            self._line(line, start, head, whole)

    def _headed(self, line: str, start: int, process: str) -> tuple[str, int, Head]:
        """Return (line, start of the message, head) of a line whose head was not met before, or can't be kept."""
        prefix = parted(line)
        kept = start >= TIME and line[start:] == prefix.message and bool(prefix.level)
        key: object = process + line[TIME:start] if kept else (prefix.level, prefix.client, prefix.process or process)
        head = self.heads.get(key)
        if head is None:
            process = prefix.process or process
            head = self.heads[key] = Head(self._lane(prefix.client, process), prefix.client, process, prefix.level)
            if len(self.heads) > MOST_HEADS:
                self.heads.clear()
        self._when = prefix.when
        return (line, start, head) if kept else (prefix.message, 0, head)

    @property
    def when(self) -> str:
        """The time that the line tells; empty where it tells none."""
        return self.line[:TIME] if self.line[:1] == "2" and self.line[4:5] == "-" else self._when

    def _line(self, line: str, start: int, head: Head, whole: str) -> None:
        if self.tracebacks.open and self._in_traceback(head, line[start:]):
            return
        if self._known(line, start, head, whole):
            return
        if self._traced and TRACEBACK in line:
            self.lane = head.lane
            self.tracebacks.begins(head.process, line[start:])
            self.understood += 1
        elif self.phase == FINAL and _RESULT.match(line, start):
            self.noise += 1
        elif FIRST_WORD.match(line, start) is None:
            self.noise += 1  # decoration
        else:
            record = head.lane.record
            number = self.server_round if record is None else record.round
            self._unmatched.append((self.number, line, start, whole, head, self._when, number))

    def _look_for_failures(self) -> None:
        """Tell errors and noise among the lines that no rule knew; as one text first, since most hold neither."""
        text = "\n".join([one[1] for one in self._unmatched])
        words = WORDS if any(sign in text for sign in SIGNS) else ()
        noises = [word for word in NOISE_WORDS if word in text]
        secrets = may_hold_secrets(text)
        for number, line, start, whole, head, when, turn in self._unmatched:
            told = self.run.plain(whole, f"{self.source.name}:{number}") if secrets else whole
            if words and (kind := kind_of(line[start:])) is not None:
                self.number, self.line, self.head, self._when, self.lane = number, line, head, when, head.lane
                self.understood += 1
                self.happened(kind, line[start:], number=turn)
            elif noises and any(word in line for word in noises):
                self.noise += 1
            else:
                self.unknown.lines += 1
                if self.unknown.wants_more:
                    self.unknown.add(f"{self.source.name}:{number}", told)
        self._unmatched.clear()

    def _known(self, line: str, start: int, head: Head, whole: str) -> bool:
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
            head.rule, head.offset = rule, at - start
            if rule.act is not None:
                self.dialects[name] += 1
            self._act(rule, found, whole)
            return True
        return False

    def _act(self, rule: Rule, found: re.Match[str], whole: str) -> None:
        if rule.act is None:
            self.noise += 1
            return
        self.lane = self.head.lane
        try:
            rule.act(self, found)
        except (ValueError, OverflowError):  # a number that is none, or beyond all measure: half a line, or a lie
            self.unknown.lines += 1
            self.unknown.add(self.at, self.run.plain(whole[:200], self.at))
        else:
            self.understood += 1

    def _lane(self, client: str, process: str) -> Lane:
        key = client or process
        lane = self.lanes.get(key)
        if lane is None:
            lane = self.lanes[key] = Lane(client_name(client) if client.startswith("client") else self.client)
        return lane

    def _in_traceback(self, head: Head, text: str) -> bool:
        """Whether the line belongs to a traceback; where it ends one, that is an incident."""
        if head.process not in self.tracebacks.open:
            return False
        belongs, exception = self.tracebacks.follows(head.process, head.level or text)
        if exception is not None:
            self.lane = head.lane
            self.happened(kind_of(exception) or IncidentKind.traceback, exception)
        self.understood += belongs
        return belongs
