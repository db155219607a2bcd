"""Reads a log line by line: finds where each message begins and hands it to the rule or reader that knows it.

A rule is found by the first word of a message, then by a pattern that begins there: a line that nobody knows costs one
look into a dictionary. What stands before every message is learnt (`wrappers`) where that lets more lines be read.
Errors can be anywhere in a line and are searched as plain text first.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from zk0.ledger.importers.lines import LONGEST_PREFIX, split_prefix, strip_ray
from zk0.ledger.importers.logs import FINAL, TIME, LinePrefix, LogFile
from zk0.ledger.importers.metric_names import parse_number
from zk0.ledger.importers.numbers import NAME as NUMBERS
from zk0.ledger.importers.open_tracebacks import OpenTracebacks
from zk0.ledger.importers.reading import FileReport, batches
from zk0.ledger.importers.rules import FIRST_WORD, Rule, Taken
from zk0.ledger.importers.times import first_time, last_time
from zk0.ledger.importers.unread import UnreadLines
from zk0.ledger.importers.unwrap import Unwrapped, is_packed, unwrap
from zk0.ledger.importers.wrapper_choice import choose_wrappers
from zk0.ledger.importers.wrappers import LEVELS, Wrapper
from zk0.ledger.log_events import LogRead

MOST_PREFIXES = 10_000  # places in programs, known by their prefixes
MOST_LESSONS = 8  # times that wrappers are looked for, where they were not found in the beginning
UNREAD = 0.5  # share of a batch that was not understood, above which wrappers are looked for in the next
_LEVEL_STARTS = frozenset(level[:4] for level in LEVELS.split("|"))
GLUED = ("Killed", "core dumped)")
_GLUED_END = re.compile(r"(?<=[\d\])%|])(?:Killed|(?:Segmentation fault|Aborted|Bus error) \(core dumped\))$")
_RESULT = re.compile(r"[\s{]*(?:\d+: *)?\{?[\s{}]*(?:\d+: )?\{? *'[^']+': '[^']*'")
_TRACE_FIELDS = ("exception", "exc_info", "traceback", "stack_trace", "stack", "error")


class Scanner:
    """Reads one log to its end."""

    def __init__(self, log: LogFile) -> None:
        self.log = log
        self.wrappers: list[Wrapper] = []
        self._lessons = 0
        self._unread, self._tracebacks = UnreadLines(log), OpenTracebacks(log)
        self._last_line = ""
        self._first_at = self._last_at = ""
        self._last_row: tuple[LinePrefix, str, str] | None = None  # (its prefix, process, level)
        log.before_restart = self._restart

    def read(self) -> FileReport:
        """Read the file to its end and return how."""
        log = self.log
        numbers: Sequence[int] = ()
        for numbers, lines, text in batches(log.source):
            self._learn(lines)
            self._tracebacks.watch(text)
            self._read(numbers, lines)
            self._unread.look_through()
            self._first_at = self._first_at or first_time(lines)
            self._last_at = last_time(lines) or self._last_at
            self._last_line = next((line for line in reversed(lines) if line.strip()), self._last_line)
        self._tracebacks.end()
        self._unread.end()
        log.number = numbers[-1] if numbers else log.number
        if "%|" in self._last_line:
            log.forget_last_bar()
        names = [name for name, count in (log.dialects or log.read_by).most_common() if count]
        if names:
            log.report.format = f"{' and '.join(names)} log"
        log.run.logs.append(self._log_read())
        return log.report

    def _restart(self) -> None:
        self._last_row = None
        self._unread.end()

    def _log_read(self) -> LogRead:
        log, report = self.log, self.log.report
        return LogRead(
            source=log.source.name,
            format=report.format,
            understood=report.understood,
            noise=report.noise,
            unknown=report.unknown,
            after_progress=max(log.number - log.measured_at, 0) if log.measured_at else log.number,
            lines=log.number,
            last_line=log.run.redact(self._last_line, log.at)[:500],
            first_at=log.run.time(self._first_at),
            last_at=log.run.time(self._last_at),
            modified_at=log.source.modified_at,
            read_at=datetime.now(UTC),
        )

    # Wrappers

    def _learn(self, lines: Sequence[str]) -> None:
        """Look for what stands before all messages, and use it where more lines are read with it than without."""
        report = self.log.report
        total = report.understood + report.noise + report.unknown
        if self._lessons and (self.wrappers or report.unknown < UNREAD * total or self._lessons >= MOST_LESSONS):
            return
        self._lessons += 1
        if found := choose_wrappers(lines, self.log.rules):
            self.wrappers = found
            self.log.prefixes.clear()

    # Lines

    def _read(self, numbers: Iterable[int], lines: Iterable[str]) -> None:  # noqa: C901, PLR0912  calls would cost a third
        log, report = self.log, self.log.report
        prefixes = log.prefixes
        cuts = [wrapper.cut for wrapper in self.wrappers]
        longest = cuts[0] if cuts else None
        known, told = "", ("", "", "")  # the longest wrapper that the last line began with, and what it says
        for number, whole in zip(numbers, lines, strict=True):
            log.number = number
            line, process, when, level = whole, "", "", ""
            if known and line.startswith(known):
                line = line[len(known) :]
                process, when, level = told
            else:
                for cut in cuts:
                    if (found := cut(line)) is not None:
                        line, process, when, level = found
                        if cut is longest:
                            known, told = whole[: len(whole) - len(line)], found[1:]
                        break
            if self._last_row is not None and self._repeats(line, process, level):
                continue
            bare_line, first = line, line[:1]
            if first == "(":
                line, pid = strip_ray(line)
                first, process = line[:1], process + pid
            if first == "2":
                start = line.find(" - ", TIME, LONGEST_PREFIX) + 3
                prefix = prefixes.get(process + line[TIME:start]) if start > TIME else None
            elif first == "{" and is_packed(line) and (packed := unwrap(line)) is not None:
                self._packed(packed, whole, process, when, level)
                continue
            else:
                start = 0
                # No prefix begins with a small letter, and behind a level's there is seldom another.
                bare = first.islower() or (level and first.isalpha() and line[:4] not in _LEVEL_STARTS)
                prefix = prefixes.get((level, "", process)) if bare else None
                log.when_given = when
            if prefix is None:
                line, start, prefix = self._prefixed(line, start, process, when, level)
            log.line, log.prefix = line, prefix
            rule = prefix.rule
            if rule is not None and not self._tracebacks.open:
                match = rule.pattern.match(line, start + prefix.offset)
                if match is not None:
                    if rule.act is None:
                        report.noise += 1
                    else:
                        self._act(rule, match, whole)
                    continue
            self._line(line, start, prefix, whole)
            if prefix.repeat is not None and line is bare_line and not start and prefix.stream is log.stream:
                self._last_row = prefix, process, level

    def _repeats(self, line: str, process: str, level: str) -> bool:
        """Take a line that is a row like the last one of the same lane."""
        assert self._last_row is not None, "asked for first"
        log, (prefix, its_process, its_level) = self.log, self._last_row
        if prefix.repeat is None or process != its_process or level != its_level or self._tracebacks.open:
            return False
        log.stream = prefix.stream
        if not prefix.repeat(log, line):
            return False
        log.read_by[NUMBERS] += 1
        log.report.understood += 1
        return True

    def _packed(self, packed: Unwrapped, whole: str, lane: str, when: str, level: str) -> None:
        """Read a line that was packed into JSON."""
        lane, when, level = packed.lane or lane, packed.when or when, packed.level or level
        if packed.row and self._row(packed, lane, when, level):
            return
        texts = packed.message.split("\n")
        for name in _TRACE_FIELDS:
            value = (packed.row or {}).get(name)
            if isinstance(value, str) and "\n" in value:
                texts += value.split("\n")
        if not any(texts):
            self.log.report.unknown += 1
            self.log.report.add_example(self.log.at, self.log.run.redact(whole[:200], self.log.at))
            return
        for text in texts:
            self._message(text, whole, lane, when, level)

    def _row(self, packed: Unwrapped, lane: str, when: str, level: str) -> bool:
        """Give an object with numbers to the readers as the text that it would be."""
        given = (packed.row or {}).items()  # fairseq's numbers are texts
        flat = {key: number for key, value in given if (number := parse_number(value)) is not None}
        if not flat:
            return False
        self._message("", "", lane, when, level, only_enter=True)
        text = ", ".join(f"{key}: {value}" for key, value in flat.items())
        return self._measured(text)

    def _message(self, line: str, whole: str, lane: str, when: str, level: str, *, only_enter: bool = False) -> None:
        """Read a message whose wrapper is off."""
        log = self.log
        parsed = split_prefix(line)
        level, process = parsed.level or level, lane + parsed.process
        key = (level, parsed.client, process)
        prefix = log.prefixes.get(key)
        if prefix is None:
            prefix = self._new_prefix(key, parsed.client, process, level)
        log.line, log.prefix, log.when_given = parsed.message, prefix, when or parsed.when
        log.stream = prefix.stream
        if not only_enter:
            self._line(parsed.message, 0, prefix, whole)

    def _new_prefix(self, key: object, client: str, process: str, level: str) -> LinePrefix:
        prefixes = self.log.prefixes
        if len(prefixes) > MOST_PREFIXES:
            prefixes.clear()
        prefix = prefixes[key] = LinePrefix(self.log.stream_of(client, process), client, process, level)
        return prefix

    def _prefixed(self, line: str, start: int, process: str, when: str, level: str) -> tuple[str, int, LinePrefix]:
        """Return (line, start of the message, head) of a line whose head was not met before, or can't be kept."""
        parsed = split_prefix(line)
        kept = start >= TIME and line[start:] == parsed.message and bool(parsed.level)
        level, inner = parsed.level or level, parsed.process or process
        key: object = process + line[TIME:start] if kept else (level, parsed.client, inner)
        prefix = self.log.prefixes.get(key)
        if prefix is None:
            prefix = self._new_prefix(key, parsed.client, inner, level)
        self.log.when_given = parsed.when or when
        return (line, start, prefix) if kept else (parsed.message, 0, prefix)

    def _line(self, line: str, start: int, prefix: LinePrefix, whole: str) -> None:
        log = self.log
        tracebacks = self._tracebacks
        if tracebacks.open and prefix.stream.traceback is not None and tracebacks.take(prefix, line[start:]):
            return
        if self._known(line, start, prefix, whole):
            return
        message = line[start:] if start else line
        if tracebacks.begin(message, prefix):
            return
        if log.phase == FINAL and _RESULT.match(line, start):
            log.report.noise += 1
        elif self._unread.is_boring(message):
            log.report.unknown += 1
        else:
            log.stream = prefix.stream
            self._message_of(message, line, start, prefix, whole)

    def _message_of(self, message: str, line: str, start: int, prefix: LinePrefix, whole: str) -> None:
        """Give a message that no rule knows to the readers; what they leave is looked through later."""
        log = self.log
        glued = _GLUED_END.search(message) if message.endswith(GLUED) else None  # to a bar without a line's end
        text = message[: glued.start()] if glued else message
        taken = bool(log.readers) and self._measured(text)
        if glued:
            self._unread.add(glued[0], 0, glued[0], prefix)
        if taken or glued:
            return
        if FIRST_WORD.match(text) is None:
            log.report.noise += 1  # decoration
        else:
            self._unread.add(line, start, whole, prefix)

    def _measured(self, text: str) -> bool:
        """Return whether a reader took the line."""
        report = self.log.report
        for reader in self.log.readers:
            for sign in reader.signs:
                if sign in text:
                    break
            else:
                continue
            taken = reader.read(self.log, text)
            self.log.read_by[reader.name] += taken is Taken.understood
            report.understood += taken is Taken.understood
            report.noise += taken is Taken.noise
            if taken is not Taken.no:
                return True
        return False

    def _known(self, line: str, start: int, prefix: LinePrefix, whole: str) -> bool:
        """Give the line to the rule that knows it; whether there is one."""
        matched = self.log.rules.match(line, start)
        if matched is None:
            return False
        name, rule, found = matched
        prefix.rule, prefix.offset = rule, found.start() - start
        if rule.act is not None:
            self.log.dialects[name] += 1
        self._act(rule, found, whole)
        return True

    def _act(self, rule: Rule, found: re.Match[str], whole: str) -> None:
        log = self.log
        if rule.act is None:
            log.report.noise += 1
            return
        log.stream = log.prefix.stream
        try:
            rule.act(log, found)
        except (ValueError, OverflowError):  # a number that is none, or beyond all measure: half a line, or a lie
            log.report.unknown += 1
            log.report.add_example(log.at, log.run.redact(whole[:200], log.at))
        else:
            log.report.understood += 1
