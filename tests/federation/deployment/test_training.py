import json

from zk0.federation.deployment.training import Rounds


def line(number, accepted=2):
    names = ["arm-a", "arm-b"]
    event = {"event": "aggregation", "round": number, "accepted": names[:accepted], "sampled": names, "rejected": []}
    return json.dumps(event).encode() + b"\n"


def test_rounds_are_reported_as_they_are_written_also_in_halves_and_after_a_resume(tmp_path):
    notes = []
    ledger = tmp_path / "ledger.jsonl"
    rounds = Rounds(ledger, 3, lambda done, total, note: notes.append((done, total, note)))

    rounds.read()
    whole = line(1) + line(2, accepted=1)
    ledger.write_bytes(whole[:-20])
    rounds.read()
    assert notes == [(1, 3, "round 1: 2 of 2 replies")]
    ledger.write_bytes(whole)
    rounds.read()
    assert notes[1:] == [(2, 3, "round 2: 1 of 2 replies")]
    ledger.write_bytes(line(1))  # cut by the run that goes on
    rounds.read()
    ledger.write_bytes(line(1) + line(2))
    rounds.read()
    assert notes[-1] == (2, 3, "round 2: 2 of 2 replies")
    assert rounds.aggregated == 2
