"""An event is on the disk when it is written, and a killed writer loses at most the line it was at."""

import subprocess
import sys
import time

import pytest

from zk0.ledger import LedgerWriter, read_ledger

PATIENCE = 30  # seconds
ENDLESS = """
import sys
from pathlib import Path
from zk0.ledger import LedgerWriter, Training

series = [0.1234567890123456] * 5000  # lines of half a megabyte: a kill is likely to hit one
writer = LedgerWriter(Path(sys.argv[1]))
for number in range(1, 10**6):
    writer.write(Training(
        round=number, client="left", partition=0, steps=5000, batch_size=8, examples=90, settings={},
        policy_loss=series, proximal_loss=series, total_loss=series, gradient_norm=series, proximal_ratio=series,
        learning_rate=series, drift=series, update_norm={}, digest_in="a", digest_out="b",
    ))
    print(number, flush=True)
"""


def test_each_event_is_on_the_disk_when_it_is_written_in_a_folder_that_is_made(events, tmp_path):
    writer = LedgerWriter(tmp_path / "a" / "run" / "ledger.jsonl")

    for number, event in enumerate(events, start=1):
        writer.write(event)

        assert read_ledger(writer.path).events == events[:number]


def test_a_second_writer_adds_to_what_is_there(events, tmp_path):
    LedgerWriter(tmp_path / "ledger.jsonl").write(events[0])
    LedgerWriter(tmp_path / "ledger.jsonl").write(events[1])

    assert read_ledger(tmp_path / "ledger.jsonl").events == events[:2]


@pytest.mark.parametrize("told", [1, 4, 9])
def test_a_killed_writer_leaves_a_ledger_with_everything_it_has_told_of(tmp_path, told):
    path = tmp_path / "ledger.jsonl"
    command = [sys.executable, "-c", ENDLESS, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        for _ in range(told):
            writer.stdout.readline()
        time.sleep(told / 1000)  # somewhere in the next line
        writer.kill()
        written = told + len(writer.stdout.read().splitlines())

    rounds = [training.round for training in read_ledger(path).trainings]

    assert rounds == list(range(1, len(rounds) + 1))
    assert len(rounds) >= written
