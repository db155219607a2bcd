"""The JSON files of the original zk0, and a whole folder of a run."""

import pytest


def test_a_folder_of_logs_and_json_is_one_run(recorded):
    found = recorded("outputs")
    ledger = found.ledger

    assert found.formats == ("original zk0 log", "original zk0, JSON")
    assert [(one.client, one.round, one.steps) for one in ledger.trainings] == [
        ("client 1", 1, 4),
        ("client 0", 1, 4),
        ("client 1", 2, 4),
        ("client 0", 2, 4),
    ]
    assert all(one.update_norm == {"all": 0.812} for one in ledger.trainings)
    assert [(one.round, one.loss, one.frames) for one in ledger.evaluations] == [
        (0, 0.15, 256),
        (1, 0.21, 256),
        (2, 0.28, 256),
    ]
    assert [(one.digest_in, one.digest_out, one.update_norm) for one in ledger.aggregations] == [
        ("aaaa0001", "bbbb0002", 0.4),
        ("bbbb0002", "cccc0003", 0.4),
    ]
    assert [reply.client for reply in ledger.aggregations[0].accepted] == ["client 1", "client 0"]
    assert {one.digest_in for one in ledger.trainings} == {"aaaa0001", "bbbb0002"}
    assert "digests are compared by their first 8 digits, which is all that some lines print" in found.notes
    assert found.unknown == 0


def test_a_secret_in_the_saved_configuration_is_cut_out(recorded):
    text = "".join(event.model_dump_json() for event in recorded("outputs").ledger.events)

    assert "secret-shown" in text
    assert "not-a-real-token" not in text


def test_the_earlier_keys_are_read_and_a_sentinel_is_no_loss(recorded):
    found = recorded("outputs-early")

    assert [one.loss for one in found.ledger.evaluations] == [0.15, 0.438, 1.001, None]
    assert found.ledger.evaluations[3].missing["loss"] == "no batch was evaluated; the 1 in the file stands for that"
    means = [one.policy_loss[0] for one in found.ledger.trainings if one.client == "client 0"]
    assert means == pytest.approx([0.5, 0.4, 0.3])
    assert found.ledger.trainings[0].missing["steps"] == "only the means of 1000 steps are told"


def test_a_history_that_forgets_and_renumbers_is_not_believed(told):
    whole = {str(number): {"server_policy_loss": 0.1 * number, "action_dim": 7} for number in range(3)}
    assert len(told(str(whole).replace("'", '"'), "policy_loss_history.json").ledger.evaluations) == 3

    cut = {str(number): {"server_policy_loss": 0.1, "action_dim": 7} for number in range(10)}
    found = told(str(cut).replace("'", '"'), "policy_loss_history.json")

    assert found.ledger.evaluations == ()
    assert "numbers them anew" in found.notes[0]
