"""One run as it is pieced together from files: what each line adds, and the ledger of it.

A fact may be logged twice (each line on stdout and on stderr, a client's log and one of everything): what says the
same is kept once, and the first word counts. A round of a client that no line numbers is counted, and a note says so.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from zk0.core.secrets import find_secrets, is_secret_name, may_hold_secrets, without_secrets, without_stated_values
from zk0.ledger.importers.progress_counts import ProgressCounts, Unit
from zk0.ledger.importers.records import NOT_FINITE, AggregationRecord, TrainingRecord
from zk0.ledger.importers.times import parse_time
from zk0.ledger.log_events import EvaluationReplies, Incident, IncidentKind, LogRead
from zk0.ledger.reader import Ledger
from zk0.ledger.schema import Decision, Evaluation, Event, RunClosed, Value

SERVER = "server"  # the evaluation that a server does, where it names no data set
MOST_ENTRIES = 250_000  # of the series of all trainings; a ledger of them needs some 30 MB
MOST_INCIDENTS = 2_000  # kept separately; beyond, those of one kind are counted together
MOST_TEXT = 500  # characters, as the ledger's schema says
UNLIKE = (IncidentKind.traceback, IncidentKind.error_logged, IncidentKind.complaint)  # each has a text of its own

# The configured keys of zk0 that other programs call something else.
KEYS = {
    "mu": "proximal-mu",
    "prox-mu": "proximal-mu",
    "lr": "learning-rate",
    "initial-lr": "learning-rate",
    "local-epochs": "local-steps",
    "num-server-rounds": "rounds",
    "num-rounds": "rounds",
    "fraction-fit": "fraction-train",
    "optimizer-lr": "learning-rate",
    "max-grad-norm": "clip-norm",
    "grad-clip-norm": "clip-norm",
}


class RunBuilder:
    """Collects what is known of one run."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.notes: list[str] = []
        self.trainings: dict[tuple[str, int], TrainingRecord] = {}
        self.aggregations: dict[int, AggregationRecord] = {}
        self.evaluations: dict[tuple[str, int], Evaluation] = {}
        self.decisions: dict[tuple[object, ...], Decision] = {}
        self.incidents: dict[tuple[object, ...], Incident] = {}
        self.counts: Counter[tuple[object, ...]] = Counter()
        self.progress = ProgressCounts()
        self.evaluation_replies: dict[int, EvaluationReplies] = {}
        self.logs: list[LogRead] = []
        self._times: dict[tuple[object, ...], tuple[str, str]] = {}
        self._lines: dict[tuple[object, ...], int | None] = {}
        self._marks: dict[tuple[object, ...], Callable[[], int]] = {}
        self.closed: RunClosed | None = None
        self._seen: dict[object, None] = {}
        self._unchecked = 0  # trainings since their series were last thinned

    @property
    def has_begun(self) -> bool:
        """True where anything of a round is known."""
        return bool(self.trainings or self.aggregations or self.evaluations or self.closed)

    def note(self, text: str) -> None:
        """Add a note on how the ledger was read, once."""
        if text not in self.notes:
            self.notes.append(text)

    def training(self, client: str, number: int | None, *, file: str, at: str) -> TrainingRecord:
        """Return the record of a client's round that begins here; without a number the next one is counted."""
        if number is None:
            # Another file's account of the same client counts by itself: both begin at 1 and meet.
            number = 1 + max(
                (one.round for one in self.trainings.values() if (one.client, one.file) == (client, file)), default=0
            )
            self.note(f"no line numbers the rounds of {client}: they are counted in the order of its trainings")
        known = self.trainings.get((client, number))
        if known is not None and known.file == file and known.series:
            self.note(f"{client} trained more than once in round {number}: the last time counts")
            known = None
        if known is None:
            known = self.trainings[client, number] = TrainingRecord(client, number, file, at)
            self._unchecked += 1
            if self._unchecked > max(16, len(self.trainings) // 8):  # the more there are, the less a few more matter
                self._unchecked = 0
                self.bound()
        return known

    def bound(self) -> None:
        """Thin the longest series until all of them fit into the memory they may take."""
        records = self.trainings.values()
        while sum(one.entries for one in records) > MOST_ENTRIES:
            longest = max(one.entries for one in records)
            for one in records:
                if one.entries > max(longest // 2, 4):
                    one.halve()
            if longest <= 4:  # noqa: PLR2004  one window of the smallest and the largest
                return

    def aggregation(self, number: int, at: str) -> AggregationRecord:
        """Return the record of a round at the server."""
        return self.aggregations.setdefault(number, AggregationRecord(number, at))

    def count(
        self, unit: Unit, reached: float | None, planned: float | None = None, *, client: str | None = None
    ) -> None:
        """Keep how far the run is, and how far it is to go; what begins again has not ended."""
        if self.progress.add(unit, reached, planned, client):
            self.closed = None

    def add_evaluation_replies(self, number: int, answered: int, failed: int, *, at: str) -> None:
        """Keep how many clients answered the evaluation of a round."""
        self.evaluation_replies[number] = EvaluationReplies(
            round=number, answered=answered, failed=failed, read_from=at
        )

    def time(self, text: str) -> datetime | None:
        """Return the time that a line prints; None where it is none, or has no date."""
        return parse_time(text) if text else None

    def add_evaluation(
        self,
        number: int,
        loss: float | None,
        *,
        at: str,
        dataset: str = SERVER,
        frames: int | None = None,
        missing: str | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Keep the loss of a round's parameters on a data set."""
        if loss is not None and not math.isfinite(loss):
            loss, missing = None, NOT_FINITE
        known = self.evaluations.get((dataset, number))
        finite = {name: value for name, value in (metrics or {}).items() if math.isfinite(value)}
        if known is not None:  # another line on it: whatever was first counts
            finite |= known.metrics
            if known.loss is not None or (loss is None and missing != NOT_FINITE):
                update = {"frames": known.frames or frames, "metrics": finite}
                self.evaluations[dataset, number] = known.model_copy(update=update)
                return
        self.evaluations[dataset, number] = Evaluation(
            round=number,
            dataset=dataset,
            role="held-out",
            loss=loss,
            frames=frames,
            digest=None,
            metrics=finite,
            missing={"loss": missing} if missing else {},
            read_from=at,
        )

    def add_decision(
        self, number: int, settings: Mapping[str, Value], *, at: str, client: str | None = None, reason: str = ""
    ) -> None:
        """Keep what the server decided; round 0 is before the first."""
        chosen = {key: self._open(key, value, at) for key, value in canonical(settings).items()}
        if chosen:
            key = (number, client, tuple(sorted(chosen.items(), key=str)), reason)
            self.decisions.setdefault(
                key,
                Decision(round=number, client=client, settings=chosen, reason=reason[:MOST_TEXT], read_from=at),
            )

    def add_incident(
        self,
        kind: IncidentKind,
        text: str,
        *,
        at: str,
        number: int | None = None,
        client: str | None = None,
        when: str = "",
        count: int = 1,
        since: Callable[[], int] | None = None,
        **more: Any,
    ) -> None:
        """Keep an incident; the same line with the same time (`when`) is the same incident.

        `since` counts what was measured after it, once all is read.
        """
        text = self.redact(text, at, number=number, client=client, when=when)
        if when:
            same = hash((kind, when, text))
            if same in self._seen:
                return
            self._seen[same] = None
            if len(self._seen) > 10 * MOST_INCIDENTS:
                del self._seen[next(iter(self._seen))]
        # Lines that differ behind a colon are one incident (`… due to decoding error: …`), exceptions are not.
        alike = text if kind in UNLIKE else text.partition(":")[0]
        key: tuple[object, ...] = (kind, client, number, alike[:80])
        if key not in self.incidents and len(self.incidents) >= MOST_INCIDENTS:
            key = (kind,)
        self.counts[key] += count
        if since is not None:
            self._marks[key] = since
        known = self.incidents.get(key)
        if known is None:
            known = Incident(kind=kind, round=number, client=client, text=text[:MOST_TEXT], read_from=at, **more)
            self._times[key] = (when, when)
        elif when:
            self._times[key] = (self._times[key][0] or when, when)
        if kind is IncidentKind.scale_lowered:  # the last scale is the one that says something
            known = known.model_copy(update={"text": text[:MOST_TEXT]})
        self._lines[key] = more.get("line")
        self.incidents[key] = known

    def redact(
        self, text: str, at: str, *, number: int | None = None, client: str | None = None, when: str = ""
    ) -> str:
        """Return a text without its secrets; each of them is an incident."""
        if not may_hold_secrets(text):
            return text
        line = text.replace("\n", " ")
        found = find_secrets(line)
        for secret in found:
            self._secret(secret.kind, at, number=number, client=client, when=when)
        cut, passwords = without_stated_values(without_secrets(line) if found else text)
        for name in passwords:
            self._secret(name, at, number=number, client=client, when=when)
        return cut

    def _open(self, key: str, value: Value, at: str) -> Value:
        if not isinstance(value, str):
            return value
        if value and is_secret_name(key.replace("-", "_")):
            self._secret(key, at)
            return "[secret]"
        return self.redact(value, at)

    def _secret(self, kind: str, at: str, **where: Any) -> None:
        self.add_incident(IncidentKind.secret_shown, f"{kind}, whose value is cut out here", at=at, **where)

    def close(self, rounds: int, *, at: str) -> None:
        """Keep that the run ended well, which its log says once."""
        self.closed = self.closed or RunClosed(outcome="done", rounds=rounds, reason=f"read from {at}")

    def ledger(self) -> Ledger:
        """Return the run as a ledger, round by round."""
        self.bound()
        self._one_length_of_digests()
        events: list[tuple[int, int, Event]] = []
        events += [(one.round, 0, one) for one in self.decisions.values()]
        events += [(one.round, 1, one.event()) for one in self.trainings.values() if one.steps]
        for record in self.aggregations.values():
            trained = {one.client: one for one in self.trainings.values() if one.round == record.round}
            events.append((record.round, 2, record.event(trained)))
        events += [(one.round, 3, one) for one in self.evaluations.values()]
        events += [(one.round, 3, one) for one in self.evaluation_replies.values()]
        last = max((number for number, _, _ in events), default=0)
        for key, incident in self.incidents.items():
            first, latest = self._times.get(key, ("", ""))
            found = incident.model_copy(
                update={
                    "count": self.counts[key],
                    "line": self._lines.get(key),
                    "first_at": self.time(first),
                    "last_at": self.time(latest),
                    "progress_after": max(self._marks.get(key, int)(), 0),
                }
            )
            events.append((last if found.round is None else found.round, 4, found))
        events.sort(key=lambda entry: entry[:2])
        closing: list[Event] = list(self.progress.events())
        closing += self.logs if events or closing or self.closed else []
        closing += [self.closed] if self.closed else []
        return Ledger((*(event for _, _, event in events), *closing), self.name)

    def _one_length_of_digests(self) -> None:
        """Cut digests to the length of the shortest: one log prints 8 digits where another prints 16."""
        records: list[TrainingRecord | AggregationRecord] = [*self.trainings.values(), *self.aggregations.values()]
        found = [digest for one in records for digest in (one.digest_in, one.digest_out) if digest]
        shortest = min(map(len, found), default=0)
        if any(len(digest) != shortest for digest in found):
            self.note(f"digests are compared by their first {shortest} digits, which is all that some lines print")
            for one in records:
                one.digest_in = one.digest_in[:shortest] if one.digest_in else None
                one.digest_out = one.digest_out[:shortest] if one.digest_out else None


def canonical(settings: Mapping[str, Value]) -> dict[str, Value]:
    """Return settings under zk0's own keys."""
    found: dict[str, Value] = {}
    for key, value in settings.items():
        name = key.replace("_", "-")
        found[KEYS.get(name, name)] = value
    return found


def client_name(name: str) -> str:
    """Return what a client is called: `client 1` for `1`, `client_1` and `client-1`, else its own name."""
    bare = re.sub(r"^client[_\- ]?(?=\w)", "", name.strip(), flags=re.IGNORECASE)
    return f"client {bare}" if bare.isdigit() else bare or name
