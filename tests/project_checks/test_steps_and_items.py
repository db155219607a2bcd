"""One model of checks: a check of the project or of a ledger judges a step of a workflow, or an item of a checklist."""

from textwrap import dedent

import pytest

from zk0.core.checks import CHECKS, CheckContext
from zk0.core.errors import AssetMissingError
from zk0.ledger import Evaluation, LedgerWriter
from zk0.workflow.engine import Engine
from zk0.workflow.inputs import resolve_inputs
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.loading import parse_workflow
from zk0.workflow.plan import plan

WORKFLOW = """\
name: look
title: Look at the project
purpose: To judge a step by checks of the project.
steps:
  - id: look
    title: Look
    run: ["true"]
    checks:
      - repository.committed
      - machine.disk: {gib: 0.001}
"""


def test_a_check_of_the_project_judges_a_step(small):
    small.commit()
    spec, problems = parse_workflow(WORKFLOW)
    assert spec, problems

    outcome = Engine(small.project, LiveEffects(small.project)).run(plan(spec, resolve_inputs(spec, {})))

    [step] = outcome.state.steps
    assert {finding.check: str(finding.verdict) for finding in step.receipt.findings} == {
        "repository.committed": "pass",
        "machine.disk": "pass",
    }


def test_a_diagnostic_on_a_step_without_a_ledger_is_refused_when_the_file_is_loaded():
    text = dedent(WORKFLOW).replace("- repository.committed", "- loss.finite")

    spec, problems = parse_workflow(text)

    assert spec is None
    assert [problem.line for problem in problems] == [9]
    assert "ledger" in problems[0].message


def test_a_diagnostic_asked_by_itself_judges_the_ledger_of_the_last_run(small, receipt, tmp_path):
    check = CHECKS.get("evaluation.beats-baseline")
    with pytest.raises(AssetMissingError):
        check.run(CheckContext(small.project), {})

    writer = LedgerWriter(tmp_path / "ledger.jsonl")
    for number, loss in enumerate((0.15, 0.12)):
        writer.write(Evaluation(round=number, dataset="left", role="held-out", loss=loss, frames=8, digest=None))
    receipt(small, uses="federation.run", outputs={"ledger": str(writer.path)})

    [finding] = check.run(CheckContext(small.project), {})

    assert finding.verdict == "pass"
    assert [str(part) for part in check.reads] == ["runs"]
