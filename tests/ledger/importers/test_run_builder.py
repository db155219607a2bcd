"""What is pieced together of a run."""

import json

import pytest

from zk0.ledger import IncidentKind
from zk0.ledger.importers.run_builder import MOST_ENTRIES, MOST_INCIDENTS, RunBuilder, canonical, client_name


@pytest.mark.parametrize(
    ("text", "name"),
    [("1", "client 1"), ("client_1", "client 1"), ("Client-1", "client 1"), ("arm-a", "arm-a"), ("client_arm", "arm")],
)
def test_a_client_has_one_name_however_it_is_written(text, name):
    assert client_name(text) == name


def test_settings_have_zk0s_keys():
    assert canonical({"proximal_mu": 0.1, "local-epochs": 3, "initial_lr": 1e-4, "batch_size": 8}) == {
        "proximal-mu": 0.1,
        "local-steps": 3,
        "learning-rate": 1e-4,
        "batch-size": 8,
    }


def test_many_long_trainings_are_thinned_together():
    run = RunBuilder("r")
    for number in range(200):
        record = run.training("client 1", number, file="f", at="f:1")
        for step in range(4_000):
            record.put(step, {"policy_loss": 100.0 if step == 2_500 else 1.0 + step / 4_000})

    trainings = run.ledger().trainings

    assert sum(one.steps for one in trainings) <= MOST_ENTRIES
    assert len(trainings) == 200
    assert all(max(one.policy_loss) == 100.0 and one.policy_loss[0] == 1.0 for one in trainings)
    assert any("of every" in one.missing.get("steps", "") for one in trainings)


def test_one_incident_stands_for_many_lines():
    run = RunBuilder("r")
    for second in range(5):
        run.add_incident(IncidentKind.batch_skipped, "skipped", at=f"f:{second + 1}", when=f"09:12:0{second}")
    run.add_incident(IncidentKind.batch_skipped, "skipped", at="g:1", when="09:12:00")  # the same line in another file

    [incident] = run.ledger().incidents

    assert (incident.count, incident.read_from) == (5, "f:1")


def test_incidents_without_end_are_counted_together():
    run = RunBuilder("r")
    for number in range(MOST_INCIDENTS + 50):
        run.add_incident(IncidentKind.hash_missing, "none", at="f:1", number=number)

    found = run.ledger().incidents

    assert len(found) == MOST_INCIDENTS + 1
    assert sum(one.count for one in found) == MOST_INCIDENTS + 50


def test_a_training_that_another_file_tells_of_too_is_the_same():
    run = RunBuilder("r")
    run.training("client 1", 2, file="client.log", at="client.log:1").put(0, {"policy_loss": 1.0})
    run.training("client 1", 2, file="round_2.json", at="round_2.json").summarise({"policy_loss": 9.0}, 5)

    [training] = run.ledger().trainings

    assert (training.policy_loss, training.read_from) == ([1.0], "client.log:1")


def test_a_training_that_is_repeated_in_its_round_is_reported_and_the_last_counts():
    run = RunBuilder("r")
    for loss in (1.0, 2.0):
        run.training("client 1", 2, file="f", at="f:1").put(0, {"policy_loss": loss})

    assert [one.policy_loss for one in run.ledger().trainings] == [[2.0]]
    assert run.notes == ["client 1 trained more than once in round 2: the last time counts"]


def test_events_come_round_by_round():
    run = RunBuilder("r")
    run.add_evaluation(2, 0.5, at="f:9")
    run.add_evaluation(0, 1.5, at="f:1")
    run.training("client 1", 2, file="f", at="f:5").put(0, {"policy_loss": 1.0})
    run.aggregation(1, "f:2")
    run.add_decision(0, {"mu": 0.1}, at="f:1")
    run.close(2, at="f:10")

    assert [(one.event, getattr(one, "round", None)) for one in run.ledger().events] == [
        ("decision", 0),
        ("evaluation", 0),
        ("aggregation", 1),
        ("training", 2),
        ("evaluation", 2),
        ("closed", None),
    ]


TOKEN = "hf_" + "Ab1" * 10 + "Zq9x"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("unknown.log", f"logging in with {TOKEN} now\nINFO :      [ROUND 1]\n"),
        ("known.log", "INFO :      [ROUND 1]\n  Failure 1: ValueError: bad token " + TOKEN + "\n"),
        ("error.log", f"RuntimeError: CUDA out of memory at https://user:{TOKEN}@host/x\n"),
        ("settings.log", "INFO :      ├── ConfigRecord (train): {'lr': 0.1, 'auth-token': 'plain words'}\n"),
        ("table.csv", f"step,loss\n0,1.0\n1,2,{TOKEN},4\n"),
        ("config.json", json.dumps({"run_config": {"mu": 0.1, "note": TOKEN}})),
    ],
)
def test_a_secret_is_reported_and_cut_out(import_text, name, content):
    found = import_text(content, name)

    kept = repr(found)
    assert TOKEN not in kept
    assert "plain words" not in kept
    assert IncidentKind.secret_shown in [one.kind for one in found.ledger.incidents]


def test_an_evaluation_of_several_lines_keeps_what_each_measured(import_text):
    """EasyFL prints one metric a line; a NaN is told though the accuracy before it made the evaluation."""
    found = import_text(
        "Round 80\ntest_accuracy   0.5547\ntest_loss    1.3\nRound 81\ntest_accuracy     nan\ntest_loss     nan\n"
    )

    assert [(one.round, one.loss, one.metrics, one.missing) for one in found.ledger.evaluations] == [
        (80, 1.3, {"accuracy": 0.5547}, {}),
        (81, None, {}, {"loss": "not finite"}),
    ]


def test_a_line_that_speaks_of_tokens_holds_none(import_text):
    found = import_text("tokenizer loaded, 300 tokens; see https://example.org/token\nINFO :      [ROUND 1]\n")

    assert found.ledger.incidents == ()
