"""Bytes of any kind become lines."""

import gzip
import zipfile

import pytest

from zk0.core.errors import LedgerError
from zk0.ledger.importers import import_ledgers
from zk0.ledger.importers.reading import LogSource, batches

from .conftest import LOGS

TEXT = (LOGS / "A1-inert.log").read_text()


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (TEXT.encode("utf-16"), "UTF-16"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "UTF-16"),
        (b"\xef\xbb\xbf" + TEXT.encode(), None),
        (TEXT.replace("\n", "\r\n").encode(), None),
        (TEXT.replace("FedProx", "Fed\0Prox").encode(), "NUL bytes were dropped"),
        (TEXT.encode() + b"caf\xe9\n", "some lines are not UTF-8: read as Latin-1"),
        (TEXT.replace("Step", "\x1b[1;32mStep\x1b[0m").encode(), None),
        (gzip.compress(TEXT[:9000].encode()) + gzip.compress(TEXT[9000:].encode()), None),
        (("x" * 10_000_000 + "\n" + TEXT).encode(), "lines longer than 1048576 bytes were cut"),
    ],
    ids=["utf-16", "utf-16-be", "bom", "crlf", "nul", "latin-1", "colours", "gzip", "long-line"],
)
def test_a_log_is_read_whatever_its_bytes(import_text, content, note):
    found = import_text(content)

    [training] = found.ledger.trainings
    assert (training.steps, training.proximal_loss[0], training.proximal_loss[-1]) == (50, 1.201, 28.832)
    assert found.files[0].notes == ([note] if note else [])


def test_a_rotated_log_in_a_zip_is_read(import_text, tmp_path):
    with zipfile.ZipFile(tmp_path / "made.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("server.log", TEXT)

    assert import_text((tmp_path / "made.zip").read_bytes(), "server.log.zip").ledger.trainings[0].steps == 50


def test_of_a_packed_log_that_is_cut_off_what_is_there_is_read(import_text):
    found = import_text(gzip.compress(TEXT.encode())[:-300], "some.log.gz")

    assert 20 < found.ledger.trainings[0].steps < 50
    assert found.files[0].notes == ["the packed file is damaged or cut off: read up to there"]


def test_progress_drawn_over_itself_hides_no_line(import_text):
    found = import_text(
        "10%|#  | 1/10\r20%|## | 2/10\rINFO :      fit progress: (1, 0.5, {}, 2.0)\nINFO :      [ROUND 2]\n"
    )

    assert [(one.loss, one.read_from.rpartition(":")[2]) for one in found.ledger.evaluations] == [(0.5, "1")]
    assert (found.understood, found.noise, found.unknown) == (2, 2, 0)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(LedgerError, match="no file or folder"):
        import_ledgers([tmp_path / "none.log"])


def test_an_empty_and_a_binary_file_tell_nothing(import_text):
    assert import_text(b"\n \n").files[0].format == "empty"
    found = import_text(bytes(range(1, 256)) * 20)
    assert (found.files[0].format, found.unknown, found.ledger.events) == ("binary", 1, ())


def test_what_is_printed_behind_a_progress_bar_is_a_line_of_its_own(tmp_path):
    log = tmp_path / "train.log"
    bar = " 45%|████▌     | 450/1000 [12:34<15:23,  1.68s/it{}]"
    log.write_text(
        f"{bar.format('')}[rank1]:[E1] Watchdog caught collective operation timeout\n"
        f"{bar.format(', loss=0.4')} Traceback (most recent call last):\n"
        f"{bar.format('')}\n"
    )

    [(numbers, lines, _)] = batches(LogSource(log, "train.log"))

    assert list(numbers) == [1, 1, 2, 2, 3]
    assert lines[1].startswith("[rank1]:")
    assert lines[3].strip() == "Traceback (most recent call last):"
