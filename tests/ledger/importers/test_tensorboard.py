"""Event files that TensorBoard itself has written."""

import pytest

from zk0.ledger.importers.tensorboard import masked_crc32c

from .conftest import LOGS

FILE = LOGS / "tensorboard" / "events.out.tfevents.1759310000.robot.1.0"


def test_scalars_become_series(recorded):
    found = recorded("tensorboard")

    [training] = found.ledger.trainings
    assert found.formats == ("TensorBoard",)
    assert (training.client, training.round, training.steps) == ("local", 1, 42)
    assert training.policy_loss[:2] == [1.0, 0.5]
    assert training.policy_loss[40] is None
    assert training.gradient_norm[39] == 2.0
    assert (found.understood, found.noise, found.unknown) == (121, 1, 0)


def test_the_sum_is_castagnolis():
    # RFC 3720, B.4: 32 bytes of zeros give 0x8A9136AA.
    value = 0x8A9136AA
    assert masked_crc32c(bytes(32)) == (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def test_a_record_with_a_wrong_sum_is_left_out_and_told(import_text):
    content = bytearray(FILE.read_bytes())
    content[content.index(b"train/loss") + 1] ^= 1

    found = import_text(bytes(content), FILE.name)

    assert (found.understood, found.unknown) == (120, 1)
    assert found.files[0].notes == ["records whose sum is wrong were left out"]


@pytest.mark.parametrize(("cut", "left"), [(3, 120), (60, 119)])
def test_a_file_that_is_cut_off_is_read_up_to_there(import_text, cut, left):
    found = import_text(FILE.read_bytes()[:-cut], FILE.name)

    assert found.understood == left
    assert found.files[0].notes == ["the last record is cut off"]


def test_a_damaged_length_ends_the_reading(import_text):
    content = bytearray(FILE.read_bytes())
    at = content.index(b"train/lr")
    content[at - 60 : at] = bytes(60)

    assert (
        "a record's length does not have the sum it should: read up to there"
        in import_text(bytes(content), FILE.name).files[0].notes
    )
