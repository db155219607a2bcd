"""The cost of the engine: per step, per item, to read a journal, to lint and plan a long file, and to start.

Targets: a step that does nothing, with all that `zk0 run` records of it, at most 5 ms, whether a run has ten steps or a
thousand; 1,000 items at most 15 s, and 1,000 that are reused at most 10 s; a journal of 100,000 events folds in at most
1 s; 10,000 steps are linted in at most 5 s and planned in at most 10 s; `zk0 run` reaches its first step within 0.4 s.

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
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.others import compare
from zk0.cli.wiring import perform, recorders
from zk0.core.project import Project
from zk0.workflow.actions import Context, Inputs, Outputs, action
from zk0.workflow.engine import Engine, Outcome
from zk0.workflow.event_log import ReceiptRecorder
from zk0.workflow.events import Event, StepFinished, StepStarted
from zk0.workflow.inputs import resolve_inputs
from zk0.workflow.journal import EVENT, read_events
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.loading import lint, load, parse_workflow
from zk0.workflow.plan import plan
from zk0.workflow.state import fold

STEPS, ITEMS, EVENTS, STARTS = 200, 1_000, 100_000, 7
LENGTHS = (10, 250, 1_000)  # steps of one run: what a step costs must not depend on how many there are
LONG_FILE = 10_000  # steps
HEAD = "name: trial\ntitle: A\npurpose: B\nsteps:\n"


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
    times = list(_times(_no_ops(STEPS)))
    yield f"median cost of a no-op step of {STEPS}", f"{statistics.median(times) * 1000:.2f} ms (target 5 ms)"
    yield "one fsync on this disk, of three that a step waits for", f"{statistics.median(_fsyncs()) * 1000:.2f} ms"
    yield "the step's 95th percentile", f"{statistics.quantiles(times, n=20)[-1] * 1000:.2f} ms"
    before = time.perf_counter()
    _run(f"  - {{id: a, title: A, foreach: {list(range(ITEMS))}, uses: benchmark.nothing}}\n")
    yield f"{ITEMS} items of a foreach", f"{time.perf_counter() - before:.2f} s (target 15 s)"
    for length in LENGTHS:
        cost = statistics.mean(_recorded(length)) * 1000
        yield f"a step of {length}, with all recorders of zk0 run, mean", f"{cost:.2f} ms (target 5 ms)"
    first, again = _reusable()
    yield f"{ITEMS} reusable items that run a program", f"{first:.2f} s"
    yield "the same, reused", f"{again:.2f} s (target 10 s)"
    linted, planned = _long_file()
    yield f"lint of {LONG_FILE} steps", f"{linted:.2f} s (target 5 s)"
    yield f"plan of {LONG_FILE} steps", f"{planned:.2f} s (target 10 s)"
    read, folded = _journal()
    yield f"fold of a journal of {EVENTS} events", f"{folded:.2f} s (target 1 s)"
    yield "reading and validating its lines", f"{read:.2f} s"
    yield (
        f"start of zk0 run to its first step, best of {STARTS}",
        f"{min(_start() for _ in range(STARTS)):.2f} s (target 0.4 s)",
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


def _no_ops(count: int) -> str:
    return "".join(f"  - {{id: s{number}, title: A, uses: benchmark.nothing}}\n" for number in range(count))


@contextmanager
def _project(steps: str) -> Iterator[Project]:
    """Yield a project with one workflow, in a git repository as a user has it."""
    with TemporaryDirectory() as directory:
        root = Path(directory)
        (root / "pyproject.toml").touch()
        (root / "workflows").mkdir()
        (root / "workflows" / "trial.yaml").write_text(HEAD + steps, encoding="utf-8")
        for command in (["init", "-q"], ["add", "-A"]):
            subprocess.run(["git", *command], cwd=root, check=True)  # noqa: S603, S607
        yield Project(root)


def _recorded(count: int) -> Iterator[float]:
    """Yield the seconds from the end of one step to the end of the next, with the recorders of `zk0 run`."""
    with _project(_no_ops(count)) as project:
        loaded = load(project, "trial")
        ends: list[float] = []

        def listener(event: Event) -> None:
            if isinstance(event, StepFinished):
                ends.append(time.perf_counter())

        subscribers = [*recorders(project, loaded.spec), listener]
        planned = plan(loaded.spec, {}, loaded.library)
        perform(project, loaded, planned, quiet=True, subscribers=subscribers)
        yield from (late - early for early, late in pairwise(ends))


def _reusable() -> tuple[float, float]:
    """Return the seconds of a run whose items run a program, and of the next one, which reuses them."""
    declared = "reuse: true, reads: [], makes: []"
    steps = f"  - {{id: a, title: A, foreach: {list(range(ITEMS))}, {declared}, run: ['true', '{{{{ item }}}}']}}\n"
    with _project(steps) as project:
        loaded = load(project, "trial")
        planned = plan(loaded.spec, {}, loaded.library)
        seconds = []
        for _ in range(2):
            before = time.perf_counter()
            perform(project, loaded, planned, quiet=True)
            seconds.append(time.perf_counter() - before)
        return seconds[0], seconds[1]


def _long_file() -> tuple[float, float]:
    """Return the seconds to lint a long workflow, and to plan it."""
    with _project(_no_ops(LONG_FILE)) as project:
        before = time.perf_counter()
        problems = list(lint(project, [project.root / "workflows" / "trial.yaml"]))
        linted = time.perf_counter() - before
        if problems:
            raise ValueError(problems)
        loaded = load(project, "trial")
        before = time.perf_counter()
        plan(loaded.spec, {}, loaded.library)
        return linted, time.perf_counter() - before


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
        (root / "workflows" / "trial.yaml").write_text(
            HEAD + "  - {id: a, title: A, run: ['true']}\n", encoding="utf-8"
        )
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        before = time.time()
        command = [sys.executable, "-m", "zk0", "run", "trial", "--quiet"]
        subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)  # noqa: S603  our own program
        [journal] = root.glob(".zk0/runs/*/journal.jsonl")
        first = next(event for event in read_events(journal) if isinstance(event, StepStarted))
        return first.at.timestamp() - before
