import pytest
from flwr.app import ConfigRecord, RecordDict
from pydantic import ValidationError

from zk0.federation.messages import CONFIG, Assignment, metrics, pack, unpack

ASSIGNMENT = Assignment(digest="abc", statistics={"action": {"mean": [0.1, float(2**-1074)]}})


def test_a_message_survives_its_record_to_the_last_bit():
    assert unpack(Assignment, RecordDict({CONFIG: pack(ASSIGNMENT)}), CONFIG) == ASSIGNMENT


def test_a_message_of_another_kind_is_refused():
    with pytest.raises(ValidationError):
        unpack(Assignment, RecordDict({CONFIG: ConfigRecord({"json": '{"digest": 1, "more": 2}'})}), CONFIG)


def test_a_missing_message_is_a_key_error():
    with pytest.raises(KeyError):
        unpack(Assignment, RecordDict(), CONFIG)


def test_metrics_have_flowers_hyphens():
    assert dict(metrics(num_examples=3)) == {"num-examples": 3}
