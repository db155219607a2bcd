"""Runs that have not ended: found by the end of their journals, told within their room."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from zk0.core.project import Project
from zk0.core.verdicts import Verdict
from zk0.memory.context import BUDGET
from zk0.memory.entries import StepRecord
from zk0.memory.unfinished_runs import RESERVE, RunningRun, open_runs, region, running_runs, with_region
from zk0.workflow.lock import acquire
from zk0.workflow.run import RunDirectory

BEGUN = {
    "kind": "run-started",
    "run": "r",
    "workflow": "w",
    "directory": "/",
    "steps": ["a"],
    "at": "2026-03-01T12:00Z",
}


def write_run(project: Project, name: str, *events: dict[str, object], torn: str = "") -> None:
    directory = project.runs_dir / name
    directory.mkdir(parents=True)
    (directory / "journal.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events) + torn)


def steps(count: int, note: str = "") -> list[StepRecord]:
    return [StepRecord(id=f"s{n}", title=f"Step {n}", verdict=Verdict.passed, note=note) for n in range(count)]


def test_a_run_is_open_until_its_journal_ends(project: Project) -> None:
    write_run(project, "20260301-120000-w-0001", BEGUN, {"kind": "run-finished"})
    write_run(project, "20260301-120001-w-0002", BEGUN, {"kind": "run-finished"}, {"kind": "run-cancelled"})
    write_run(project, "20260301-120002-w-0003", BEGUN, {"kind": "run-finished"}, {"kind": "run-resumed"})
    write_run(project, "20260301-120003-w-0004", BEGUN, torn='{"kind": "run-fin')
    write_run(project, "20260301-120004-w-0005")
    write_run(project, "20260301-120005-w-0006", BEGUN, {"kind": "step-finished", "long": "x" * 100_000})

    found = [run.run[-4:] for run in open_runs(project)]

    assert found == ["0006", "0004", "0003"]


def test_a_run_that_waits_says_for_whom_and_where_they_read_what(project: Project) -> None:
    handover = project.runs_dir / "20260301-120000-w-0001" / "steps" / "fix" / "handover.md"
    waits = {"kind": "step-waiting", "step": "fix", "title": "Fix it", "ask": "agent", "handover": str(handover)}
    write_run(project, "20260301-120000-w-0001", BEGUN, waits)

    [run] = open_runs(project)

    assert run.waiting
    assert (run.waiting.who, run.waiting.title) == ("an agent", "Fix it")
    assert run.waiting.handover == ".zk0/runs/20260301-120000-w-0001/steps/fix/handover.md"


def test_a_region_tells_the_last_steps_that_there_is_room_for() -> None:
    run = RunningRun("r", "train", 9, steps(7))

    assert "7 of 9 steps ended. The last 5:" in region(run, RESERVE)
    assert "Step 2:" in region(run, RESERVE)
    assert "Step 1:" not in region(run, RESERVE)
    assert len(region(RunningRun("r", "train", 9, steps(7, "ü" * 300)), RESERVE).encode()) <= RESERVE
    assert "Step" not in region(run, 10)


def test_a_page_gets_the_new_region_in_the_place_of_the_old_within_its_budget() -> None:
    begun = RunningRun("r", "train", 9, [])
    page = f"# Context\n\n{region(begun, RESERVE)}\n\n## Last results\n"
    later = RunningRun("r", "train", 9, steps(2))

    assert with_region(page, later, BUDGET) == f"# Context\n\n{region(later, RESERVE)}\n\n## Last results\n"
    assert with_region(page, RunningRun("other", "train", 9, []), BUDGET) is None
    assert with_region(page, later, len(page) + 2) == page.replace("0 of 9", "2 of 9")


@pytest.mark.parametrize("name", ["r-->", "<b>"])
def test_a_name_makes_no_marker_of_its_own(name: str) -> None:
    text = region(RunningRun(name, "train", 0, []), RESERVE)

    assert text.splitlines()[0].count("-->") == 1


def test_there_is_nothing_open_where_nothing_ran(tmp_path: Path) -> None:
    assert list(open_runs(Project(tmp_path))) == []


def test_a_run_that_nobody_performs_was_stopped(project: Project) -> None:
    write_run(project, "20260301-120000-w-0001", BEGUN)

    [run] = running_runs(project)

    assert run.stopped
    assert "It was stopped: `zk0 resume r`, or `zk0 cancel r`." in region(run, RESERVE)


def test_to_look_at_the_run_of_this_process_does_not_give_up_its_lock(project: Project) -> None:
    write_run(project, "20260301-120000-w-0001", BEGUN)
    directory = RunDirectory(project.runs_dir / "20260301-120000-w-0001")
    other = "import sys; from pathlib import Path; from zk0.workflow.lock import owner; "
    other += "from zk0.workflow.run import RunDirectory; print(owner(RunDirectory(Path(sys.argv[1]))))"

    with acquire(directory):
        [run] = running_runs(project)
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", other, str(directory.path)]
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert not run.stopped
    assert told == f"{os.getpid()}\n"
