"""A run is followed, and remembered when it ends."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import zk0
from zk0.core.errors import ExitStatus, SecretError, SpecError
from zk0.core.project import Project
from zk0.core.receipts import Failure, Receipt, ReceiptStore
from zk0.core.verdicts import Evidence, Verdict, failed, passed
from zk0.memory.bank import Bank
from zk0.memory.entries import Kind
from zk0.memory.evidence import EvidenceReader, value_at
from zk0.memory.freshness import assess
from zk0.memory.page_seal import is_sealed
from zk0.memory.recording import MemoryRecorder, seconds_worked, write_pages
from zk0.memory.verification import verify
from zk0.workflow.events import (
    JournalEvent,
    RunCancelled,
    RunFinished,
    RunResumed,
    RunStarted,
    StepFinished,
    StepSkipped,
    StepStarted,
    StepWaiting,
)
from zk0.workflow.journal import Journal

type MakeReceipt = Callable[..., Receipt]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LOSS = Evidence(name="last loss", value=0.25)
FALLS = passed("falls", evidence=[LOSS]).model_copy(update={"check": "loss.trend"})
RISES = failed("rises", evidence=[LOSS], workflow="fedprox-debug").model_copy(update={"check": "loss.trend"})


@dataclass(frozen=True)
class Spec:
    name: str = "train"
    steps: tuple[object, ...] = ()


def page(project: Project, name: str = "context.md") -> str:
    return (project.memory_dir / name).read_text()


def write_workflow(project: Project) -> None:
    path = project.root / "workflows" / "train.yaml"
    path.parent.mkdir()
    path.write_text("name: train\ntitle: T\npurpose: P\nsteps:\n  - {id: data, title: Prepare, uses: data.prepare}\n")


def perform(project: Project, *receipts: Receipt, run: str = "run-1", at: datetime = NOON + HOUR) -> None:
    """Tell a recorder what the engine tells, storing receipts as it does."""
    record = MemoryRecorder(project, Spec())
    directory = project.runs_dir / run
    events: list[JournalEvent] = [RunStarted(run, "train", directory, ("data", "federate", "fix"), NOON)]
    events += [StepFinished(receipt) for receipt in receipts]
    events.append(StepSkipped(run, "fix", "Correct it", "its `when` is false", NOON))
    failed_steps = [receipt for receipt in receipts if receipt.verdict.stops]
    verdict = Verdict.failed if failed_steps else Verdict.passed
    proposals = ("fedprox-debug",) if failed_steps else ()
    status = ExitStatus.failed if failed_steps else ExitStatus.done
    events.append(RunFinished(run, "train", directory, verdict, status, proposals, at))
    directory.mkdir(parents=True, exist_ok=True)
    for event in events:
        Journal(directory / "journal.jsonl").append(event)
        if isinstance(event, StepFinished):
            ReceiptStore(project.runs_dir).save(event.receipt)
        record(event)


def test_the_page_shows_the_run_from_its_first_step_on(project: Project, make_receipt: MakeReceipt) -> None:
    record = MemoryRecorder(project, Spec())

    record(RunStarted("run-1", "train", project.runs_dir / "run-1", ("data", "federate"), NOON))
    assert "Run `run-1` of `train`: 0 of 2 steps ended." in page(project)

    data = make_receipt(step="data")
    record(StepFinished(data))
    assert f"1 of 2 steps ended.\n\n- The step data: pass (receipt `{data.digest}`)" in page(project)

    ReceiptStore(project.runs_dir).save(data)
    record(StepFinished(make_receipt(FALLS, after=HOUR)))
    assert "2 of 2 steps ended." in page(project)


def test_a_finished_run_is_one_entry_and_both_pages_tell_of_it(project: Project, make_receipt: MakeReceipt) -> None:
    write_workflow(project)
    federate = make_receipt(FALLS, code=project.git_state())
    perform(project, make_receipt(step="data", code=project.git_state()), federate)

    [entry] = Bank.of(project).read().entries
    assert (entry.kind, entry.generated.by) == (Kind.result, f"process:zk0 {zk0.__version__}")
    assert entry.commit == project.git_state().commit
    assert entry.run
    assert [step.id for step in entry.run.steps] == ["data", "federate", "fix"]
    assert "## In progress" not in page(project)
    assert f"| loss.trend: last loss | 0.25 |  | `{federate.digest}` |" in page(project)
    assert f"entry `{entry.id}`" in page(project, "tasks.md")


def test_every_number_on_the_page_is_in_a_stored_receipt(project: Project, make_receipt: MakeReceipt) -> None:
    results = [{"name": f"loss of client {n}", "value": n / 7, "unit": ""} for n in range(4)]
    perform(project, make_receipt(FALLS, outputs={"results": results}))

    stored = {receipt.digest: receipt for receipt in ReceiptStore(project.runs_dir).all()}
    [entry] = Bank.of(project).read().entries

    assert len(entry.sources) == 4
    for source in entry.sources:
        assert value_at(stored[source.receipt or ""], source.metric or "") == source.value
        assert f"| {source.name} | " in page(project)


def test_a_fault_is_open_until_a_run_finds_it_right(project: Project, make_receipt: MakeReceipt) -> None:
    perform(project, make_receipt(RISES))
    assert "- **train/federate** `loss.trend`: rises. Repair: `zk0 run fedprox-debug`." in page(project)
    assert "- `zk0 run fedprox-debug`, proposed by run `run-1`" in page(project)

    perform(project, make_receipt(RISES, run="run-2"), run="run-2", at=NOON + 2 * HOUR)
    assert len(Bank.of(project).read().counting(Kind.fault)) == 1

    perform(project, make_receipt(FALLS, run="run-3"), run="run-3", at=NOON + 3 * HOUR)
    assert "## Open findings\n\nNone." in page(project)
    assert "proposed by" not in page(project)
    assert page(project).count("### train") == 1
    assert len(list(Bank.of(project).entries_dir.glob("*.md"))) == 5  # three results, a fault, its closing


def test_many_runs_keep_the_page_small_and_lose_no_entry(project: Project, make_receipt: MakeReceipt) -> None:
    for number in range(40):
        at = NOON + number * HOUR
        run = f"run-{number}"
        perform(project, make_receipt(FALLS if number % 3 else RISES, run=run), run=run, at=at)

    reading = Bank.of(project).read()
    assert len([entry for entry in reading.entries if entry.kind is Kind.result]) == 40
    assert [entry.run and entry.run.id for entry in reading.counting(Kind.result)] == ["run-39"]
    assert len(page(project).encode()) <= 8192


def test_a_page_of_a_person_is_left_alone_when_a_run_begins(project: Project) -> None:
    project.memory_dir.mkdir()
    (project.memory_dir / "context.md").write_text("# Mine\n")

    with pytest.raises(SpecError, match=r"context\.md was not written by zk0"):
        MemoryRecorder(project, Spec())(RunStarted("run-1", "train", project.runs_dir / "run-1", (), NOON))

    assert page(project) == "# Mine\n"


def test_a_page_of_a_person_costs_no_entry_and_the_other_page_is_rendered(project: Project) -> None:
    project.memory_dir.mkdir()
    (project.memory_dir / "context.md").write_text("# Mine\n")
    directory = project.runs_dir / "run-1"
    with pytest.raises(SpecError, match=r"context\.md"):
        MemoryRecorder(project, Spec())(
            RunFinished("run-1", "train", directory, Verdict.passed, ExitStatus.done, (), NOON)
        )

    assert page(project) == "# Mine\n"
    assert is_sealed(page(project, "tasks.md"))
    assert len(Bank.of(project).read().entries) == 1


def test_the_pages_can_be_written_without_a_run_and_leave_the_prose_alone(project: Project) -> None:
    project.memory_dir.mkdir()
    (project.memory_dir / "brief.md").write_text("Ours.\n")

    write_pages(project, NOON)

    assert "No workflow has run yet" in page(project)
    assert page(project, "tasks.md").startswith("<!-- Rendered by zk0")
    assert page(project, "brief.md") == "Ours.\n"


def test_following_a_run_loads_nothing_heavy() -> None:
    code = "import sys, zk0.memory.recording; print(*sys.modules)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)

    assert not {"torch", "lerobot", "flwr", "mujoco", "numpy", "scipy"} & set(told.stdout.split())


def test_a_run_shows_what_it_waits_for_and_the_others_that_have_not_ended(
    project: Project, make_receipt: MakeReceipt
) -> None:
    record = MemoryRecorder(project, Spec())
    record(RunStarted("run-1", "train", project.runs_dir / "run-1", ("data", "fix"), NOON))
    record(StepFinished(make_receipt(step="data")))
    handover = project.runs_dir / "run-1" / "steps" / "fix" / "handover.md"

    record(StepWaiting("run-1", "fix", "Correct it", "agent", 0, NOON, handover))

    assert (
        "It waits for an agent: Correct it. Read `.zk0/runs/run-1/steps/fix/handover.md`, then `zk0 resume run-1`."
        in page(project)
    )
    assert "- The step data: pass" in page(project)


def test_a_step_that_ends_changes_its_run_s_region_alone(project: Project, make_receipt: MakeReceipt) -> None:
    record = MemoryRecorder(project, Spec())
    record(RunStarted("run-1", "train", project.runs_dir / "run-1", ("data", "federate"), NOON))
    Bank.of(project).write_page("context.md", lambda old: old.replace("## Decisions in force", "## A mark of ours"))

    record(StepFinished(make_receipt(step="data")))

    assert "1 of 2 steps ended" in page(project)
    assert "## A mark of ours" in page(project)


def test_the_receipts_of_all_steps_are_carried_by_the_bank(project: Project, make_receipt: MakeReceipt) -> None:
    data, federate = make_receipt(step="data"), make_receipt(FALLS)
    perform(project, data, federate)

    carried = {path.stem for path in (project.memory_dir / "evidence").iterdir()}

    assert carried == {data.digest, federate.digest}
    assert all(path.read_text().count("\n") == 1 for path in (project.memory_dir / "evidence").iterdir())


def test_what_changed_while_a_run_asked_for_it_is_named_and_vouched_for(
    project: Project, make_receipt: MakeReceipt
) -> None:
    record = MemoryRecorder(project, Spec())
    directory = project.runs_dir / "run-1"
    record(RunStarted("run-1", "train", directory, ("fix",), NOON))
    (project.root / "train.py").write_text("mu = 0.1\n")
    handover = directory / "steps" / "fix" / "handover.md"
    record(StepWaiting("run-1", "fix", "Correct it", "agent", 0, NOON, handover))
    resumed = MemoryRecorder(project, Spec())  # another process, told again what happened
    for event in (
        RunStarted("run-1", "train", directory, ("fix",), NOON),
        StepFinished(make_receipt(step="fix").changed(uses="ask.agent")),
        RunFinished("run-1", "train", directory, Verdict.passed, ExitStatus.done, (), NOON),
    ):
        resumed(event)

    [entry] = Bank.of(project).read().entries
    assert entry.run
    assert entry.run.files == ("train.py",)
    assert entry.tree == EvidenceReader(project).tree()


def test_a_result_does_not_vouch_for_code_that_somebody_changed_while_it_ran(
    project: Project, make_receipt: MakeReceipt
) -> None:
    record = MemoryRecorder(project, Spec())
    directory = project.runs_dir / "run-1"
    record(RunStarted("run-1", "train", directory, ("data",), NOON))
    (project.root / "train.py").write_text("mu = 0.1\n")
    record(StepFinished(make_receipt(step="data")))
    record(RunFinished("run-1", "train", directory, Verdict.passed, ExitStatus.done, (), NOON))

    [entry] = Bank.of(project).read().entries
    assert entry.tree is None
    assert "the code changed while it ran: train.py" in assess(entry, EvidenceReader(project), NOON).reasons


def test_a_secret_in_a_message_is_left_out_and_the_result_is_kept(project: Project, make_receipt: MakeReceipt) -> None:
    token = f"hf_{'a1B2c3D4e5' * 4}"
    failure = Failure(code="ZK101", message=f"refused with {token} as token", remedy=f"do not send {token}")

    with pytest.raises(SecretError, match="so the repository can't keep it"):
        perform(project, make_receipt(failure=failure))

    texts = [path.read_text() for path in project.memory_dir.rglob("*") if path.is_file()]
    assert not any(token in text for text in texts)
    assert any("refused with [secret left out] as token" in text for text in texts)
    assert len(Bank.of(project).read().entries) == 2
    assert verify(project, NOON).is_wrong  # the result names a receipt that no clone has


def test_an_interrupted_run_has_no_result_until_it_ends_or_is_cancelled(
    project: Project, make_receipt: MakeReceipt
) -> None:
    perform(project, make_receipt(FALLS))
    before = sorted(project.memory_dir.rglob("*.*"))
    directory = project.runs_dir / "run-2"
    record = MemoryRecorder(project, Spec())
    record(RunStarted("run-2", "train", directory, ("data",), NOON))
    record(StepFinished(make_receipt(step="data", run="run-2")))

    record(RunFinished("run-2", "train", directory, Verdict.passed, ExitStatus.interrupted, (), NOON + HOUR))

    assert sorted(project.memory_dir.rglob("*.*")) == before
    assert "It was stopped: `zk0 resume run-2`, or `zk0 cancel run-2`." in page(project)

    record(RunCancelled("run-2", NOON + 2 * HOUR))

    good, result = Bank.of(project).read().counting(Kind.result)
    assert (good.run.id, good.title) == ("run-1", "train: pass after 2 s")
    assert (result.run.id, result.title) == ("run-2", "train: cancelled after 2 s")
    assert "It was stopped" not in page(project)
    assert f"| loss.trend: last loss | 0.25 |  | `{good.sources[0].receipt}` |" in page(project)
    assert "Later, run `run-2` was broken off: train: cancelled after 2 s" in page(project)

    perform(project, make_receipt(FALLS, run="run-3"), run="run-3", at=NOON + 3 * HOUR)
    assert [entry.run.id for entry in Bank.of(project).read().counting(Kind.result)] == ["run-3"]


def test_a_duration_is_the_time_that_zk0_worked(tmp_path: Path, make_receipt: MakeReceipt) -> None:
    path = tmp_path / "journal.jsonl"
    journal, minute = Journal(path), timedelta(minutes=1)
    for event in (
        RunStarted("run-1", "train", tmp_path, ("old", "data", "fix"), NOON),
        StepFinished(make_receipt(step="old", after=-HOUR)),  # reused
        StepStarted("run-1", "data", "Prepare", 1, NOON + minute),
        RunFinished("run-1", "train", tmp_path, Verdict.passed, ExitStatus.interrupted, (), NOON + 5 * minute),
        RunResumed("run-1", NOON + 20 * HOUR),
        StepWaiting("run-1", "fix", "Correct it", "agent", 0, NOON + 20 * HOUR + minute, tmp_path),
        RunCancelled("run-1", NOON + 40 * HOUR),
    ):
        journal.append(event)

    assert seconds_worked(path) == 6 * 60
    assert seconds_worked(tmp_path / "none.jsonl") == 0
