"""A step probes code and its check judges it; `accept` probes what an agent left behind."""

from pathlib import Path

import pytest

from zk0.actions.probe import ProbeInputs, ProbeOutputs, proximal
from zk0.core.checks import CHECKS, CheckContext
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Verdict, failed, not_available, passed, warned
from zk0.probes import Probe
from zk0.workflow.actions import Outputs
from zk0.workflow.attempt import AskOutputs

WRONG = (
    "def term(model, global_params, mu):\n"
    "    return mu * sum(((p - g) ** 2).sum() for p, g in zip(model.parameters(), global_params, strict=True))\n"
)


def outputs(*findings, probe=Probe.proximal):
    return ProbeOutputs(probe=probe, target="a.py:b", findings=list(findings), faults=[], root=None, table=[])


def point(finding, name):
    return finding.model_copy(update={"check": f"probe.proximal.{name}"})


def conforms(given: Outputs, **options):
    return CHECKS.get("proximal.conforms").run(CheckContext(Project.find(), given), options)


@pytest.mark.slow  # two probes, each with PyTorch in a process of its own
def test_a_repair_is_accepted_when_the_code_conforms(context, monkeypatch):
    monkeypatch.chdir(context.project.root)
    file = Path(context.project.root) / "losses.py"
    (context.project.root / "pyproject.toml").touch()
    file.write_text(WRONG)

    found = proximal(ProbeInputs(target="losses.py:term"), context)
    assert found.faults[0] == "proximal-formula"
    [first, *_] = conforms(found)
    assert (first.check, first.verdict, first.workflow) == ("proximal.conforms", Verdict.failed, "fedprox-debug")
    assert first.message.startswith("gradient: the term's gradient is 2 times mu * (w - w_round)")

    file.write_text(WRONG.replace("return mu *", "return mu / 2 *"))
    judged = conforms(AskOutputs(handover=file), target="losses.py:term")
    assert {finding.verdict for finding in judged} <= {Verdict.passed, Verdict.warned}
    assert judged[-1].message.endswith("points hold")


def test_what_can_t_be_tested_does_not_stand_in_the_way():
    [finding] = conforms(outputs(point(passed("right"), "gradient"), point(not_available("takes no mu"), "mu")))

    assert (finding.verdict, finding.message) == (Verdict.passed, "1 of 2 points hold")


def test_a_term_whose_gradient_can_t_be_told_is_not_accepted():
    [finding] = conforms(outputs(point(not_available("saw 1 step"), "gradient"), point(passed("fine"), "frozen")))

    assert (finding.verdict, finding.message) == (Verdict.not_available, "unknown: saw 1 step")


def test_warnings_are_shown_and_accepted():
    doubt = warned("frozen tensors are in it", evidence=[Evidence(name="a", value=1)], fault="proximal-frozen")

    shown, summary = conforms(outputs(point(passed("right"), "gradient"), point(doubt, "frozen")))

    assert (shown.verdict, shown.message) == (Verdict.warned, "frozen: frozen tensors are in it")
    assert summary.verdict is Verdict.passed


def test_a_failed_point_leaves_no_pass_beside_it():
    findings = conforms(outputs(point(passed("right"), "gradient"), point(failed("moves"), "frozen")))

    assert [finding.verdict for finding in findings] == [Verdict.failed]


def test_a_check_without_a_target_on_another_step_can_t_tell():
    [finding] = conforms(AskOutputs(handover=Path("handover.md")))

    assert finding.verdict is Verdict.not_available
    assert "proximal.conforms: {target: file.py:name}" in finding.message


@pytest.mark.parametrize("name", ["proximal.conforms", "aggregation.conforms", "exchange.conforms"])
def test_any_step_may_be_judged_by_a_probe(name):
    check = CHECKS.get(name)

    assert Outputs in [subject.type for subject in check.subjects]
    assert set(check.options.model_fields) == {"target", "strict"}


def test_zk0_s_own_code_is_not_probed_for_a_project_with_another_app(context, levers):
    levers(context.project.root)

    found = proximal(ProbeInputs(target="zk0.training.fedprox:ProximalTerm"), context)

    [finding] = found.findings
    assert (finding.verdict, "-i target=" in finding.message) == ("not-available", True)
