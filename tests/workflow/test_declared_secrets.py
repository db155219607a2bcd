"""A secret reaches the program or the action that is given it, by its name, and nothing else."""

import os
from dataclasses import replace

import pytest

from zk0.core.errors import ExitStatus, InputError, SecretMissingError
from zk0.workflow.declared_secrets import read_secrets
from zk0.workflow.effects import DryEffects
from zk0.workflow.engine import Engine

VALUE = "correct-horse-battery-staple"
HEAD = "secrets: {TRIAL_TOKEN: {help: what the trial needs}}\n"
NOT_NEEDED = "secrets: {TRIAL_TOKEN: {required: false}}\n"
GIVEN = "- {id: a, title: A, run: [printenv, TRIAL_TOKEN], env: {TRIAL_TOKEN: '{{ secrets.TRIAL_TOKEN }}'}}\n"
ACTION = "- {id: a, title: A, uses: trial.tell, with: {token: '{{ secrets.TRIAL_TOKEN }}'}}\n"


@pytest.fixture
def token(monkeypatch):
    monkeypatch.setenv("TRIAL_TOKEN", VALUE)


def everything(run) -> str:
    """Return all that stands in a project's directory, names of files too."""
    paths = [path for path in run.path.parents[2].rglob("*") if path.is_file()]
    return "\n".join([*map(str, paths), *(path.read_text() for path in paths)])


@pytest.mark.parametrize("steps", [GIVEN, ACTION], ids=["program", "action"])
def test_a_secret_reaches_what_is_given_it_and_stands_nowhere(run, token, steps):
    outcome = run(steps, HEAD)

    assert outcome.exit_status is ExitStatus.done
    assert outcome.directory.log("a").read_text() == "***\n"
    assert VALUE not in everything(outcome.directory)
    assert "{{ secrets.TRIAL_TOKEN }}" in str(outcome.state.step("a").receipt.inputs)


@pytest.mark.parametrize("how", ["error", "bug", "output", "finding", "progress"])
def test_what_an_action_tells_of_a_secret_is_hidden(run, token, how):
    told = []
    steps = ACTION.replace("}}'}", f"}}}}', how: {how}}}, checks: [trial.repeat]")

    outcome = run(steps, HEAD, subscribers=(told.append,))

    assert VALUE not in everything(outcome.directory)
    assert VALUE not in str(told)
    assert "***" in str(told)


def test_a_program_is_given_no_secret_that_it_does_not_name(run, token):
    steps = GIVEN + "- {id: b, title: B, needs: [], run: [sh, -c, 'echo ${TRIAL_TOKEN:-none}']}\n"

    outcome = run(steps, HEAD)

    assert outcome.directory.log("b").read_text() == "none\n"


def test_a_missing_secret_is_told_before_anything_is_done(run, project, monkeypatch):
    monkeypatch.delenv("TRIAL_TOKEN", raising=False)

    with pytest.raises(SecretMissingError, match="TRIAL_TOKEN is not in the environment: what the trial") as raised:
        run(GIVEN, HEAD)

    assert raised.value.exit_status is ExitStatus.missing
    assert raised.value.remedy == "export TRIAL_TOKEN=…"
    assert not project.runs_dir.exists()


@pytest.mark.parametrize("steps", [GIVEN.replace("printenv, TRIAL_TOKEN", "env"), ACTION], ids=["program", "action"])
def test_a_secret_that_is_not_required_is_left_out(run, monkeypatch, steps):
    monkeypatch.delenv("TRIAL_TOKEN", raising=False)

    outcome = run(steps, NOT_NEEDED)

    assert outcome.exit_status is ExitStatus.done
    assert "TRIAL_TOKEN=" not in outcome.directory.log("a").read_text()


def test_a_step_that_can_t_run_needs_no_secret(make_plan):
    never = GIVEN.replace("title: A,", "title: A, when: '{{ inputs.push }}',")
    head = HEAD + "inputs: {push: {type: boolean, default: false}}\n"

    assert read_secrets(make_plan(never, head), {}).secrets == {}
    with pytest.raises(SecretMissingError):
        read_secrets(make_plan(never, head, push=True), {})


def test_a_nested_workflow_names_its_own(make_plan):
    inner = replace(make_plan(GIVEN, HEAD), steps=()).spec
    outer = make_plan("- {id: a, title: A, run: [b]}\n")
    step = outer.steps[0]
    from zk0.workflow.spec import WorkflowStep

    performing = replace(step, spec=WorkflowStep(id="a", title="A", workflow="trial"))
    nested = replace(outer, steps=(performing,), library={"trial": inner})

    with pytest.raises(SecretMissingError, match="TRIAL_TOKEN"):
        read_secrets(nested, {})
    assert read_secrets(nested, {"TRIAL_TOKEN": VALUE}).secrets == {"TRIAL_TOKEN": VALUE}


def test_what_can_t_be_hidden_is_refused(make_plan):
    with pytest.raises(InputError, match="fewer than 8 characters"):
        read_secrets(make_plan(GIVEN, HEAD), {"TRIAL_TOKEN": "short"})
    head = HEAD + "inputs: {url: {type: string}}\n"
    with pytest.raises(InputError, match="the input url holds a secret"):
        read_secrets(make_plan(GIVEN, head, url=f"https://{VALUE}@example.org"), {"TRIAL_TOKEN": VALUE})


def test_another_value_of_a_secret_makes_no_step_run_again(run, token, monkeypatch):
    steps = GIVEN.replace("title: A,", "title: A, reuse: true, reads: [], makes: [],")
    run(steps, HEAD)
    monkeypatch.setenv("TRIAL_TOKEN", VALUE[::-1])

    assert run(steps, HEAD).state.step("a").reason.startswith("reused because")


def test_a_dry_run_needs_no_secret_and_shows_the_name(make_plan, project, monkeypatch):
    monkeypatch.delenv("TRIAL_TOKEN", raising=False)
    told = []

    Engine(project, DryEffects(project), [told.append]).run(make_plan(GIVEN, HEAD))

    [planned] = [event.plan for event in told if hasattr(event, "plan")]
    assert planned["with"]["env"] == {"TRIAL_TOKEN": {"expression": "{{ secrets.TRIAL_TOKEN }}"}}


def test_an_action_may_look_at_its_secret_before_the_run(run, project, token):
    with pytest.raises(InputError, match="at least 40"):
        run(ACTION.replace("token:", "long:"), HEAD)

    assert os.environ["TRIAL_TOKEN"] == VALUE
    assert not project.runs_dir.exists()


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        ("run: [curl, '{{ secrets.T }}']", "seen by everyone on the machine"),
        ("run: [curl], env: {U: 'Bearer {{ secrets.T }}'}", 'a secret must be a whole value: "{{ secrets.T }}"'),
        ("run: [curl], env: {U: '{{ secrets.T | upper }}'}", "a secret must be a whole value"),
        ("run: [curl], cwd: '{{ secrets.T }}'", 'in "env" of a program and in "with" of an action'),
        ("run: [curl], when: \"{{ secrets.T == 'a' }}\"", 'in "env" of a program and in "with" of an action'),
        ("run: [curl], checks: [run: [grep, '{{ secrets.T }}']]", 'in "env" of a program and in "with" of an action'),
        ("run: [curl], foreach: '{{ secrets.T }}'", 'in "env" of a program and in "with" of an action'),
        ("ask: agent, instruction: 'use {{ secrets.T }}'", 'in "env" of a program and in "with" of an action'),
        ("uses: trial.note, with: {text: '{{ secrets.T }}'}", "its type is not pydantic's SecretStr"),
        ("uses: trial.note, with: {text: a, tags: ['{{ secrets.T }}']}", 'in "env" of a program and in "with"'),
        ("run: [curl], env: {U: '{{ secrets.U }}'}", 'unknown secret "U"; known are T'),
        ("run: [curl], env: {U: '{{ secrets }}'}", "secrets can't be read as a whole; write which value: secrets.name"),
    ],
)
def test_a_secret_in_a_place_that_is_not_secret_is_refused(problems, step, problem):
    found = problems(f"""\
        name: trial
        title: A trial
        purpose: To try.
        secrets: {{T: {{}}}}
        steps:
          - {{id: a, title: A, {step}}}
        """)

    assert any(problem in told for told in found), found


def test_a_secret_has_the_name_of_an_environment_variable(problems):
    found = problems("""\
        name: trial
        title: A trial
        purpose: To try.
        secrets: {hf_token: {}, HF: {halp: a}}
        steps: [{id: a, title: A, run: [b]}]
        outputs: {a: "{{ secrets.HF }}"}
        """)

    assert found == [
        "4:11: 'hf_token' is not the name of an environment variable; did you mean 'HF_TOKEN'?",
        '4:30: unknown key "halp"; did you mean "help"?',
        '6:14: outputs: a secret may stand in "env" of a program and in "with" of an action',
    ]
