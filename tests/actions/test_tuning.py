"""The steps of mu-tuning: read mu, judge whether it is the cause, write the better value down."""

import sys

import pytest

from zk0.actions.app import FindOutputs
from zk0.actions.tuning import (
    CampaignInputs,
    CampaignOutputs,
    CurrentInputs,
    JudgeInputs,
    UpdateInputs,
    confirm,
    current,
    descend,
    update,
)
from zk0.actions.tuning import (
    judge as judge_cause,
)
from zk0.core.errors import ConfigurationError, DependencyMissingError, InputError
from zk0.core.faults import Fault
from zk0.core.verdicts import failed, warned

TRAIN = """\
import sys
mu, seed = float(sys.argv[1]), int(sys.argv[2])
print("round,client,step,loss,eval_loss")
print(f"1,a,0,1.0,\\n1,,,,{1 + (mu - 1) ** 2 / 10 + seed / 1000}")
"""
COMMAND = ["python", "train.py", "{mu}", "{seed}"]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "pyproject.toml"
    path.write_text('[project]\nname = "arm"\n\n[tool.flwr.app.config]\nproximal-mu = 10 # a guess\n')
    (tmp_path / "train.py").write_text(TRAIN)
    return path


@pytest.mark.parametrize(
    ("own", "command", "verdict"), [(True, [], "not-available"), (True, COMMAND, "pass"), (False, [], "pass")]
)
def test_an_app_of_the_project_s_own_is_not_tuned_without_its_program(judge, own, command, verdict):
    app = FindOutputs(own=own, trains=True, name="arm", rounds_key=None, mu_key=None)

    [finding] = judge("tuning.possible", app, command=command)

    assert finding.verdict == verdict


@pytest.mark.parametrize(("value", "verdict"), [("10", "warn"), ("0.01", "pass"), ("0", "pass")])
def test_the_current_value_is_read_with_its_place(file, context, judge, value, verdict):
    file.write_text(file.read_text().replace("10", value))

    outputs = current(CurrentInputs(), context)

    [finding] = judge("tuning.plausible", outputs)
    assert (outputs.value, outputs.line, outputs.comment) == (float(value), 5, "a guess")
    assert (finding.verdict, finding.at) == (verdict, "pyproject.toml:5")


@pytest.mark.parametrize("value", ["-0.1", "true", "nan", '"x"'])
def test_what_is_no_mu_is_refused_before_anything_runs(file, context, value):
    file.write_text(file.read_text().replace("10", value))

    with pytest.raises(ConfigurationError, match="proximal-mu"):
        CurrentInputs().preflight(context.project)


def test_other_causes_come_first(context, judge):
    fault = failed(
        "bit-identical to mu = 0", fault=Fault.proximal_inert, cause="after the step", workflow="fedprox-debug"
    )

    outputs = judge_cause(JudgeInputs(probed=[fault]), context)

    [finding] = judge("tuning.may-begin", outputs)
    assert not outputs.may_tune
    assert (finding.verdict, finding.workflow) == ("fail", "fedprox-debug")


def test_a_mu_that_is_too_strong_or_diverges_is_what_tuning_is_for(context, judge):
    strong = failed("it holds the weights", fault=Fault.proximal_too_strong, cause="mu is too large")
    weak = warned("the clients drift apart", fault=Fault.proximal_too_weak, cause="mu is too small")

    assert judge_cause(JudgeInputs(logged=[strong]), context).size == "too strong"
    assert judge_cause(JudgeInputs(logged=[weak]), context).size == "too weak"
    outputs = judge_cause(JudgeInputs(), context)
    assert (outputs.may_tune, outputs.size) == (True, "not known")
    assert judge("tuning.may-begin", outputs)[0].verdict == "pass"


def test_a_campaign_on_a_program_is_measured_once_and_confirmed(file, context, judge, told):
    given = CampaignInputs(current=10, command=COMMAND, workers=1)
    given.preflight(context.project)

    first = descend(given, context)
    seen = len(told)
    second = confirm(given, context)

    assert first.best == 1.0
    assert not first.confirmed
    assert (second.outcome, second.mu, second.confirmed) == ("better", 1.0, True)
    assert len(told) - seen == 2 * 8  # nothing of the search is measured again
    assert second.picture.is_file()
    assert [row[0] for row in second.table][-2:] == ["1, confirmation", "10, confirmation"]
    assert judge("tuning.measured", second)[0].verdict == "pass"
    assert judge("tuning.decided", second)[0].verdict == "pass"


def test_a_campaign_with_nothing_to_measure_is_refused(context):
    with pytest.raises(InputError, match="neither a configuration nor a command"):
        CampaignInputs(current=1).preflight(context.project)


def test_without_optuna_it_says_what_to_install(context, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)

    with pytest.raises(DependencyMissingError, match="tuning needs optuna") as caught:
        CampaignInputs(current=1, command=COMMAND).preflight(context.project)

    assert caught.value.remedy == "pip install 'zk0[tuning]'"


def test_a_decision_that_waits_for_budget_is_a_warning(judge):
    outputs = CampaignOutputs(
        outcome="not-better",
        current=10,
        best=1,
        mu=10,
        reason="the budget ended before that was confirmed",
        floor=None,
        complete=False,
        confirmed=False,
        steps=1,
        grid_steps=0,
        picture="mu.svg",
        table=[],
        results=[],
    )

    assert judge("tuning.decided", outputs)[0].verdict == "warn"
    assert judge("tuning.measured", outputs)[0].verdict == "warn"


def test_the_new_value_is_written_with_its_reason(file, context, judge, monkeypatch):
    monkeypatch.chdir(file.parent)

    outputs = update(UpdateInputs(value=0.5, before=10, reason="better on 8 seeds"), context)

    assert "proximal-mu = 0.5 # was 10; better on 8 seeds (run run-1)\n" in file.read_text()
    assert judge("tuning.updated", outputs)[0].verdict == "pass"
    file.write_text(file.read_text().replace("0.5", "0.7"))
    assert judge("tuning.updated", outputs)[0].verdict == "fail"
