"""A secret in a log is told, and nowhere repeated."""

import json

import pytest

from zk0.ledger import IncidentKind

TOKEN = "hf_" + "Ab1" * 10 + "Zq9x"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("unknown.log", f"logging in with {TOKEN} now\nINFO :      [ROUND 1]\n"),
        ("known.log", "INFO :      [ROUND 1]\n  Failure 1: ValueError: bad token " + TOKEN + "\n"),
        ("error.log", f"RuntimeError: CUDA out of memory at https://user:{TOKEN}@host/x\n"),
        ("settings.log", "INFO :      ├── ConfigRecord (train): {'lr': 0.1, 'auth-token': 'plain words'}\n"),
        ("table.csv", f"step,loss\n0,1.0\n1,2,{TOKEN},4\n"),
        ("config.json", json.dumps({"run_config": {"mu": 0.1, "note": TOKEN}})),
    ],
)
def test_a_secret_is_told_and_cut_out(told, name, content):
    found = told(content, name)

    kept = repr(found)
    assert TOKEN not in kept
    assert "plain words" not in kept
    assert IncidentKind.secret_shown in [one.kind for one in found.ledger.incidents]


def test_a_line_that_speaks_of_tokens_holds_none(told):
    found = told("tokenizer loaded, 300 tokens; see https://example.org/token\nINFO :      [ROUND 1]\n")

    assert found.ledger.incidents == ()
