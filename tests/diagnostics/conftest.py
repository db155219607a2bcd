"""Small hand-made ledgers: a test names what it is about, everything else is filled in."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zk0.core.checks import CHECKS
from zk0.core.git import GitState
from zk0.core.verdicts import Finding
from zk0.diagnostics.diagnosis import Diagnosis, diagnose, run_check
from zk0.ledger import Aggregation, Evaluation, Ledger, RejectedReply, Reply, RunOpened, Setting, Training
from zk0.ledger.importers import import_ledgers

SERIES = (
    "policy_loss",
    "proximal_loss",
    "total_loss",
    "gradient_norm",
    "proximal_ratio",
    "learning_rate",
    "drift",
)


class Events:
    """Makes the events of a ledger."""

    @staticmethod
    def opened(**configuration: Any) -> RunOpened:
        return RunOpened(
            seed=0,
            configuration={
                key.replace("_", "-"): Setting(value=value, source="run-config") for key, value in configuration.items()
            },
            git=GitState(),
            versions={},
            clients=[],
            parameters=10,
            trainable=10,
            tensors=1,
            frozen_digest="f",
            statistics_digest="s",
        )

    @staticmethod
    def training(client: str = "left", round: int = 1, **fields: Any) -> Training:  # noqa: A002  the ledger's word
        given = {name: list(fields.pop(name)) for name in SERIES if name in fields}
        steps = max((len(series) for series in given.values()), default=2)
        values = {"settings": {}, "update_norm": {}, "digest_in": "sent", "digest_out": "trained"} | fields
        return Training(
            round=round,
            client=client,
            partition=0,
            steps=steps,
            batch_size=1,
            examples=1,
            **{name: [None] * steps for name in SERIES} | given,
            **values,
        )

    @staticmethod
    def proximal(series: list[float | None], mu: float = 0.1, **fields: Any) -> Training:
        """Make a client's round of which the proximal term is known."""
        return Events.training(proximal_loss=series, settings={"proximal-mu": mu}, **fields)

    @staticmethod
    def aggregation(
        round: int = 1,  # noqa: A002
        sent: str = "sent",
        aggregated: str | None = "aggregated",
        *,
        norm: float | None = 1.5,
        accepted: tuple[str, ...] = ("left",),
        rejected: dict[str, str] | None = None,
    ) -> Aggregation:
        refused = rejected or {}
        return Aggregation(
            round=round,
            sampled=[*accepted, *refused],
            accepted=[Reply(client=name, weight=1 / len(accepted), digest="trained") for name in accepted],
            rejected=[RejectedReply(client=name, reason=reason) for name, reason in refused.items()],
            digest_in=sent,
            digest_out=aggregated,
            update_norm=norm,
        )

    @staticmethod
    def evaluations(*losses: float | None, dataset: str = "left", role: str = "held-out") -> list[Evaluation]:
        """Make one evaluation a round, beginning with the untrained policy."""
        return [
            Evaluation(round=number, dataset=dataset, role=role, loss=loss, frames=30, digest="d")
            for number, loss in enumerate(losses)
        ]


@pytest.fixture(scope="session")
def events() -> type[Events]:
    return Events


@pytest.fixture(scope="session")
def judge() -> Callable[..., list[Finding]]:
    """Judge the ledger of these events by the diagnostic of this name."""

    def judged(name: str, *events: Any, **options: Any) -> list[Finding]:
        return list(run_check(CHECKS.get(name), Ledger(events), **options))

    return judged


@pytest.fixture(scope="session")
def numbers() -> Callable[[Finding], dict[str, Any]]:
    """Return the evidence of a finding, each value by its name."""
    return lambda finding: {one.name: one.value for one in finding.evidence}


@pytest.fixture
def diagnose_text(tmp_path: Path) -> Callable[[str], Diagnosis]:
    """Return a function that reads a text as a log, and diagnoses it."""

    def said_of(text: str) -> Diagnosis:
        (tmp_path / "run.log").write_text(text)
        [imported] = import_ledgers([tmp_path / "run.log"])
        return diagnose(imported.ledger)

    return said_of
