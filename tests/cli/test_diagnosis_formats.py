"""`zk0 diagnose` for many runs, for GitHub and for code scanning."""

import json

import pytest


@pytest.fixture
def logs(tmp_path):
    """Write nine healthy logs and a dead one."""
    for number in range(9):
        lines = [f"Epoch {epoch}/8 loss: {1 / epoch}" for epoch in range(1, 9)]
        (tmp_path / f"good-{number}.log").write_text("\n".join([*lines, "Training finished"]) + "\n")
    (tmp_path / "dead.log").write_text("Epoch 1/8 loss: 0.5\nEpoch 2/8 loss: 0.4\nKilled\n")
    return tmp_path


def test_a_summary_has_one_line_a_run(command, logs):
    status, out, _ = command("diagnose", str(logs), "--summary")

    assert status == 1
    assert len(out.splitlines()) == 11
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["failed", *["healthy"] * 9]


def test_of_many_runs_the_summary_comes_first_and_only_those_with_findings_are_told(command, logs):
    _, out, _ = command("diagnose", str(logs))

    assert out.splitlines()[0].startswith("verdict")
    assert "9 runs without a finding are in the table only" in out
    assert out.count("lines: ") == 1


def test_markdown_is_a_table_and_a_list(command, logs):
    status, out, _ = command("diagnose", str(logs / "dead.log"), "--format", "markdown")

    assert status == 1
    assert out.splitlines()[:2] == ["| verdict | run | first finding |", "|---|---|---|"]
    assert "- **fail** `progress.stopped`" in out


def test_sarif_has_rules_levels_and_lines(command, logs):
    _, out, _ = command("diagnose", str(logs / "dead.log"), "--format", "sarif")

    [run] = json.loads(out)["runs"]
    [result] = [one for one in run["results"] if one["ruleId"] == "progress.stopped"]
    place = result["locations"][0]["physicalLocation"]
    assert result["level"] == "error"
    assert place["artifactLocation"]["uri"].endswith("dead.log")
    assert place["region"] == {"startLine": 3}
    assert {"id": "progress.stopped"} in run["tool"]["driver"]["rules"]
