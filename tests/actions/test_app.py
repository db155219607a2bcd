"""A project's own app is run and judged by what was observed, not by what it prints."""

import sys
from pathlib import Path

import pytest

from zk0.actions import app as actions
from zk0.actions.app import FindInputs, RunAppInputs
from zk0.core.app_subject import APP
from zk0.core.errors import AssetMissingError, DependencyMissingError, InputError
from zk0.core.project import Project
from zk0.ledger import read_ledger
from zk0.workflow.actions import Context

JUDGED = ("app.ended", "app.rounds", "clients.participation", "loss.finite", "rounds.parameters-move")


@pytest.fixture(scope="module")
def perform(tmp_path_factory, levers):
    """Run the levers' app with a fault; `inputs` are those of the action."""

    def run(fault="", **inputs):
        root = levers(tmp_path_factory.mktemp("levers"), fault)
        (root / "step").mkdir()
        context = Context(Project(root), "run-1", "step", root / "step", seed=0, progress=lambda *_: None)
        return actions.run(RunAppInputs(**inputs), context), context

    return run


@pytest.fixture(scope="module")
def healthy(perform):
    return perform(rounds=2, mu=0.5)


@pytest.fixture
def verdicts(judge):
    """Return the worst verdict of each check on a run."""

    def of(outputs):
        return {name: [one.verdict for one in judge(name, outputs)] for name in JUDGED}

    return of


def test_an_app_that_trains_passes_every_check(healthy, verdicts):
    outputs, _ = healthy

    assert {verdict for found in verdicts(outputs).values() for verdict in found} == {"pass"}
    assert (outputs.rounds, outputs.clients, outputs.asked) == (2, 2, 2)
    assert outputs.changed == {"num-server-rounds": 2, "prox.mu": 0.5}
    assert outputs.versions["python"] == sys.version.split()[0]
    assert "Strategy execution finished" in outputs.log.read_text()


def test_it_runs_in_a_copy_and_what_it_writes_is_kept_beside_the_log(healthy):
    outputs, context = healthy

    assert outputs.written == ["lever.json"]
    assert (outputs.files / "lever.json").is_file()
    assert sorted(path.name for path in context.project.root.iterdir()) == [
        ".gitignore", "levers", "pyproject.toml", "step"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "check", "said"),
    [
        ("claims", "app.rounds", "no message to a client"),
        ("exits", "app.rounds", "no message to a client"),
        ("learns nothing", "app.rounds", "and none that changed the parameters"),
        ("dies", "app.ended", "ended with status 0 before its server did"),
        ("server raises", "app.ended", "RuntimeError: the plan has no lever"),
        ("imports what is missing", "app.ended", "No module named 'levers_of_gold'"),
        ("client raises", "clients.participation", "left out: client 1"),
    ],
)
def test_no_app_passes_that_did_not_train(perform, judge, fault, check, said):
    outputs, _ = perform(fault, rounds=2)

    failures = [one for one in judge(check, outputs) if one.verdict == "fail"]
    assert any(said in one.message for one in failures), judge(check, outputs)
    if fault == "claims":  # its log alone would tell of two rounds
        assert "Received 2 results" in outputs.log.read_text()
        assert not read_ledger(outputs.ledger).aggregations
    if fault == "server raises":
        assert failures[0].at == "levers/server.py:38"


def test_an_app_that_does_not_end_is_ended_and_says_so(perform, judge):
    outputs, _ = perform("hangs", minutes=0.05)

    [finding] = judge("app.ended", outputs)
    assert (outputs.status, finding.verdict) == (None, "fail")
    assert "0.05 min" in finding.message


def test_fewer_rounds_than_configured_are_not_enough(healthy, judge):
    outputs, _ = healthy

    [finding] = judge("app.rounds", outputs.model_copy(update={"asked": 3}))
    assert (finding.verdict, finding.message) == ("fail", "2 rounds were observed, 3 are configured")


def test_what_the_app_has_no_key_for_is_said_and_not_invented(healthy, judge):
    outputs, _ = healthy

    *_, left_out = judge("app.rounds", outputs.model_copy(update={"left_out": ["seed=1: no key"]}))
    assert (left_out.verdict, left_out.message) == ("not-applicable", "not given to the app: seed=1: no key")


def test_a_project_is_asked_for_its_app_without_running_it(tmp_path, levers, context, judge):
    found = actions.find(FindInputs(), context)
    assert (found.own, found.trains) == (False, False)
    assert "declares no Flower app" in judge("app.declared", found)[0].message

    levers(tmp_path)
    found = actions.find(FindInputs(), fresh(context))
    assert (found.own, found.rounds_key, found.mu_key) == (True, "num-server-rounds", "prox.mu")
    assert judge("app.declared", found)[0].verdict == "pass"

    names = "".join(f'{kind} = "{name}"\n' for kind, name in APP.items())
    (tmp_path / "pyproject.toml").write_text(f"[tool.flwr.app.components]\n{names}")
    found = actions.find(FindInputs(), fresh(context))
    assert (found.own, found.trains, judge("app.declared", found)[0].verdict) == (False, True, "not-applicable")


def test_there_is_nothing_to_run_without_an_app(context):
    with pytest.raises(AssetMissingError, match="declares no Flower app of its own"):
        actions.run(RunAppInputs(), context)


def test_a_key_it_does_not_have_is_refused_before_the_run(tmp_path, levers):
    with pytest.raises(InputError, match="has no key 'stepz'"):
        RunAppInputs(config=["stepz=1"]).preflight(Project(levers(tmp_path)))


def fresh(context: Context) -> Context:
    return Context(Project(context.project.root), "run-1", "step", Path(), seed=0, progress=context.progress)


def test_an_interpreter_without_flower_is_named_before_anything_starts(context, levers):
    project = Project(levers(context.project.root))
    python = project.root / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    # A Python of its own, with nothing installed.
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    python.chmod(0o755)

    with pytest.raises(DependencyMissingError, match=r"Flower is not installed in .*/\.venv/bin/python"):
        actions.run(RunAppInputs(), fresh(context))


def test_zk0_deploys_no_app_but_its_own(tmp_path, levers):
    inputs = RunAppInputs(engine="deployment")

    with pytest.raises(InputError, match="an app of its own"):
        inputs.preflight(Project(levers(tmp_path)))
    inputs.preflight(Project(tmp_path / "elsewhere"))  # zk0's app, which `train -i engine=deployment` deploys
