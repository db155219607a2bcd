"""Flower's FedAvg and FedProx with seeded sampling, checked replies and a ledger event for each round.

Flower's strategies do the rest (messages, the order of a round, proximal-mu in the train configuration, metrics):
`CheckedStrategy` comes first in the order of inheritance and replaces only their sampling and their average.
"""

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from flwr.app import ArrayRecord, ConfigRecord, Message, Metadata, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import FedAvg, FedProx
from flwr.serverapp.strategy.strategy_utils import aggregate_metricrecords
from pydantic import ValidationError

from zk0.core.errors import RoundFailedError
from zk0.federation.adaptive import AdaptiveMu
from zk0.federation.aggregation import ClientUpdate, split_updates, with_momentum
from zk0.federation.compression import received_arrays
from zk0.federation.configuration import RunConfig
from zk0.federation.exchange import Arrays, to_arrays, to_record
from zk0.federation.geometry import measure
from zk0.federation.messages import ARRAYS, CONFIG, METRICS, WEIGHT, Assignment, RoundReport, answerer, pack, unpack
from zk0.federation.rules import RuleResult, combine, select
from zk0.ledger import Aggregation, Decision, LedgerWriter, RejectedReply, Reply, Resources, Training, read_ledger
from zk0.training.parameters import digest_of
from zk0.training.seeds import seed_of


@dataclass
class Federation:
    """The strategy's view of a run: its clients, its ledger, and how many rounds were done before.

    `before` are the tensors that the round before the last one sent, for the server's momentum; empty at the start.
    """

    clients: Mapping[int, str]  # node id -> name
    config: RunConfig
    ledger: LedgerWriter
    statistics: dict[str, dict[str, list[float]]]
    completed: int = 0
    before: Arrays = field(default_factory=dict)
    sent: Arrays = field(default_factory=dict)  # of the round in progress, as are the five below
    digest_sent: str = ""
    sampled: list[int] = field(default_factory=list)
    trained: list[Training] = field(default_factory=list)
    asked: list[Metadata] = field(default_factory=list)
    started: float = 0.0


class CheckedStrategy(FedAvg):
    """The shared part of both strategies."""

    federation: Federation

    def configure_train(
        self,
        server_round: int,
        arrays: ArrayRecord,
        config: ConfigRecord,
        grid: Grid,  # noqa: ARG002  see below
    ) -> Iterable[Message]:
        """Send a seeded sample of the clients the round, mu, the statistics and the digest of the tensors."""
        run = self.federation
        number = run.completed + server_round
        run.sent = to_arrays(arrays)
        run.digest_sent = digest_of(run.sent)
        run.sampled = self._sample(number)
        run.trained = []
        run.started = time.monotonic()
        config.update(pack(Assignment(digest=run.digest_sent, statistics=run.statistics)))
        # Flower's strategies ask a grid for its nodes and sample them; these are the sample already.
        chosen = cast("Grid", SimpleNamespace(get_node_ids=lambda: run.sampled))
        messages = super().configure_train(number, arrays, config, chosen)
        ordered = sorted(messages, key=lambda message: run.clients[message.metadata.dst_node_id])
        run.asked = [message.metadata for message in ordered]
        return ordered

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Aggregate the valid replies by the configured rule.

        Raises:
            RoundFailedError: too few are valid; the global tensors are neither kept silently nor emptied.
        """
        run = self.federation
        number = run.completed + server_round
        answered = {answerer(message, run.asked): message for message in replies}
        updates, refused = self._read(answered)
        found = select(*split_updates(updates, run.sent, run.digest_sent), run.sent, run.config)
        rejected = sorted([*refused, *found.refused], key=lambda reply: reply.client)
        names = {update.client for update in found.accepted}
        run.trained = [training for training in run.trained if training.client in names]
        if found.too_few:
            run.ledger.write(self._failed_event(number, rejected, found.too_few))
            reasons = "; ".join(f"{reply.client}: {reply.reason}" for reply in rejected) or "nobody answered"
            raise RoundFailedError(
                f"round {number} has {found.too_few} ({reasons})",
                remedy="repair the clients, then resume from the last checkpoint with resume=true",
            )
        made = combine(run.config.aggregation, found.accepted, run.sent, found.faulty)
        share = run.config.server_momentum
        arrays = with_momentum(made.arrays, run.sent, run.before, share) if share and run.before else made.arrays
        run.before = run.sent
        run.ledger.write(self._aggregation_event(number, made, found.accepted, rejected, digest_of(arrays)))
        metrics = [
            RecordDict({METRICS: message.content.metric_records[METRICS]})
            for node, message in answered.items()
            if run.clients[node] in names
        ]
        return to_record(arrays), aggregate_metricrecords(metrics, WEIGHT)

    def _failed_event(self, number: int, rejected: list[RejectedReply], reason: str) -> Aggregation:
        """Return the event of a round that has no aggregate."""
        run = self.federation
        return Aggregation(
            round=number,
            rule=run.config.aggregation,
            sampled=sorted(run.clients[node] for node in run.sampled),
            accepted=[],
            rejected=rejected,
            digest_in=run.digest_sent,
            digest_out=None,
            update_norm=None,
            missing=dict.fromkeys(("digest_out", "update_norm"), reason),
            resources=Resources(seconds=time.monotonic() - run.started),
        )

    def _aggregation_event(
        self,
        number: int,
        made: RuleResult,
        accepted: Sequence[ClientUpdate],
        rejected: list[RejectedReply],
        digest: str,
    ) -> Aggregation:
        """Return a round's aggregation as a ledger event; `digest` is that of what the server goes on with.

        The other numbers describe what the rule made, before the server's momentum.
        """
        run = self.federation
        found = measure(made.arrays, accepted, run.sent, shares=made.shares, trimmed=made.trimmed)
        return Aggregation(
            round=number,
            rule=run.config.aggregation,
            trimmed=made.trimmed,
            sampled=sorted(run.clients[node] for node in run.sampled),
            accepted=[
                Reply(
                    client=update.client,
                    weight=share,
                    digest=update.digest_out,
                    update_norm=norm,
                    cosine=cosine,
                    size=update.size,
                )
                for update, share, norm, cosine in zip(
                    accepted, made.shares, found.update_norms, found.cosines, strict=True
                )
            ],
            rejected=rejected,
            digest_in=run.digest_sent,
            digest_out=digest,
            update_norm=found.update_norm,
            weight_norm=found.weight_norm,
            deviation=found.deviation,
            outside=found.outside,
            not_finite=found.not_finite,
            tensors=len(made.arrays),
            dtypes=sorted({str(array.dtype) for array in made.arrays.values()}),
            bits=found.bits,
            resources=Resources(seconds=time.monotonic() - run.started),
        )

    def _sample(self, number: int) -> list[int]:
        run = self.federation
        by_name = sorted(run.clients, key=run.clients.__getitem__)
        generator = random.Random(seed_of(run.config.seed, "sampling", number))  # noqa: S311  # must be reproducible
        return generator.sample(by_name, run.config.sample_size(len(by_name)))

    def _read(self, answered: Mapping[int, Message]) -> tuple[list[ClientUpdate], list[RejectedReply]]:
        """Return the readable replies, after writing their events to the ledger, and the others with their reasons."""
        run = self.federation
        updates: list[ClientUpdate] = []
        refused: list[RejectedReply] = []
        for node in sorted(run.sampled, key=run.clients.__getitem__):
            name = run.clients[node]
            message = answered.get(node)
            if message is None:
                refused.append(RejectedReply(client=name, reason=f"no reply in {run.config.round_seconds:g} s"))
                continue
            if message.has_error():
                refused.append(RejectedReply(client=name, reason=message.error.reason or "an error without a reason"))
                continue
            try:
                training = unpack(RoundReport, message.content).training
                record = message.content.array_records[ARRAYS]
                update = ClientUpdate(
                    client=name,
                    arrays=received_arrays(record, run.sent),
                    weight=float(message.content.metric_records[METRICS][WEIGHT]),  # type: ignore[arg-type]
                    digest_in=training.digest_in,
                    digest_out=training.digest_out,
                    size=sum(len(array.data) for array in record.values()),
                )
            except (KeyError, ValueError, ValidationError) as error:
                refused.append(RejectedReply(client=name, reason=f"the reply is incomplete: {error}"))
                continue
            run.ledger.write(training)
            run.trained.append(training)
            updates.append(update)
        return updates, refused


class CheckedFedAvg(CheckedStrategy):
    """McMahan et al. 2017, https://arxiv.org/abs/1602.05629."""


class CheckedFedProx(CheckedStrategy, FedProx):
    """Li et al. 2020, https://arxiv.org/abs/1812.06127; the term itself is the client's, `zk0.training.fedprox`."""


class AdaptiveFedProx(CheckedFedProx):
    """FedProx with a mu that is decided before every round; each decision is in the ledger."""

    rule: AdaptiveMu

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Send this round's mu to all clients."""
        run = self.federation
        self.proximal_mu = self.rule.mu
        number = run.completed + server_round
        decided = {"proximal-mu": self.rule.mu}
        run.ledger.write(Decision(round=number, client=None, settings=decided, reason=self.rule.reason))
        return super().configure_train(server_round, arrays, config, grid)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Average the replies, and decide on the next round's mu by the clients' losses."""
        aggregate = super().aggregate_train(server_round, replies)
        self.rule.observe({training.client: training.policy_loss for training in self.federation.trained})
        return aggregate


def _rule_of(federation: Federation) -> AdaptiveMu:
    """Return the rule as it is after the completed rounds, which a resumed run has in its ledger."""
    rule = AdaptiveMu(federation.config.proximal_mu)
    if federation.completed:
        ledger = read_ledger(federation.ledger.path)
        for aggregation in ledger.aggregations[: federation.completed]:
            names = {reply.client for reply in aggregation.accepted}
            rule.observe(
                {
                    one.client: one.policy_loss
                    for one in ledger.trainings
                    if one.round == aggregation.round and one.client in names
                }
            )
    return rule


def strategy_of(federation: Federation) -> CheckedStrategy:
    """Return the configured strategy."""
    # `CheckedStrategy` samples and checks the minimum; Flower's strategies accept every client they get.
    common: dict[str, Any] = {
        "fraction_evaluate": 0.0,
        "min_train_nodes": 1,
        "min_available_nodes": 1,
        "arrayrecord_key": ARRAYS,
        "configrecord_key": CONFIG,
        "weighted_by_key": WEIGHT,
    }
    mu = federation.config.proximal_mu
    strategy: CheckedStrategy
    if federation.config.adaptive_mu:
        strategy = AdaptiveFedProx(**common, proximal_mu=mu)
        strategy.rule = _rule_of(federation)
    elif federation.config.strategy == "fedprox":
        strategy = CheckedFedProx(**common, proximal_mu=mu)
    else:
        strategy = CheckedFedAvg(**common)
    strategy.federation = federation
    return strategy
