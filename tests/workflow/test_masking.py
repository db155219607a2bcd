"""No secret gets into what a run writes down, however it is cut into pieces."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from zk0.core.verdicts import Verdict
from zk0.workflow.masking import HIDDEN, Mask

TOKEN = 'correct-horse/battery"staple'


def in_pieces(mask: Mask, pieces: list[bytes]) -> bytes:
    shown, kept = b"", b""
    for piece in pieces:
        ready, kept = mask.pieces(kept + piece)
        shown += ready
    return shown + mask.rest(kept)


@pytest.mark.parametrize("spelt", [TOKEN, json.dumps(TOKEN)[1:-1], quote(TOKEN, safe="")])
def test_a_secret_is_hidden_however_it_is_spelt(spelt):
    assert Mask({"TOKEN": TOKEN}).text(f"<{spelt}>") == f"<{HIDDEN}>"


def test_each_line_of_a_secret_is_hidden():
    mask = Mask({"KEY": "-----BEGIN KEY-----\nfirst-line-of-it\nsecond-line-of-it\n"})

    assert mask.text("a\nsecond-line-of-it\nb") == f"a\n{HIDDEN}\nb"


@given(st.data())
def test_a_secret_is_hidden_wherever_a_log_is_cut(data):
    secrets = {"ONE": "abcdefgh", "TWO": "abcdefghijkl", "THREE": "ghghghghab"}
    parts = st.sampled_from([*secrets.values(), "abcdefg", "gh", "ab", "\n", "x"])
    text = "".join(data.draw(st.lists(parts, max_size=12))).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=10)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    shown = in_pieces(Mask(secrets), pieces)

    assert shown == in_pieces(Mask(secrets), [text])
    assert not any(value.encode() in shown for value in secrets.values())


@dataclass(frozen=True)
class Told:
    text: str
    verdict: Verdict
    where: Path
    more: tuple[dict[str, object], ...]


class Model(BaseModel):
    text: str
    inner: Told


def test_values_are_hidden_at_any_depth_and_the_rest_stays_as_it_is():
    told = Told("say passphrase", Verdict.passed, Path("/passphrase/log"), ({"passphrase": ["passphrase", 1, None]},))

    model = Mask({"A": "passphrase"}).masked(Model(text="passphrase", inner=told))

    assert model.text == HIDDEN
    assert model.inner == Told("say ***", Verdict.passed, Path("/***/log"), ({HIDDEN: [HIDDEN, 1, None]},))
    assert Mask().masked(told) is told


def test_a_log_is_masked_while_its_program_still_writes(tmp_path):
    log, mask = tmp_path / "log", Mask({"TOKEN": TOKEN})
    words = f"a = {TOKEN!r}\nimport sys, time\nfor part in (a[:9], a[9:], ' and on'):\n"
    program = f"{words}    sys.stdout.write(part)\n    sys.stdout.flush()\n    time.sleep(0.3)\ninput()"

    with mask.opened(log) as output:
        process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=output)
        deadline = time.monotonic() + 10
        while log.read_text() != "*** and on":
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        process.communicate(b"\n")

    assert log.read_text() == "*** and on"


def test_without_secrets_a_log_is_the_file_itself(tmp_path):
    with Mask().opened(tmp_path / "log") as output:
        assert output.name == str(tmp_path / "log")


def test_a_full_disk_is_told(tmp_path):
    with pytest.raises(OSError, match="No space left"), Mask({"TOKEN": TOKEN}).opened(Path("/dev/full")) as output:
        output.write(b"more than fits\n")
