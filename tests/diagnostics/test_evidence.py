"""A diagnostic is found by its name, reads the ledger that a step has written, and never passes without evidence."""

import pkgutil
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace

import pytest

import zk0.diagnostics
from zk0.core.checks import CHECKS, CheckContext
from zk0.core.errors import LedgerError
from zk0.core.project import Project
from zk0.core.verdicts import Verdict
from zk0.diagnostics.diagnosis import diagnostics
from zk0.diagnostics.series import where
from zk0.ledger import LedgerWriter

IDS = (
    "aggregation.complete",
    "aggregation.finite",
    "aggregation.one-client",
    "aggregation.range",
    "aggregation.type",
    "aggregation.weights",
    "clients.participation",
    "clients.starved",
    "configuration.delivered",
    "configuration.steps",
    "datasets.apart",
    "datasets.covered",
    "datasets.decoded",
    "datasets.rates",
    "datasets.spread",
    "datasets.units",
    "evaluation.beats-baseline",
    "evaluation.beyond-noise",
    "evaluation.comparable",
    "evaluation.drift",
    "evaluation.first-round",
    "evaluation.moves",
    "exceptions.raised",
    "generalisation.gap",
    "gradient.clipping",
    "gradient.exploding",
    "gradient.vanishing",
    "incidents.claims",
    "incidents.clients",
    "incidents.data",
    "incidents.digests",
    "incidents.memory",
    "incidents.programs",
    "incidents.secrets",
    "incidents.sentinels",
    "incidents.steps",
    "learning-rate.as-configured",
    "learning-rate.lasts",
    "learning-rate.restarts",
    "learning-rate.warm-up",
    "learning-rate.zero",
    "loss.explodes",
    "loss.finite",
    "loss.jumps",
    "loss.magnitude",
    "loss.parts",
    "loss.spikes",
    "loss.trend",
    "memory.fragmentation",
    "memory.leak",
    "mu.diverges",
    "mu.strength",
    "parameters.drift",
    "parameters.frozen",
    "parameters.modules",
    "parameters.trained",
    "precision.loss-scale",
    "progress.ended",
    "progress.loading",
    "progress.stopped",
    "progress.waiting",
    "proximal.acts",
    "proximal.formula",
    "proximal.gradient",
    "reinforcement.critic",
    "reinforcement.updates",
    "reported.errors",
    "reward.evaluated",
    "reward.holds",
    "reward.rises",
    "rounds.parameters-move",
    "rounds.start-losses",
    "scores.above-chance",
    "scores.above-zero",
    "scores.finite",
    "scores.improve",
    "scores.replies",
    "scores.steady",
    "sentinels.values",
)


def wrote(ledger: Path) -> CheckContext:
    return CheckContext(Project(ledger.parent), SimpleNamespace(ledger=ledger))


def test_every_module_of_diagnostics_is_an_entry_point():
    modules = {name for _, name, _ in pkgutil.iter_modules(zk0.diagnostics.__path__, "zk0.diagnostics.")}

    registered = {found.value for found in entry_points(group="zk0.checks")}

    others = (
        *(
            "accuracies",
            "causes",
            "chains",
            "diagnosis",
            "flow",
            "jumps",
            "known",
            "meanings",
            "not_finite",
            "nothing_learnt",
            "outcome",
            "ranks",
            "recognition",
            "series",
            "spikes",
            "trends",
        ),
    )
    assert modules - registered == {f"zk0.diagnostics.{name}" for name in others}


def test_these_are_all_diagnostics():
    found = [name for name in diagnostics() if CHECKS.get(name).function.__module__.startswith("zk0.diagnostics.")]

    assert tuple(found) == IDS


@pytest.mark.parametrize("name", IDS)
def test_a_ledger_without_evidence_is_not_available(judge, name):
    [finding] = judge(name)

    assert finding.verdict is Verdict.not_available
    assert finding.message


@pytest.mark.parametrize("name", IDS)
def test_an_unknown_option_is_refused(name):
    with pytest.raises(ValueError, match="thoroughly"):
        CHECKS.get(name).options.model_validate({"thoroughly": True})


def test_a_diagnostic_reads_the_ledger_that_the_step_has_written(events, tmp_path):
    writer = LedgerWriter(tmp_path / "ledger.jsonl")
    for event in events.evaluations(0.15, 0.12):
        writer.write(event)

    [finding] = CHECKS.get("evaluation.beats-baseline").run(wrote(writer.path), {"ratio": 0.9})

    assert (finding.check, finding.verdict) == ("evaluation.beats-baseline", Verdict.passed)


def test_a_step_without_a_ledger_can_t_be_judged(tmp_path: Path):
    with pytest.raises(LedgerError, match="no ledger at"):
        CHECKS.get("loss.finite").run(wrote(tmp_path / "ledger.jsonl"), {})


def test_a_client_s_round_is_called_by_client_and_round(events):
    assert where(events.training("left", 3)) == "left, round 3"


def test_the_page_on_diagnosis_tells_of_each():
    page = (Path(__file__).parents[2] / "docs" / "diagnostics-reference.md").read_text(encoding="utf-8")

    assert [name for name in IDS if f"| `{name}`" not in page] == []
