"""The cost of the memory: per step of a recorded run, and of queries to a bank of 1,000 entries.

Targets: recording adds little to a step (the engine's own target is 10 ms with its receipt; here both are measured);
`zk0 memory verify` of 1,000 entries within 5 s; `zk0 prime` within 0.5 s, as a whole process.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.engine import HEAD
from zk0.core.project import Project
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Verdict
from zk0.memory.bank import Bank
from zk0.memory.entries import Entry, with_id
from zk0.memory.frontmatter import write_entry
from zk0.memory.recording import MemoryRecorder, write_pages
from zk0.memory.search import search
from zk0.memory.verification import verify
from zk0.workflow.engine import Engine
from zk0.workflow.event_log import ReceiptRecorder
from zk0.workflow.events import Event, StepFinished
from zk0.workflow.inputs import resolve_inputs
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.loading import parse_workflow
from zk0.workflow.plan import plan

STEPS, ENTRIES, STARTS = 200, 1_000, 7
BEGUN = datetime(2026, 3, 1, tzinfo=UTC)


def measure() -> Iterator[tuple[str, str]]:
    """Yield the measurements, with units."""
    with TemporaryDirectory() as directory:
        project = _project(Path(directory))
        plain, remembered = (statistics.median(_steps(project, remember=remember)) * 1000 for remember in (False, True))
        yield f"median no-op step of {STEPS} with its receipt", f"{plain:.2f} ms"
        yield "the same, remembered", f"{remembered:.2f} ms (target 10 ms)"
        fill(project)
        remembered = statistics.median(_steps(project, remember=True)) * 1000
        yield f"the same, in a bank of {ENTRIES} entries", f"{remembered:.2f} ms"
        now = datetime.now(UTC)
        yield f"verify of {ENTRIES} entries", f"{_seconds(lambda: verify(project, now)):.2f} s (target 5 s)"
        yield "search", f"{_seconds(lambda: search(Bank.of(project), 'loss of client')):.2f} s"
        yield "rendering both pages", f"{_seconds(lambda: write_pages(project, now)):.2f} s"
        yield (
            f"zk0 prime, as a process, best of {STARTS}",
            f"{min(_seconds(lambda: _prime(project)) for _ in range(STARTS)):.2f} s (target 0.5 s)",
        )


def _project(root: Path) -> Project:
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)  # noqa: S603, S607  a constant command
    (root / "pyproject.toml").write_text("[tool.bench]\nmu = 0.01\n", encoding="utf-8")
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@example.org")
    for command in (("add", "."), ("commit", "--quiet", "--message", "Begin")):
        subprocess.run(["git", "-C", str(root), *identity, *command], check=True)  # noqa: S603, S607  the same
    return Project(root)


def fill(project: Project) -> None:
    """Give a project a bank: results with numbers of carried receipts, most of them superseded, and decisions."""
    bank = Bank.of(project)
    bank.entries_dir.mkdir(parents=True, exist_ok=True)
    (bank.directory / "evidence").mkdir(exist_ok=True)
    earlier: tuple[str, ...] = ()
    for number in range(ENTRIES):
        at = BEGUN + timedelta(hours=number)
        receipt = _receipt(f"run-{number}", at)
        path = bank.directory / "evidence" / f"{receipt.digest}.json"
        path.write_text(receipt.model_dump_json(indent=2), encoding="utf-8")
        sources = [
            {"name": f"loss {n}", "receipt": receipt.digest, "metric": f"outputs.results.{n}.value", "value": n / 7}
            for n in range(10)
        ]
        fields: dict[str, object] = {"kind": "result", "title": f"train {number}", "sources": sources}
        fields["supersedes"] = earlier
        fields["run"] = {"id": receipt.run, "workflow": "train", "verdict": "pass", "seconds": 1.0}
        if number % 4 == 0:
            source = {"name": f"mu {number}", "config": "tool.bench.mu", "value": 0.01}
            fields = {"kind": "decision", "title": f"mu stays at 0.01 ({number})", "sources": [source, *sources]}
        entry = with_id(Entry.model_validate({"generated": {"by": "process:bench", "at": at}, **fields}))
        (bank.entries_dir / f"{entry.id}.md").write_text(write_entry(entry), encoding="utf-8")
        earlier = (entry.id,) if number % 4 else earlier


def _receipt(run: str, at: datetime) -> Receipt:
    results = [{"name": f"loss {n}", "value": n / 7, "unit": ""} for n in range(10)]
    return Receipt(
        run=run,
        workflow="train",
        step="federate",
        title="Federate",
        uses="federation.run",
        inputs={"rounds": 3},
        code={"commit": "0" * 40},  # type: ignore[arg-type]  pydantic makes it one
        environment={"torch": "2.9"},
        started=at,
        finished=at,
        outputs={"results": results, "table": [[str(n) for n in range(6)] for _ in range(20)]},
        verdict=Verdict.passed,
    )


def _steps(project: Project, *, remember: bool) -> Iterator[float]:
    """Yield the seconds from the end of one step to the end of the next."""
    ends: list[float] = []

    def listener(event: Event) -> None:
        if isinstance(event, StepFinished):
            ends.append(time.perf_counter())

    chain = "".join(f"  - {{id: s{number}, title: A, uses: benchmark.nothing}}\n" for number in range(STEPS))
    spec, problems = parse_workflow(HEAD + chain)
    if spec is None:
        raise ValueError(problems)
    recorders = [ReceiptRecorder(project), *([MemoryRecorder(project, spec)] if remember else []), listener]
    Engine(project, LiveEffects(project), recorders).run(plan(spec, resolve_inputs(spec, {})))
    return (late - early for early, late in pairwise(ends))


def _seconds(work: Callable[[], object]) -> float:
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def _prime(project: Project) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "zk0", "prime"]
    subprocess.run(command, cwd=project.root, env=environment, check=True, capture_output=True)  # noqa: S603  our own
