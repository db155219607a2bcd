"""Performs a workflow in processes that die at a chosen write to the journal, and resumes what they left.

`python crashing.py JOBS` in a project with a workflow `crash`; prints one JSON object: what an uninterrupted run gave,
and what each interrupted and resumed run gave. A program of its own, since it forks: imports are paid for once.
"""

import json
import os
import sys
from pathlib import Path

from zk0.cli.wiring import resume  # noqa: F401  imported once, before forking
from zk0.core.project import Project
from zk0.workflow.engine import Engine
from zk0.workflow.event_log import ReceiptRecorder
from zk0.workflow.inputs import resolve_inputs
from zk0.workflow.journal import EVENT, Journal
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.loading import load, load_performed
from zk0.workflow.plan import plan
from zk0.workflow.run import RunDirectory, run_directories

MODES = ("torn", "after")  # before a write is torn at its first byte, and mended to the same
DIED = 77
JOBS = int(sys.argv[1])

os.fsync = lambda _: None  # what a killed process wrote is safe with the system; only a power cut would need more
LiveEffects.versions = lambda _: {}  # and reading them takes longer than all the rest


def dying(at: int, mode: str):
    """Return an append that ends the process, without any clean-up, at its `at`-th call."""
    honest, count = Journal.append, 0

    def append(self, event):
        nonlocal count
        count += 1
        if count == at and mode == "torn":
            line = EVENT.dump_json(event)
            with self.path.open("ab") as stream:
                stream.write(line[: len(line) * (at % 3) // 3])
            os._exit(DIED)
        honest(self, event)
        if count == at:
            os._exit(DIED)

    return append


def in_a_process(work, fault=None) -> int:
    """Run a function in a process of its own and return its exit status."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if fault:
        Journal.append = dying(*fault)
    try:
        work()
    except BaseException as error:  # noqa: BLE001  a forked process must never go on as its parent
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        os._exit(1)
    os._exit(0)


def begin(project: Project) -> None:
    loaded = load(project, "crash")
    planned = plan(loaded.spec, resolve_inputs(loaded.spec, {}), loaded.library)
    engine = Engine(project, LiveEffects(project), [ReceiptRecorder(project)], jobs=JOBS)
    engine.run(planned, source=loaded.text, nested=loaded.sources, seed=3)


def go_on(project: Project, run: RunDirectory) -> None:
    def replan(state):
        loaded = load_performed(run)
        return plan(loaded.spec, resolve_inputs(loaded.spec, state.inputs), loaded.library)

    Engine(project, LiveEffects(project), [ReceiptRecorder(project)], jobs=JOBS).resume(run, replan)


def result(project: Project, run: RunDirectory) -> dict:
    """Return all that a run gave, with what names the run itself left out."""
    state = run.state()
    text = {
        "status": state.status,
        "steps": {step.id: [step.status, step.verdict, step.reason] for step in state.steps},
        "outputs": {receipt.step: receipt.outputs for receipt in state.receipts},
        "artifacts": {receipt.step: [made.sha256 for made in receipt.artifacts] for receipt in state.receipts},
        "files": {
            path.relative_to(run.path).as_posix(): path.read_text()
            for path in sorted((run.path / "steps").rglob("*"))
            if path.is_file()
        },
        "receipts": sorted(str(path.relative_to(run.path)) for path in (run.path / "receipts").rglob("*.json")),
        "performed": (project.root / "performed").read_text().split(),
    }
    return json.loads(json.dumps(text).replace(run.id, "RUN"))


def one(project: Project, fault=None) -> tuple[dict | None, int]:
    """Perform the workflow; with a fault, also resume it. Return what it gave, and how the first process ended."""
    (project.root / "performed").write_text("")
    known = {run.id for run in run_directories(project)}
    status = in_a_process(lambda: begin(project), fault)
    [run] = [run for run in run_directories(project) if run.id not in known]
    if fault and status == DIED:
        if not run.journal.exists() or b"\n" not in run.journal.read_bytes():
            return None, status  # killed before it recorded that it began: there is nothing to resume
        if run.state().status == "unfinished":
            assert in_a_process(lambda: go_on(project, run)) == 0
    return result(project, run), status


def main() -> None:
    project = Project(Path.cwd())
    whole, _ = one(project)
    cases, at = [], 0
    while True:
        at += 1
        given = [(mode, *one(project, (at, mode))) for mode in MODES]
        if all(status != DIED for _, _, status in given):
            break
        cases += [{"at": at, "mode": mode, "gave": gave} for mode, gave, _ in given]
    sys.stdout.write(json.dumps({"whole": whole, "cases": cases}))


if __name__ == "__main__":
    main()
