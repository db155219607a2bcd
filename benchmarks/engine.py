"""The cost of the engine: per step, per item, to read a journal, and to start.

Targets: a step that does nothing, its receipt and journal included, at most 10 ms (median); 1,000 items at most 15 s; a
journal of 100,000 events folds in at most 1 s; `zk0 run` reaches its first step within 0.6 s.

A step waits for the disk three times: the journal before and after it, and its receipt. On one machine an fsync was
seen to take 0.15 ms and, minutes before, 3 ms; so its cost is printed beside the step's, which says little without it.

For doit and Snakemake with the same chain see `benchmarks.others`.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.others import compare
from zk0.core.project import Project
from zk0.workflow.actions import Context, Inputs, Outputs, action
from zk0.workflow.engine import Engine, Outcome
from zk0.workflow.event_log import ReceiptRecorder
from zk0.workflow.events import Event, StepFinished, StepStarted
from zk0.workflow.inputs import resolve_inputs
from zk0.workflow.journal import EVENT, read_events
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.loading import parse_workflow
from zk0.workflow.plan import plan
from zk0.workflow.state import fold

STEPS, ITEMS, EVENTS, STARTS = 200, 1_000, 100_000, 7
HEAD = "name: bench\ntitle: A\npurpose: B\nsteps:\n"


class Nothing(Inputs):
    """Nothing."""


class Empty(Outputs):
    """Nothing."""


@action("benchmark.nothing")
def nothing(inputs: Nothing, context: Context) -> Empty:  # noqa: ARG001  the registry decides what it is given
    """Do nothing."""
    return Empty()


def measure() -> Iterator[tuple[str, str]]:
    """Yield the measurements, with units."""
    chain = "".join(f"  - {{id: s{number}, title: A, uses: benchmark.nothing}}\n" for number in range(STEPS))
    times = list(_times(chain))
    yield f"median cost of a no-op step of {STEPS}", f"{statistics.median(times) * 1000:.2f} ms (target 10 ms)"
    yield "one fsync on this disk, of three that a step waits for", f"{statistics.median(_fsyncs()) * 1000:.2f} ms"
    yield "the step's 95th percentile", f"{statistics.quantiles(times, n=20)[-1] * 1000:.2f} ms"
    before = time.perf_counter()
    _run(f"  - {{id: a, title: A, foreach: {list(range(ITEMS))}, uses: benchmark.nothing}}\n")
    yield f"{ITEMS} items of a foreach", f"{time.perf_counter() - before:.2f} s (target 15 s)"
    read, folded = _journal()
    yield f"fold of a journal of {EVENTS} events", f"{folded:.2f} s (target 1 s)"
    yield "reading and validating its lines", f"{read:.2f} s"
    yield (
        f"start of zk0 run to its first step, best of {STARTS}",
        f"{min(_start() for _ in range(STARTS)):.2f} s (target 0.6 s)",
    )
    yield from compare()


def _fsyncs() -> Iterator[float]:
    """Yield the seconds that the disk needs to store a line."""
    with TemporaryDirectory() as directory, (Path(directory) / "lines").open("ab", buffering=0) as stream:
        for _ in range(STEPS):
            stream.write(b"x" * 200)
            before = time.perf_counter()
            os.fsync(stream.fileno())
            yield time.perf_counter() - before


def _run(steps: str, *listeners: object) -> Outcome:
    spec, problems = parse_workflow(HEAD + steps)
    if spec is None:
        raise ValueError(problems)
    with TemporaryDirectory() as directory:
        project = Project(Path(directory))
        planned = plan(spec, resolve_inputs(spec, {}))
        return Engine(project, LiveEffects(project), [ReceiptRecorder(project), *listeners]).run(planned)  # type: ignore[list-item]


def _times(steps: str) -> Iterator[float]:
    """Yield the seconds from the end of one step to the end of the next."""
    ends: list[float] = []

    def listener(event: Event) -> None:
        if isinstance(event, StepFinished):
            ends.append(time.perf_counter())

    _run(steps, listener)
    return (late - early for early, late in pairwise(ends))


def _journal() -> tuple[float, float]:
    """Return the seconds to read a long journal, and to fold it."""
    events = _run("  - {id: a, title: A, uses: benchmark.nothing}\n")
    started = StepStarted(events.directory.id, "a", "A", 1, datetime.now(UTC))
    with TemporaryDirectory() as directory:
        path = Path(directory) / "journal.jsonl"
        line = EVENT.dump_json(started) + b"\n"
        first = json.dumps(
            {
                "kind": "run-started",
                "run": "r",
                "workflow": "w",
                "directory": "/",
                "steps": ["a"],
                "at": str(started.at),
            }
        )
        path.write_bytes(first.encode() + b"\n" + line * (EVENTS - 1))
        before = time.perf_counter()
        events = read_events(path)
        between = time.perf_counter()
        fold(events)
        return between - before, time.perf_counter() - between


def _start() -> float:
    """Return the seconds from the start of a process to its run's first step."""
    with TemporaryDirectory() as directory:
        root = Path(directory)
        (root / "pyproject.toml").touch()
        (root / "workflows").mkdir()
        (root / "workflows" / "bench.yaml").write_text(
            HEAD + "  - {id: a, title: A, run: ['true']}\n", encoding="utf-8"
        )
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        before = time.time()
        command = [sys.executable, "-m", "zk0", "run", "bench", "--quiet"]
        subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)  # noqa: S603  our own program
        [journal] = root.glob(".zk0/runs/*/journal.jsonl")
        first = next(event for event in read_events(journal) if isinstance(event, StepStarted))
        return first.at.timestamp() - before
