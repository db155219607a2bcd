"""Messages are taken out of JSON, whoever packed them."""

import json

import pytest

from zk0.ledger.importers.unwrap import unwrap


@pytest.mark.parametrize(
    ("packed", "when", "level", "lane"),
    [
        ({"log": "hello\n", "stream": "stderr", "time": "2025-11-28T10:00:00Z"}, "2025-11-28T10:00:00Z", "", ""),
        ({"MESSAGE": "hello", "_PID": "41", "PRIORITY": "3"}, "", "ERROR", "41"),
        ({"MESSAGE": list(b"hello"), "__REALTIME_TIMESTAMP": "1764324000000000"}, "2025-11-28T10:00:00+00:00", "", ""),
        ({"event": "hello", "level": "warning", "timestamp": "now"}, "now", "WARNING", ""),
        ({"text": "hello", "record": {}, "level": {"name": "INFO"}}, "", "INFO", ""),
        ({"message": "hello", "kubernetes": {"pod_name": "fl-client-1"}}, "", "", "fl-client-1"),
        ({"log": json.dumps({"event": "hello", "level": "info"})}, "", "INFO", ""),
    ],
    ids=["docker", "journald", "journald-bytes", "structlog", "loguru", "kubernetes", "docker-of-structlog"],
)
def test_a_message_is_unpacked_with_its_time_level_and_origin(packed, when, level, lane):
    found = unwrap(json.dumps(packed))

    assert (found.message, found.when, found.level, found.lane) == ("hello", when, level, lane)


@pytest.mark.parametrize("line", ["{lvl='INFO'}", "{'loss': 0.4}", "hello", "{", '{"a": '])
def test_what_is_no_json_object_is_left_alone(line):
    assert unwrap(line) is None


def test_numbers_beside_a_message_are_measurements(import_text):
    lines = [
        json.dumps({"event": "trained", "step": step, "loss": 1.0 - step / 10, "level": "info"}) for step in (0, 1)
    ]

    found = import_text("\n".join(["a line that is no JSON", *lines]) + "\n")

    assert found.ledger.trainings[0].policy_loss == [1.0, 0.9]


def test_a_traceback_in_a_field_is_read(import_text):
    trace = 'Traceback (most recent call last):\n  File "a.py", line 3, in f\nKeyError: 1'
    packed = json.dumps({"event": "failed", "level": "error", "exception": trace})

    found = import_text(packed + "\n" + packed + "\n")

    assert "KeyError" in {one.type for incident in found.ledger.incidents for one in incident.exceptions}
