"""A run keeps its checklist rendered: after each step, and at its end."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from zk0.checklists import recording
from zk0.checklists.recording import ChecklistRecorder
from zk0.core.errors import ExitStatus, UnknownNameError
from zk0.core.project import Project
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Verdict, failed, passed
from zk0.workflow.events import RunFinished, RunStarted, StepFinished, StepWaiting

type MakeReceipt = Callable[..., Receipt]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ENOUGH = passed("8 episodes").model_copy(update={"check": "data.episodes"})
FALLS = passed("0.5 of the first").model_copy(update={"check": "loss.trend"})
RISES = failed("rises").model_copy(update={"check": "loss.trend"})


@dataclass(frozen=True)
class Spec:
    checklist: str | None = "training"


def page(project: Project, run: str = "run-1") -> str:
    return (project.runs_dir / run / "checklist.md").read_text()


def ended(project: Project, run: str = "run-1") -> RunFinished:
    return RunFinished(run, "train", project.runs_dir / run, Verdict.passed, ExitStatus.done, (), NOON + HOUR)


def test_the_checklist_is_there_after_the_first_step_and_grows_with_each(
    project: Project, make_receipt: MakeReceipt
) -> None:
    record = ChecklistRecorder(project, Spec())
    record(RunStarted("run-1", "train", project.runs_dir / "run-1", ("data", "federate"), NOON))

    data = make_receipt(ENOUGH, code=project.git_state())
    record(StepFinished(data))
    assert "**1 of 18 ticked.**" in page(project)

    record(StepFinished(make_receipt(FALLS, step="federate", code=project.git_state(), after=HOUR)))
    assert "**2 of 18 ticked.**" in page(project)


def test_the_end_of_a_run_renders_once_more(project: Project, make_receipt: MakeReceipt) -> None:
    record = ChecklistRecorder(project, Spec())
    for receipt in (make_receipt(ENOUGH, code=project.git_state()), make_receipt(RISES, step="federate")):
        record(StepFinished(receipt))

    record(ended(project))

    assert "**1 of 18 ticked.**" in page(project)
    assert "2026-03-01T13:00:00" in page(project)


def test_a_later_attempt_of_a_step_replaces_the_earlier(project: Project, make_receipt: MakeReceipt) -> None:
    record = ChecklistRecorder(project, Spec())
    record(StepFinished(make_receipt(RISES, step="federate", code=project.git_state())))

    record(StepFinished(make_receipt(FALLS, step="federate", code=project.git_state(), after=HOUR)))

    assert "- [x] The policy loss falls on every client." in page(project)


def test_other_runs_do_not_count(
    project: Project, make_receipt: MakeReceipt, save_receipt: Callable[..., None]
) -> None:
    save_receipt(project, make_receipt(ENOUGH, run="run-0", code=project.git_state()))

    ChecklistRecorder(project, Spec())(ended(project))

    assert "**0 of 18 ticked.**" in page(project)


def test_code_edited_during_the_run_opens_the_boxes_of_the_steps_before(
    project: Project, make_receipt: MakeReceipt
) -> None:
    record = ChecklistRecorder(project, Spec())
    record(StepFinished(make_receipt(ENOUGH, code=project.git_state())))
    (project.root / "train.py").write_text("mu = 0.1\n")

    record(ended(project))

    assert "the uncommitted changes are others since" in page(project)


def test_a_workflow_without_a_checklist_writes_none(project: Project, make_receipt: MakeReceipt) -> None:
    record = ChecklistRecorder(project, Spec(checklist=None))

    record(StepFinished(make_receipt(ENOUGH)))
    record(ended(project))

    assert not list(project.runs_dir.rglob("checklist.md"))


def test_a_checklist_that_does_not_exist_is_refused_before_the_run(project: Project) -> None:
    with pytest.raises(UnknownNameError, match="no checklist named 'traning'"):
        ChecklistRecorder(project, Spec(checklist="traning"))


def test_following_a_run_loads_nothing_heavy() -> None:
    code = "import sys, zk0.checklists.recording; print(*sys.modules)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)

    assert not {"torch", "lerobot", "flwr", "mujoco", "numpy", "scipy"} & set(told.stdout.split())


def test_a_step_that_no_item_rests_on_is_not_rendered_for_and_a_wait_is(
    project: Project, make_receipt: MakeReceipt, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = ChecklistRecorder(project, Spec())
    times: list[datetime] = []
    take = recording.take_snapshot
    monkeypatch.setattr(
        recording, "take_snapshot", lambda *given, now, **rest: times.append(now) or take(*given, now=now, **rest)
    )
    record(StepFinished(make_receipt(ENOUGH, code=project.git_state())))
    for number in range(50):
        record(StepFinished(make_receipt(step=f"other_{number}")))
    assert len(times) == 1

    record(StepWaiting("run-1", "fix", "Fix", "agent", 1, NOON + HOUR, project.root / "handover.md"))

    assert times[1:] == [NOON + HOUR]
