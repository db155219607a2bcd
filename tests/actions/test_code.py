"""Functions are looked for in the source, wherever they are, and not by importing it."""

import pytest

from zk0.workflow.actions import Outputs

CODE = (
    "raise SystemExit\n\ndef setup():\n    pass\n\nclass Trainer:\n    async def step(self):\n" + "        x = 1\n" * 9
)


@pytest.fixture
def defines(tmp_path, monkeypatch, judge):
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "train.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    return lambda **options: judge("code.defines", Outputs(), **options)


def test_functions_and_methods_are_found_with_their_length(defines):
    findings = defines(files=["app"], functions=["setup", "step"])

    assert [finding.message for finding in findings] == ["setup, 2 lines", "step, 10 lines"]
    assert [finding.at for finding in findings] == ["app/train.py:3", "app/train.py:7"]


def test_a_missing_or_long_function_fails(defines):
    missing, long = defines(files=["app/train.py"], functions=["loop", "step"], longest=9)

    assert (missing.verdict, missing.message) == ("fail", "there is no function loop")
    assert (long.verdict, long.message) == ("fail", "step has 10 lines, at most 9 are wanted")


def test_code_that_is_no_python_is_told_with_its_line(defines, tmp_path):
    (tmp_path / "app" / "broken.py").write_text("x = 1\ndef (:\n")

    [finding] = defines(files=["app"], functions=["setup"])

    assert finding.verdict == "fail"
    assert finding.message.startswith("app/broken.py:2:")


def test_nothing_to_look_at_is_no_pass(defines):
    [finding] = defines(files=["nowhere"], functions=["setup"])

    assert finding.verdict == "not-available"
