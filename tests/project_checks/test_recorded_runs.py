import os
import subprocess
import sys
from pathlib import Path

import pytest

from zk0.core.errors import AssetMissingError
from zk0.core.git import GitState
from zk0.core.project import Project
from zk0.core.verdicts import Verdict
from zk0.ledger import Resources, RunOpened, Setting, Training
from zk0.ledger.reader import last_ledger
from zk0.project_checks.recorded_runs import receipts_of, training_receipts
from zk0.workflow.run import run_directories


def test_the_newest_receipt_comes_first(small, receipt):
    receipt(small, uses="data.prepare", run="20260301-110000-train-0000", outputs={"n": 1})
    receipt(small, uses="data.prepare", run="20260301-120000-train-0000", outputs={"n": 2})

    assert [one.outputs["n"] for one in receipts_of(small.project, "data.prepare")] == [2, 1]


def test_a_ledger_that_is_gone_says_how_to_have_one(small, receipt, tmp_path):
    receipt(small, uses="federation.run", outputs={"ledger": str(tmp_path / "gone.jsonl")})

    with pytest.raises(AssetMissingError, match="is gone") as missing:
        last_ledger(small.project)
    assert missing.value.remedy == "zk0 run train"


OWN_APP = {"pyproject.toml": '[tool.flwr.app.components]\nserverapp = "arm.server:app"\nclientapp = "arm.client:app"\n'}


def test_a_project_with_an_app_of_its_own_is_judged_by_that_app_s_runs(small, receipt):
    for number, uses in enumerate(("app.run", "federation.run")):
        (small.root / f"{uses}.jsonl").touch()
        receipt(
            small,
            uses=uses,
            run=f"20260301-1{number}0000-train-0000",
            outputs={"ledger": str(small.root / f"{uses}.jsonl")},
        )
    assert last_ledger(small.project).name == "federation.run.jsonl"
    assert training_receipts(small.project)[0].uses == "federation.run"

    small.write(OWN_APP)

    own = Project(small.root)
    assert last_ledger(own).name == "app.run.jsonl"
    assert training_receipts(own)[0].uses == "app.run"


def test_a_training_that_failed_has_no_ledger_and_no_duration_that_counts(small, receipt):
    (small.root / "ledger.jsonl").touch()
    failed = {"verdict": Verdict.failed, "outputs": {"ledger": str(small.root / "ledger.jsonl")}}
    receipt(small, uses="federation.run", **failed)

    with pytest.raises(AssetMissingError, match=r"federation-run of run .* failed"):
        last_ledger(small.project)
    assert small.verdicts("resources.duration", minutes=30) == {"not-available"}


def test_a_journal_with_the_outcome_of_each_step_is_complete(ran):
    [finding] = ran.ask("logs.complete")

    assert (finding.verdict, finding.message) == ("pass", "1 steps, each with its outcome and time")


def test_a_damaged_journal_fails(ran):
    [run] = run_directories(ran.project)
    run.journal.write_text("not JSON\n" + run.journal.read_text())

    assert ran.verdicts("logs.complete") == {"fail"}


def test_without_a_run_there_is_no_journal(small):
    with pytest.raises(AssetMissingError, match="no workflow has run yet"):
        small.ask("logs.complete")


TIB = 1024**4


def federation(small, receipt, peak: int | None, device: str = "cpu") -> None:
    opened = RunOpened(
        seed=0,
        configuration={"device": Setting(value=device, source="default")},
        git=GitState(),
        versions={},
        clients=[],
        parameters=1,
        trainable=1,
        tensors=1,
        frozen_digest="f",
        statistics_digest="s",
    )
    series = ("policy_loss", "proximal_loss", "total_loss", "gradient_norm", "proximal_ratio", "learning_rate", "drift")
    training = Training(
        round=1,
        client="a",
        partition=0,
        steps=1,
        batch_size=1,
        examples=1,
        settings={},
        update_norm={},
        digest_in="a",
        digest_out="b",
        resources=Resources(peak_memory=peak),
        **{name: [1.0] for name in series},
    )
    path = small.root / "ledger.jsonl"
    path.write_text("".join(f"{event.model_dump_json()}\n" for event in (opened, training)))
    receipt(small, uses="federation.run", outputs={"ledger": str(path)})


def test_memory_has_to_fit_the_machine(small, receipt):
    federation(small, receipt, peak=2**20)
    assert small.verdicts("resources.memory") == {"pass"}

    federation(small, receipt, peak=4096 * TIB)
    assert small.verdicts("resources.memory") == {"fail"}

    federation(small, receipt, peak=None)
    assert small.verdicts("resources.memory") == {"not-available"}


def test_a_cpu_is_no_gpu_to_be_kept_busy_and_of_a_gpu_nothing_is_known(small, receipt):
    federation(small, receipt, peak=1)
    assert small.verdicts("resources.accelerator") == {"not-applicable"}

    federation(small, receipt, peak=1, device="cuda")
    assert small.verdicts("resources.accelerator") == {"not-available"}


def test_a_run_that_took_too_long_fails(small, receipt):
    receipt(small, uses="federation.run")

    [finding] = small.ask("resources.duration", minutes=1)

    assert finding.message == "Do federation.run took 1.5 min, at most 1 are allowed"
    assert small.verdicts("resources.duration", minutes=2) == {"pass"}


def test_a_finished_run_gave_everything_back(ran):
    assert ran.verdicts("resources.released") == {"pass"}


def test_a_process_and_a_half_written_file_of_a_finished_run_are_left_over(ran):
    [run] = run_directories(ran.project)
    command = [sys.executable, "-c", "import time; print(1, flush=True); time.sleep(30)"]
    with subprocess.Popen(command, env={**os.environ, "ZK0_RUN": str(run.path)}, stdout=subprocess.PIPE) as left:
        left.stdout.read(1)
        (run.path / ".report.json.999999999").touch()
        [finding] = ran.ask("resources.released")
        left.kill()

    assert finding.verdict == "fail"
    assert f"process {left.pid}" in finding.message
    assert ".report.json.999999999" in finding.message
    assert Path(run.path, ".report.json.999999999").exists()


def test_before_the_first_run_there_is_nothing_to_give_back(small):
    with pytest.raises(AssetMissingError, match="no workflow has run yet"):
        small.ask("resources.released")
