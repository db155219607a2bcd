"""Whatever is read, a ledger comes of it, and what was not understood is counted."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zk0.ledger.importers import import_ledgers
from zk0.ledger.importers.logs import TEXT
from zk0.ledger.importers.reading import LogSource, batches
from zk0.ledger.schema import EVENT

from .conftest import LOGS

FILES = sorted(path for path in LOGS.rglob("*") if path.is_file())
CONTENT = {str(path.relative_to(LOGS)): path.read_bytes() for path in FILES}


@pytest.mark.parametrize("name", sorted(CONTENT))
def test_every_event_of_every_recorded_file_can_be_written_and_read_back(name):
    for imported in import_ledgers([LOGS / name]):
        for event in imported.ledger.events:
            assert EVENT.validate_json(event.model_dump_json()) == event


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_read_without_an_error(data):
    name = data.draw(st.sampled_from(sorted(CONTENT)))
    content = bytearray(CONTENT[name][: data.draw(st.integers(0, len(CONTENT[name])))])
    for at, byte in data.draw(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=20)):
        if content:
            content[at % len(content)] = byte
    with TemporaryDirectory() as folder:
        path = Path(folder) / Path(name).name
        path.write_bytes(content)

        lines = sum(len(lines) for _, lines, _ in batches(LogSource(path, "damaged")))
        for imported in import_ledgers([path]):
            [report] = imported.files
            units = report.understood + report.noise + report.unknown
            if report.format == TEXT or report.format.endswith(" log"):
                assert units == lines
            else:  # rows, records or documents
                assert units > 0 or report.notes


@pytest.mark.parametrize(
    "line",
    [
        "Step " + "9" * 5000 + ": FedProx total_loss=1.0 (main=1.0 + proximal=0.0)",
        "INFO :      fit progress: (" + "9" * 5000 + ", 0.5, {}, 1.0)",
        "Step 999999999999: FedProx total_loss=1.0 (main=1.0 + proximal=0.0)",
        "INFO :      [ROUND 99999999999999999999]",
        "Client 1: train() returned successfully with metrics: {'loss': __import__('os').system('true')}",
        "step:0 smpl:0 ep:0 epch:0 loss:1.0",
        "(" * 10_000,
        "Client " + "{" * 10_000,
    ],
)
def test_a_line_of_ill_will_does_no_harm(import_text, line):
    found = import_text(line + "\n")

    assert found.understood + found.noise + found.unknown == 1
