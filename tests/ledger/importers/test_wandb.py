"""Offline runs that Weights & Biases itself has written."""

from .conftest import LOGS

FILE = LOGS / "wandb" / "offline-run-20251001_091203-d3vxxzu3" / "run-d3vxxzu3.wandb"


def test_history_and_configuration_are_read(recorded):
    found = recorded("wandb")

    assert found.formats == ("Weights & Biases",)
    assert [(one.round, one.loss) for one in found.ledger.evaluations] == [
        (0, 0.150),
        (1, 0.438),
        (2, 1.001),
        (3, 1.088),
    ]
    assert {one.client for one in found.ledger.trainings} == {"client 1"}
    assert found.ledger.trainings[1].policy_loss == [0.4]
    assert found.ledger.trainings[1].proximal_loss == [0.01]
    [decision] = found.ledger.decisions
    assert decision.settings == {"proximal-mu": 0.01, "learning-rate": 0.0001, "api/x": 1}
    assert found.unknown == 0


def test_a_wrong_sum_is_reported(import_text):
    found = import_text(FILE.read_bytes().replace(b"0.438", b"0.439"), FILE.name)

    assert found.files[0].notes == ["pieces whose sum is wrong were left out"]
    assert len(found.ledger.evaluations) == 3


def test_a_file_that_is_cut_off_is_read_up_to_there(import_text):
    content = FILE.read_bytes()

    found = import_text(content[: len(content) // 2], FILE.name)

    assert found.files[0].notes == ["the file is cut off"]
    assert 0 < len(found.ledger.evaluations) < 4
