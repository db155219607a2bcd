"""The ledger of an app's run, from what was observed between its server and its clients.

What a client says of its training (its loss, its number of examples) is read from its replies; digests and distances
were measured by zk0. What nobody measured is null with its reason.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

from zk0.ledger import Ledger, LedgerWriter
from zk0.ledger.importers.metric_names import evaluation_loss, training_summary
from zk0.ledger.importers.run_builder import canonical
from zk0.ledger.importers.score_names import plain
from zk0.ledger.schema import (
    OPTIONAL_SERIES,
    SERIES,
    Aggregation,
    Evaluation,
    Event,
    Faults,
    RejectedReply,
    Reply,
    Resources,
    RunClosed,
    Training,
    Value,
)

UNOBSERVED = "the server's messages do not show it"
OF_ROUND = "only the mean of the round is in the client's reply"
LONGEST = 300  # characters of a reason


@dataclass(frozen=True)
class AppError:
    """An exception of an app: where it happened, its type and text, and the last own line that it came through."""

    where: str
    type: str
    message: str
    at: str
    module: str | None = None

    @property
    def sentence(self) -> str:
        """What happened, in one line."""
        return f"{self.type}: {self.message}".partition("\n")[0].rstrip(": ")


@dataclass(frozen=True)
class Observed:
    """What was observed of a run, in the order in which it happened."""

    records: tuple[Mapping[str, Any], ...]

    @classmethod
    def read(cls, file: Path) -> "Observed":
        """Read the events that the harness wrote; a line that was cut off is left out."""
        lines = file.read_text(encoding="utf-8").split("\n")[:-1] if file.is_file() else []
        return cls(tuple(json.loads(line) for line in lines))

    def _of(self, event: str) -> list[Mapping[str, Any]]:
        return [record for record in self.records if record["event"] == event]

    @property
    def versions(self) -> dict[str, str]:
        """The versions of Flower and Python, if the app got as far as that."""
        return {name: str(one[name]) for one in self._of("opened") for name in ("flwr", "python")}

    @property
    def errors(self) -> list[AppError]:
        """The exceptions, of the server and of clients."""
        return [AppError(**{key: one[key] for key in AppError.__annotations__}) for one in self._of("error")]

    @property
    def exit_status(self) -> int | None:
        """The status that the app itself ended the process with; None where it did not."""
        return next((int(one["status"]) for one in self._of("exit")), None)

    @property
    def executed(self) -> list[str] | None:
        """The functions of the project that were executed, as `file:name`; None where that was not observed."""
        return next((one["functions"] for one in self._of("executed")), None)

    @property
    def ended(self) -> bool:
        """Whether the server came to its end."""
        return bool(self._of("ended"))

    @cached_property
    def messages(self) -> list[Mapping[str, Any]]:
        """The messages that carry parameters or metrics of a round."""
        return [one for one in self._of("message") if one["kind"] in ("train", "evaluate")]

    @property
    def rounds(self) -> list[int]:
        """The rounds in which a client got parameters, and returned others."""
        return sorted({one["round"] for one in self.messages if one["kind"] == "train" and _trained(one)})

    @property
    def clients(self) -> int:
        """The number of clients that trained."""
        return len({one["node"] for one in self.messages if one["kind"] == "train" and _trained(one)})


def _trained(message: Mapping[str, Any]) -> bool:
    reply = message["reply"]
    return bool(reply and reply["digest"] and reply["digest"] != message["sent"]["digest"])


def write_ledger(observed: Observed, file: Path) -> None:
    """Write what was observed as a ledger."""
    file.unlink(missing_ok=True)
    writer = LedgerWriter(file)
    for event in ledger_events(observed):
        writer.write(event)


def ledger_events(observed: Observed) -> Iterator[Event]:
    """Yield the events of a run, round by round."""
    numbers = list(dict.fromkeys(one["round"] for one in observed.messages))
    for number in sorted(numbers):
        own = [one for one in observed.messages if one["round"] == number]
        trained = sorted((one for one in own if one["kind"] == "train"), key=lambda one: one["node"])
        yield from (_training(one) for one in trained if one["reply"])
        if trained:
            yield _aggregation(number, trained, observed)
        yield from _evaluations(number, (one for one in own if one["kind"] == "evaluate"))
    done = observed.ended and not observed.exit_status
    reason = None if done else next((one.sentence for one in observed.errors), "it did not come to its end")
    yield RunClosed(outcome="done" if done else "failed", rounds=len(observed.rounds), reason=reason)


def _client(message: Mapping[str, Any]) -> str:
    return f"client {message['node']}"


def _training(message: Mapping[str, Any]) -> Training:
    reply = message["reply"]
    said = training_summary(reply["values"])
    if not {"policy_loss", "total_loss"} & said.keys() and (loss := _only_loss(reply["values"])) is not None:
        said["policy_loss"] = loss
    series: dict[str, list[float | None]] = {name: [said.get(name)] for name in SERIES if name not in OPTIONAL_SERIES}
    missing = {name: UNOBSERVED for name, values in series.items() if name not in said}
    examples = reply["examples"]
    return Training(
        round=message["round"],
        client=_client(message),
        partition=message["node"],
        steps=1,
        batch_size=None,
        examples=int(examples) if isinstance(examples, int | float) and examples > 0 else None,
        settings=_settings(message["sent"]["values"]),
        **series,
        update_norm={"all": reply["moved"]},
        digest_in=message["sent"]["digest"] or None,
        digest_out=reply["digest"] or None,
        faults=Faults(non_finite_losses=sum(value != value or abs(value) == float("inf") for value in said.values())),  # noqa: PLR0124  NaN
        missing={"steps": OF_ROUND, **missing},
        resources=Resources(seconds=message["seconds"], peak_memory=message["peak_memory"]),
    )


def _only_loss(values: Mapping[str, Value]) -> float | None:
    """Return the one metric that is a loss by its name, such as `test_logloss`; None where there are several."""
    found = [value for key, value in values.items() if plain(key).endswith("loss") and isinstance(value, int | float)]
    return float(found[0]) if len(found) == 1 else None


def _settings(values: Mapping[str, Value]) -> dict[str, Value]:
    return {key: value for key, value in canonical(values).items() if value == value}  # noqa: PLR0124  no NaN


def _aggregation(number: int, trained: list[Mapping[str, Any]], observed: Observed) -> Aggregation:
    sent = {one["sent"]["digest"] for one in trained}
    missing: dict[str, str] = {}
    digest_in = sent.pop() or None if len(sent) == 1 else None
    if digest_in is None:
        missing["digest_in"] = "the clients got different parameters, or none"
    after = _sent_after(number, trained, observed)
    digest_out = after["sent"]["digest"] if after else None
    if digest_out is None:
        missing["digest_out"] = "the server sent no parameters after this round"
    accepted = [one for one in trained if one["reply"] and one["reply"]["digest"]]
    return Aggregation(
        round=number,
        sampled=[_client(one) for one in trained],
        accepted=[
            Reply(
                client=_client(one), weight=None, digest=one["reply"]["digest"], update_norm=one["reply"]["moved"]
            )
            for one in accepted
        ],
        rejected=[
            RejectedReply(client=_client(one), reason=str(one["error"] or "its reply has no parameters")[:LONGEST])
            for one in trained
            if one not in accepted
        ],
        digest_in=digest_in,
        digest_out=digest_out,
        update_norm=None if after is None else after["sent"]["moved"] if digest_out != digest_in else 0.0,
        missing=missing,
    )  # fmt: skip


def _sent_after(number: int, trained: list[Mapping[str, Any]], observed: Observed) -> Mapping[str, Any] | None:
    """Return the first message with parameters after a round's last reply: what the server made of the replies."""
    of_round = {id(one) for one in trained}
    last = max(place for place, one in enumerate(observed.messages) if id(one) in of_round)
    later = (one for one in observed.messages[last + 1 :] if one["sent"]["digest"])
    return next((one for one in later if one["kind"] == "evaluate" or one["round"] != number), None)


def _evaluations(number: int, messages: Iterable[Mapping[str, Any]]) -> Iterator[Evaluation]:
    for one in messages:
        values = one["reply"]["values"] if one["reply"] else {}
        key, loss = evaluation_loss(values)
        if key is None and (loss := _only_loss(values)) is None:
            continue
        examples = one["reply"]["examples"]
        yield Evaluation(
            round=number,
            dataset=_client(one),
            role="held-out",
            loss=loss,
            frames=int(examples) if isinstance(examples, int | float) and examples > 0 else None,
            digest=one["sent"]["digest"] or None,
            missing={} if loss is not None else {"loss": "not a number"},
        )


@dataclass(frozen=True)
class LossChange:
    """The mean loss of the clients that reported one in both rounds; `kind` is `evaluation` or `training`."""

    kind: str
    first_round: int
    last_round: int
    first: float
    last: float


def change_of_loss(ledger: Ledger) -> LossChange | None:
    """Return the change from the first to the last round with a loss, of evaluations rather than of training."""
    evaluated = {(one.round, one.dataset): one.loss for one in ledger.evaluations}
    trained = {(one.round, one.client): one.policy_loss[0] or one.total_loss[0] for one in ledger.trainings}
    for kind, found in (("evaluation", evaluated), ("training", trained)):
        known = {key: loss for key, loss in found.items() if loss is not None}
        numbers = sorted({number for number, _ in known})
        if len(numbers) < 2:  # noqa: PLR2004  one round shows no change
            continue
        both = [name for number, name in known if number == numbers[0] and (numbers[-1], name) in known]
        if both:
            first, last = (fmean(known[number, name] for name in both) for number in (numbers[0], numbers[-1]))
            return LossChange(kind, numbers[0], numbers[-1], first, last)
    return None
