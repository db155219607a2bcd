"""A log that is too long keeps its head and its tail, and takes no more of the disk while it grows."""

import sys
import time

import pytest

from zk0.cli.runs import _read_new
from zk0.workflow.log_limit import cut_out_middle, limited
from zk0.workflow.masking import Mask
from zk0.workflow.run import RunDirectory

LIMIT = 1_000_000


def text_of(run, offsets):
    return "".join(piece for _, pieces in _read_new(run, None, offsets) for piece in pieces)


@pytest.fixture
def log(tmp_path):
    path = RunDirectory(tmp_path).log("a")
    path.parent.mkdir()
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives back a part of a file in this way")
@pytest.mark.parametrize("mask", [Mask(), Mask({"TOKEN": "secret-of-mine"})])
def test_the_middle_of_a_log_is_given_back_while_it_grows(log, tmp_path, mask):
    line = b"secret-of-mine" + b"." * 985 + b"\n"
    run, offsets = RunDirectory(tmp_path), {}
    with limited(log, LIMIT), mask.opened(log) as stream:
        for _ in range(20):
            stream.write(line * 500)
            stream.flush()
        deadline = time.monotonic() + 10
        while log.stat().st_blocks * 512 > 3 * LIMIT or log.stat().st_size < 9 * LIMIT:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        seen = text_of(run, offsets)
        stream.write(b"last\n")

    kept = log.read_text()
    assert "\0" not in seen
    assert len(seen) < 3 * LIMIT
    assert len(kept) < LIMIT + 200
    assert kept.endswith("last\n")
    assert kept.count("are cut out here") == 1
    assert ("secret" in kept) is not bool(mask.secrets)
    assert text_of(run, offsets) == ""


@pytest.mark.parametrize("size", [0, LIMIT])
def test_a_log_within_the_limit_is_left_alone(log, size):
    log.write_bytes(b"x" * size)

    cut_out_middle(log, LIMIT)

    assert log.read_bytes() == b"x" * size


def test_a_line_that_is_longer_than_the_limit_is_cut_too(log):
    log.write_bytes(b"x" * LIMIT * 3)

    cut_out_middle(log, LIMIT)

    text = log.read_text()
    assert text.startswith("x" * (LIMIT // 2))
    assert text.endswith("x" * (LIMIT // 2))
    assert "[zk0: 2000000 of 3000000 bytes" in text
