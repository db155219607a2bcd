"""Logs are diagnosed, and what they show is put together with what the code does."""

import json
from pathlib import Path

import pytest

from zk0.actions.diagnosis import ConcludeInputs, ExamineInputs, conclude_diagnosis, examine, flow, series
from zk0.core.verdicts import failed, not_available, passed, warned

INERT = failed("it never acts", fault="proximal-inert", workflow="fedprox-debug", at="train.py:7")
FORMULA = failed("a norm that is not squared", fault="proximal-formula", workflow="fedprox-debug")


def rows(rounds: int = 2) -> str:
    lines = ["round,client,step,loss,proximal_loss,mu"]
    lines += [
        f"{number},a,{step},{2 * 0.9 ** (step + 30 * number):.6f},{0.02 * (step + 1):.6f},0.1"
        for number in range(rounds)
        for step in range(30)
    ]
    return "\n".join(lines) + "\n"


@pytest.fixture
def log(context) -> Path:
    path = context.project.root / "log.csv"
    path.write_text(rows())
    return path


def test_a_log_is_read_and_judged_with_the_root_cause_first(log, context):
    outputs = examine(ExamineInputs(logs=["log.csv"]), context)

    assert outputs.root == "proximal-inert"
    assert outputs.looked_at == ["log.csv (table of metrics)"]
    assert outputs.not_understood == 0


def test_the_series_of_each_client_are_told_from_end_to_end(log, context):
    outputs = series(ExamineInputs(logs=[str(log)]), context)

    assert outputs.table[1][3:] == ["2 → 0.0942", "0.02 → 0.6", "not logged", "0.1"]
    assert {finding.check.partition(".")[0] for finding in outputs.findings} <= {"loss", "proximal"}


@pytest.mark.parametrize("of", ["federation", "app"])
def test_without_a_log_the_newest_earlier_run_of_the_project_s_app_is_taken(log, context, of):
    if of == "app":
        (context.project.root / "pyproject.toml").write_text('[tool.flwr.app.components]\nserverapp = "arm:server"\n')
    nothing = examine(ExamineInputs(), context)
    ledger = context.project.runs_dir / "20260101-000000-train-0000" / "steps" / "x" / of / "ledger.jsonl"
    ledger.parent.mkdir(parents=True)
    (ledger.parents[3] / "journal.jsonl").touch()
    event = {"event": "closed", "outcome": "failed", "rounds": 0, "reason": "x"}
    evaluation = {
        "event": "evaluation",
        "round": 0,
        "dataset": "a",
        "role": "held-out",
        "loss": 1.0,
        "frames": 3,
        "digest": "d",
    }
    ledger.write_text(f"{json.dumps(evaluation)}\n{json.dumps(event)}\n")

    found = examine(ExamineInputs(), context)

    assert [finding.message for finding in nothing.findings] == ["no earlier run, and no log was given"]
    assert found.looked_at[0].startswith(f".zk0/runs/20260101-000000-train-0000/steps/x/{of}/ledger.jsonl")
    assert flow(ExamineInputs(), context).findings[0].message == "no round was found in a run or log"


@pytest.mark.parametrize(
    ("probed", "logged", "place", "verdict", "parts"),
    [
        ([passed("it acts")], [], "nowhere", "pass", (False, False)),
        ([INERT], [], "code", "warn", (False, True)),
        ([FORMULA], [INERT], "code", "warn", (True, False)),
        ([passed("it acts")], [INERT], "elsewhere", "fail", (False, False)),
        ([passed("it acts")], [failed("mu is large", fault="proximal-too-strong")], "nowhere", "pass", (False, False)),
        ([warned("negative weights", fault="aggregate-weights"), passed("a")], [], "nowhere", "pass", (False, False)),
        ([not_available("it could not be called")], [], "unknown", "fail", (False, False)),
    ],
)
def test_log_and_code_together_say_where_the_fault_is(context, judge, probed, logged, place, verdict, parts):
    given = ConcludeInputs(workflow="fedprox-debug", target="train.py:step", logged=logged, probed=probed)

    outputs = conclude_diagnosis(given, context)

    [finding] = judge("diagnosis.cause", outputs)
    assert (outputs.place, finding.verdict) == (place, verdict)
    assert (outputs.formula, outputs.timing) == parts
    if place == "code":
        assert outputs.reasons[0].endswith(probed[0].message)
