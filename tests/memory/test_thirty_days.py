"""Thirty days of a busy project: two branches, three writers at once, merges, and a bank that stays small and true.

The runs are told to the real recorder, as the engine tells them; git is real, and needs no merge driver.
"""

import os
import random
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from zk0.core.errors import ExitStatus
from zk0.core.project import Project
from zk0.core.receipts import Receipt, ReceiptStore
from zk0.core.verdicts import Evidence, Finding, Verdict, failed, passed
from zk0.memory.adding import EntryDraft, add_entry
from zk0.memory.bank import Bank
from zk0.memory.context import BUDGET
from zk0.memory.entries import Kind
from zk0.memory.evidence import EvidenceReader
from zk0.memory.prime import prime
from zk0.memory.pruning import archive, proposals
from zk0.memory.recording import MemoryRecorder, install, write_pages
from zk0.memory.rendering import number
from zk0.memory.verification import verify
from zk0.workflow.events import JournalEvent, RunFinished, RunStarted, StepFinished
from zk0.workflow.journal import Journal

BEGUN = datetime(2026, 3, 1, 8, tzinfo=UTC)
DAYS = 30
RUNS = {"train": 2, "tune": 1}  # a day, on each of two branches
STEPS = ("data", "federate", "validation")
AUTHOR = {f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@dataclass(frozen=True)
class Spec:
    name: str
    steps: tuple[object, ...] = ()


class Branch:
    """One working tree, with its writers."""

    def __init__(self, root: Path, seed: int) -> None:
        self.project = Project(root)
        self.chance = random.Random(seed)
        self.runs = 0
        self.written: set[str] = set()

    def git(self, *arguments: str) -> str:
        environment = {**os.environ, **AUTHOR, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = ["git", "-C", str(self.project.root), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def day(self, today: datetime, pool: ThreadPoolExecutor) -> None:
        """Let two workflows run and an agent write, all at once, and commit what they learned."""
        writers: list[Callable[[], None]] = [
            lambda: self.perform("train", today),
            lambda: self.perform("tune", today),
            lambda: self.think(today) if today.day % 3 == 0 else None,
        ]
        for done in [pool.submit(writer) for writer in writers]:
            done.result()
        self.written |= {path.stem for path in (self.project.memory_dir / "entries").glob("*.md")}
        self.git("add", "memory-bank")
        self.git("commit", "--quiet", "--message", f"Day {today:%d}")

    def perform(self, workflow: str, today: datetime) -> None:
        for hour in range(RUNS[workflow]):
            at = today + timedelta(hours=hour, minutes=self.chance.randrange(30))
            run = f"{at:%Y%m%d-%H%M%S}-{workflow}-{self.chance.randrange(0x10000):04x}"
            directory = self.project.runs_dir / run
            directory.mkdir(parents=True)
            record = self.recorder(workflow, directory)
            record(RunStarted(run, workflow, directory, STEPS, at))
            verdicts = []
            for place, step in enumerate(STEPS):
                receipt = self.receipt(run, workflow, step, at + timedelta(minutes=place))
                verdicts.append(receipt.verdict)
                ReceiptStore(self.project.runs_dir).save(receipt)
                record(StepFinished(receipt))
            verdict = Verdict.failed if Verdict.failed in verdicts else Verdict.passed
            proposals = ("fedprox-debug",) if verdict is Verdict.failed else ()
            record(
                RunFinished(run, workflow, directory, verdict, ExitStatus.done, proposals, at + timedelta(minutes=9))
            )
            self.runs += 1

    def recorder(self, workflow: str, directory: Path) -> Callable[[JournalEvent], None]:
        """Return a function that writes an event to the journal, as the engine does, and passes it on."""
        journal, record = Journal(directory / "journal.jsonl"), MemoryRecorder(self.project, Spec(workflow))

        def append(event: JournalEvent) -> None:
            journal.append(event)
            record(event)

        return append

    def receipt(self, run: str, workflow: str, step: str, at: datetime) -> Receipt:
        loss = Evidence(name="last loss", value=self.chance.random())
        finding: Finding = passed("falls", evidence=[loss])
        if step == "federate" and self.chance.random() < 0.3:
            finding = failed(f"it rises to {loss.value:.3f}", evidence=[loss], cause="mu is too large")
        return Receipt(
            run=run,
            workflow=workflow,
            step=step,
            title=f"The step {step}",
            uses=f"{workflow}.{step}",
            inputs={"rounds": 3},
            code=self.project.git_state() if step == "data" and self.runs == 0 else {},  # type: ignore[arg-type]
            environment={},
            started=at,
            finished=at + timedelta(seconds=40),
            outputs={"results": [{"name": f"loss of client {n}", "value": self.chance.random()} for n in range(6)]},
            findings=(finding.model_copy(update={"check": "loss.trend"}),),
            verdict=finding.verdict,
        )

    def think(self, today: datetime) -> None:
        """Decide, replace the last focus, and note what is next, as an agent does."""
        at = today + timedelta(hours=4)
        where = ["mu=config:tool.flwr.app.config.proximal-mu", "file:train.py:1"]
        add_entry(
            self.project, EntryDraft(Kind.decision, f"mu stays, seen {at:%d.%m.}", "agent:a", "Why. " * 40, where), at
        )
        reading = Bank.of(self.project).read()
        before = [entry.id for entry in reading.counting(Kind.focus)]
        add_entry(self.project, EntryDraft(Kind.focus, f"day {at:%d}", "person:ada", "", where, before), at)


@pytest.fixture
def branches(tmp_path: Path) -> tuple[Branch, Branch]:
    root = tmp_path / "main"
    root.mkdir()
    main = Branch(root, 1)
    main.git("init", "--quiet", "--initial-branch", "main")
    (root / ".gitignore").write_text(".zk0/\n")
    (root / "train.py").write_text("mu = 0.01\n")
    (root / "pyproject.toml").write_text("[tool.flwr.app.config]\nproximal-mu = 0.01\n")
    (root / "workflows").mkdir()
    for name in ("train", "tune", "fedprox-debug"):
        text = f"name: {name}\ntitle: T\npurpose: P\nsteps:\n  - {{id: data, title: D, run: ['true']}}\n"
        (root / "workflows" / f"{name}.yaml").write_text(text)
    list(install(main.project, BEGUN))
    Bank.of(main.project).append_note("notes", "Mind the camera.")
    main.git("add", ".")
    main.git("commit", "--quiet", "--message", "Begin")
    main.git("worktree", "add", "--quiet", "-b", "tuning", str(tmp_path / "tuning"))
    return main, Branch(tmp_path / "tuning", 2)


@pytest.mark.slow
def test_thirty_busy_days_leave_a_small_true_bank_and_lose_nothing(branches: tuple[Branch, Branch]) -> None:
    main, tuning = branches
    with ThreadPoolExecutor(3) as pool:
        for day in range(DAYS):
            today = BEGUN + timedelta(days=day)
            for branch in branches:
                branch.day(today, pool)
                text = (branch.project.memory_dir / "context.md").read_text()
                assert len(text.encode()) <= BUDGET
                assert "Mind the camera." in text
            if day % 7 == 6:
                merge_and_prune(main, tuning, today + timedelta(hours=12))
    end = BEGUN + timedelta(days=DAYS)
    merge_and_prune(main, tuning, end)

    report = verify(main.project, end)
    kept = {path.stem for name in ("entries", "archive") for path in (main.project.memory_dir / name).glob("*.md")}
    assert main.runs + tuning.runs == 2 * DAYS * sum(RUNS.values())
    assert main.written | tuning.written <= kept
    assert report.problems == ()
    assert report.contradictions == ()
    assert {name for name, count in report.counts.items() if count} == {"fresh"}
    assert "memory-bank/context.md" not in main.git("ls-files")
    assert_every_number_is_in_a_receipt(main.project)
    assert prime(main.project, end).tokens <= 2000


def merge_and_prune(main: Branch, tuning: Branch, now: datetime) -> None:
    """Merge the branch into main and back; git finds no conflict, and pruning moves what has been over for a week."""
    main.git("merge", "--quiet", "-m", "Merge", "tuning")
    found = proposals(Bank.of(main.project).read(), now, kept=timedelta(days=7))
    archive(main.project, [one.entry.id for one in found])
    write_pages(main.project, now)
    main.git("add", "memory-bank")
    main.git("commit", "--quiet", "--allow-empty", "--message", "Prune")
    tuning.git("merge", "--quiet", "-m", "Merge", "main")


def assert_every_number_is_in_a_receipt(project: Project) -> None:
    text = (project.memory_dir / "context.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| loss of")]
    witness = EvidenceReader(Project(project.root))
    assert rows
    for name, value, _, digest in rows:
        receipt = witness.receipt(digest.strip("`"))
        assert receipt, digest
        said = {result["name"]: number(result["value"]) for result in receipt["outputs"]["results"]}
        assert said[name] == value
