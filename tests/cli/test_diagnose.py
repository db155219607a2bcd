"""`zk0 diagnose` on the recorded logs: what a person and a program are told."""

import json
from pathlib import Path

import pytest

from zk0.core.faults import Fault

LOGS = Path(__file__).parents[1] / "resources" / "logs"


@pytest.fixture
def diagnosed(command):
    """Diagnose a recorded log; return the exit status and what `--json` tells of its one run."""

    def diagnose(name: str, *options: str) -> tuple[int, dict]:
        status, out, err = command("diagnose", str(LOGS / name), "--json", *options)
        assert err == ""
        [run] = json.loads(out)["data"]["runs"]
        return status, run

    return diagnose


@pytest.mark.parametrize(
    ("name", "check", "fault", "line"),
    [
        ("A1-inert.log", "proximal.acts", Fault.proximal_inert, "A1-inert.log:3"),
        ("A2-inert-mu-0.01.log", "proximal.acts", Fault.proximal_inert, "A2-inert-mu-0.01.log:3"),
        ("A2-inert-mu-0.001.log", "proximal.acts", Fault.proximal_inert, "A2-inert-mu-0.001.log:3"),
        ("A4-identical-start.log", "rounds.parameters-move", Fault.aggregate_not_returned, None),
        ("A5-nothing-returned.log", "exceptions.raised", Fault.aggregate_not_returned, None),
        ("A6-memory-leak.log", "memory.leak", Fault.memory_leak, "A6-memory-leak.log:2"),
        ("A7-corrupt-frames.log", "incidents.data", Fault.data_corrupt, "A7-corrupt-frames.log:2"),
        ("A8-hash-mismatch.log", "incidents.digests", Fault.digest_mismatch, None),
        ("A9-control-inactive.log", "incidents.digests", Fault.control_inactive, None),
        ("A12-worse-than-baseline.log", "evaluation.beats-baseline", Fault.worse_than_baseline, None),
        ("A15-deploy", "incidents.programs", Fault.program_missing, None),
        ("wandb", "evaluation.beats-baseline", Fault.worse_than_baseline, None),
        ("outputs", "configuration.delivered", Fault.setting_not_delivered, None),
        ("outputs-early", "evaluation.beats-baseline", Fault.worse_than_baseline, None),
    ],
)
def test_the_root_cause_of_each_recorded_log_is_found(diagnosed, name, check, fault, line):
    status, run = diagnosed(name)

    assert status == 1
    assert (run["root"]["check"], run["root"]["fault"]) == (check, fault)
    if line:
        assert run["findings"][0]["read_from"].endswith(line)


def test_a_run_that_ended_and_learnt_is_healthy(diagnosed):
    status, run = diagnosed("lerobot.log")

    assert (status, run["root"], run["suppressed"]) == (0, None, [])
    assert run["verdict"]["outcome"] == "healthy"
    assert run["verdict"]["shown"] == ["its end", "finite numbers", "that it learns"]


@pytest.mark.parametrize("name", ["A3-healthy.log", "metrics.csv", "metrics.jsonl", "tensorboard"])
def test_a_log_that_does_not_show_its_end_is_not_called_healthy(diagnosed, name):
    status, run = diagnosed(name)

    assert (status, run["root"], run["suppressed"]) == (4, None, [])
    assert run["verdict"]["outcome"] == "unknown"
    assert any("the end of the run" in need for need in run["verdict"]["needs"])


def test_a_person_is_told_what_can_t_be_told(command):
    _, out, _ = command("diagnose", str(LOGS / "metrics.csv"))

    assert "can't tell: nothing failed, and the log does not show the end of the run" in out
    assert "healthy" not in out


def test_a_growing_logged_term_is_called_inert_and_not_exploding(diagnosed):
    _, run = diagnosed("A1-inert.log")

    faults = {finding["fault"] for finding in run["findings"]} | {one["finding"]["fault"] for one in run["suppressed"]}
    assert Fault.proximal_inert in faults
    assert not faults & {Fault.proximal_diverging, Fault.gradient_exploding, Fault.learning_rate_too_high}
    assert run["root"]["workflow"] == "fedprox-debug"


def test_a_second_fault_is_told_beside_the_first(diagnosed):
    _, run = diagnosed("outputs-early")

    assert [one["fault"] for one in run["findings"] if one["verdict"] == "warn"] == [Fault.sentinel_value]


def test_files_that_tell_of_no_run_are_named_and_not_called_well(command, tmp_path):
    (tmp_path / "poem.txt").write_text("Roses are red\n")
    (tmp_path / "server.log").write_text("INFO :      fit progress: (1, 0.5, {}, 1.0)\n")

    _, out, _ = command("diagnose", str(tmp_path))
    status, data, _ = command("diagnose", str(tmp_path), "--json")

    assert out.splitlines()[-2:] == [
        "not judged, since no run was found in:",
        "  poem.txt: text, 1 lines not understood",
    ]
    assert status == 4
    assert [file["name"] for file in json.loads(data)["data"]["not_understood"]] == ["poem.txt"]


def test_what_follows_from_the_cause_is_told_as_such(diagnosed):
    _, leak = diagnosed("A6-memory-leak.log")
    _, deploy = diagnosed("A15-deploy")

    assert [(one["by"], one["finding"]["fault"]) for one in leak["suppressed"]] == [("memory-leak", "out-of-memory")]
    assert [one["finding"]["fault"] for one in deploy["suppressed"]] == [Fault.success_unfounded]


def test_a_person_is_told_the_cause_first_then_evidence_and_remedy(command, monkeypatch):
    monkeypatch.chdir(LOGS)

    status, out, err = command("diagnose", "A12-worse-than-baseline.log")

    assert (status, err) == (1, "")
    lines = out.splitlines()
    assert lines[0] == "A12-worse-than-baseline.log"
    assert lines[1] == "  Flower log; 3 rounds; lines: 24 understood, 10 irrelevant, 0 not understood"
    assert lines[3] == "fail evaluation.beats-baseline  server"
    assert lines[4].startswith("  0.150 to 1.088")
    assert "    loss at round 3: 1.088  [server (A12-worse-than-baseline.log:24)]" in lines
    assert any(line.startswith("  → ") for line in lines)


def test_several_files_are_several_runs(command):
    _, out, _ = command("diagnose", str(LOGS / "A1-inert.log"), str(LOGS / "A3-healthy.log"), "--json")

    assert [Path(run["run"]).name for run in json.loads(out)["data"]["runs"]] == ["A1-inert.log", "A3-healthy.log"]


def test_only_one_diagnostic_is_asked(diagnosed):
    status, run = diagnosed("A1-inert.log", "--only", "loss.trend")

    assert status == 0
    assert [finding["check"] for finding in run["findings"]] == ["loss.trend"]


def test_strict_makes_a_warning_fail(command, tmp_path):
    line = (
        "2025-10-01 09:12:03 | INFO     | client_1   | PID:1 | a:b:1 - Client {}: Using proximal_mu=0.01 for FedProx\n"
    )
    (tmp_path / "mixed.log").write_text(line.format(1) + line.format(2))

    assert command("diagnose", str(tmp_path / "mixed.log"))[0] == 0
    assert command("diagnose", str(tmp_path / "mixed.log"), "--strict")[0] == 1


def test_a_log_is_read_from_a_pipe(program):
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "zk0", "diagnose", "-"],
        cwd=program.root,
        env=program.environment,
        input=(LOGS / "A5-nothing-returned.log").read_text(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "exceptions.raised" in done.stdout
    assert "[stdin:12]" in done.stdout


def test_a_run_is_diagnosed_by_its_name(command, write, program, tmp_path):
    write("talk", "  - {id: first, title: First, run: [cp, source.jsonl, ledger.jsonl]}\n")
    command("run", "talk", "--quiet")
    [run] = (program.root / ".zk0" / "runs").iterdir()
    made = run / "steps" / "first" / "ledger.jsonl"
    made.parent.mkdir(parents=True, exist_ok=True)
    losses = (("0", 0.2), ("1", 0.5))
    made.write_text(
        "".join(
            f'{{"event":"evaluation","round":{at},"dataset":"d","role":"held-out","loss":{loss},"frames":9,"digest":"x"}}\n'
            for at, loss in losses
        )
    )

    status, out, _ = command("diagnose", "latest", "--json")

    assert status == 1
    assert json.loads(out)["data"]["runs"][0]["root"]["check"] == "evaluation.beats-baseline"


@pytest.mark.parametrize("given", ["no-such-file.log", "no-such-run", "folder/none"])
def test_what_is_not_there_is_refused(command, given):
    status, out, err = command("diagnose", given)

    assert (status, out) == (2, "")
    assert err.startswith("error ZK20")


def test_a_file_of_which_nothing_is_understood_is_no_clean_bill(command, tmp_path):
    (tmp_path / "poem.txt").write_text("Roses are red\nviolets are blue\n")

    status, out, err = command("diagnose", str(tmp_path / "poem.txt"))

    assert (status, out) == (2, "")
    assert "no run found" in err
    assert "Roses are red" in err


def test_an_unknown_diagnostic_is_refused(command):
    assert command("diagnose", str(LOGS / "A1-inert.log"), "--only", "loss.tremd")[0] == 2


def test_the_example_in_the_documentation_is_what_is_printed(command, monkeypatch):
    root = LOGS.parents[2]
    monkeypatch.chdir(root)

    _, out, _ = command("diagnose", "tests/resources/logs/A1-inert.log")

    finding = out.partition("\n\npassed:")[0]
    example = f"$ zk0 diagnose tests/resources/logs/A1-inert.log\n{finding}\n```"
    assert example in (root / "docs" / "diagnosis.md").read_text()
