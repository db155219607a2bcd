"""What all tests share: no network, a cache of their own, two small recordings and a tiny policy, each made once."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from zk0.core.process_tree import REGISTRY, describe, own_children, unclaimed_children

# A shell that starts the tests in its background ignores Ctrl-C for them, and their programs would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):  # CI runs these tests, and output is different there
    os.environ.pop(name, None)
os.environ["ZK0_WORKERS"] = "0"  # tests change functions of this process; those of workers ask for them
os.environ["HF_HUB_OFFLINE"] = "1"  # read when the hub's client is imported

SETTLE_SECONDS = 5.0  # until what a module started and ended is gone

# The same examples on every machine, however busy: a test that fails in CI fails here too, and no clock decides.
settings.register_profile(
    "zk0", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile("zk0")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that have slow tests: one of them left to the end would leave a worker without work."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)  # a stable order, the same in every worker


@pytest.fixture(scope="session")
def no_program_left() -> Callable[[], AbstractContextManager[None]]:
    """Return a context that fails where its block leaves a program: later tests would take it for one of theirs."""

    @contextmanager
    def check() -> Iterator[None]:
        before, children = set(REGISTRY.marks), own_children()
        yield
        left = sorted(set(REGISTRY.marks) - before)
        for pid in left:
            REGISTRY.marks.pop(pid)
        assert left == [], f"processes that were never given to end_tree: {left}"
        began = time.monotonic()
        while running := unclaimed_children(children):
            if time.monotonic() - began > SETTLE_SECONDS:
                pytest.fail(f"processes that nobody ended: {'; '.join(map(describe, running))}")
            time.sleep(0.1)

    return check


@pytest.fixture(scope="module", autouse=True)
def every_program_ends(no_program_left: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    """Fail where a module leaves a program."""
    with no_program_left():
        yield


@pytest.fixture(scope="module", autouse=True)
def no_import_stays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Forget what a module of tests imported from its own folders: the next one has other files of that name.

    A probe in this process leaves it, and its finder of stand-ins; outside tests it has a process of its own.
    """
    base, path, finders = str(tmp_path_factory.getbasetemp()), [*sys.path], [*sys.meta_path]
    yield
    sys.path[:], sys.meta_path[:] = path, finders
    for name, module in [*sys.modules.items()]:
        known = vars(module) if isinstance(module, ModuleType) else {}  # PyTorch has objects that answer any name
        places = [known.get("__file__"), *(known.get("__path__") or ())]
        if any(str(place).startswith(base) for place in places if place):
            del sys.modules[name]


TASKS = ("lift-left", "touch-far")
LEVERS = Path(__file__).parent / "resources" / "own_app"


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep recordings and backbones of the tests apart from the user's; all workers of one session share them."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZK0_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def save_receipt() -> Callable[..., None]:
    """Return a function that keeps a receipt as an engine does: in the journal of its run, and in a file."""
    from zk0.core.project import Project
    from zk0.core.receipts import Receipt, ReceiptStore
    from zk0.workflow.events import RunStarted, StepFinished
    from zk0.workflow.journal import Journal
    from zk0.workflow.run import RunDirectory

    def save(project: Project, receipt: Receipt) -> None:
        run = RunDirectory(project.runs_dir / receipt.run)
        run.path.mkdir(parents=True, exist_ok=True)
        journal = Journal(run.journal)
        if not run.has_begun:
            journal.append(RunStarted(run.id, receipt.workflow, run.path, (receipt.step,), receipt.started))
        journal.append(StepFinished(receipt))
        ReceiptStore(project.runs_dir).save(receipt)

    return save


@pytest.fixture(scope="session")
def recordings(cache: Path) -> dict[str, Path]:
    """Return two recorded data sets of three episodes each, by task."""
    from zk0.simulator.recorder import cached_recording
    from zk0.simulator.tasks import task

    return {name: cached_recording(task(name), episodes=3, seed=0, cache=cache / "recordings") for name in TASKS}


@pytest.fixture(scope="session")
def levers() -> Callable[..., Path]:
    """Return a function that copies a small app of somebody else's into a folder; `fault` is what goes wrong in it."""

    def copy(root: Path, fault: str = "") -> Path:
        shutil.copytree(LEVERS, root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        (root / ".gitignore").write_text("__pycache__/\nstep/\n.zk0/\n")
        settings = root / "pyproject.toml"
        settings.write_text(settings.read_text().replace('fault = ""', f'fault = "{fault}"'))
        return root

    return copy


@pytest.fixture(scope="session")
def run_config(recordings: dict[str, Path]) -> Callable[..., dict[str, Any]]:
    """Return a function that makes the run configuration of a federation that takes seconds."""

    def make(**changes: Any) -> dict[str, Any]:
        config: dict[str, Any] = {
            "data": ";".join(str(path) for path in recordings.values()),
            "unseen": "",
            "rounds": 2,
            "local-steps": 4,
            "batch-size": 8,
            "warmup-steps": 1,
            "measure-every": 1,
            "device": "cpu",
        }
        return config | {key.replace("_", "-"): value for key, value in changes.items()}

    return make


TRAINING = """\
name: train
title: Train two clients for two rounds of a few steps
purpose: To have a trained policy with its receipts.
steps:
  - {id: model, title: Build, uses: policy.build, with: {preset: tiny}}
  - id: data
    title: Prepare
    uses: data.prepare
    with: {data: "one=sim:lift-left;two=sim:touch-far", unseen: "", episodes: 3}
  - id: configuration
    title: Configure
    uses: federation.configure
    with:
      sets: "{{ steps.data.outputs.sets }}"
      values:
        data: "{{ steps.data.outputs.data }}"
        unseen: ""
        episodes: 3
        policy: "{{ steps.model.outputs.path }}"
        rounds: 2
        local_steps: 4
        batch_size: 8
        device: cpu
  - id: federate
    title: Train
    uses: federation.run
    with: {configuration: "{{ steps.configuration.outputs.values }}"}
  - id: collect
    title: Collect
    uses: federation.collect
    with: {directory: "{{ steps.federate.outputs.directory }}", ledger: "{{ steps.federate.outputs.ledger }}"}
  - {id: summary, title: Summarize, uses: evaluation.summarize, with: {ledger: "{{ steps.collect.outputs.ledger }}"}}
"""


@pytest.fixture(scope="session")
def trained(recordings: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project that has trained a tiny policy; tests that change it copy it first."""
    from zk0.core.project import Project
    from zk0.workflow.engine import Engine
    from zk0.workflow.event_log import ReceiptRecorder
    from zk0.workflow.inputs import resolve_inputs
    from zk0.workflow.live_effects import LiveEffects
    from zk0.workflow.loading import parse_workflow
    from zk0.workflow.plan import plan

    root = tmp_path_factory.mktemp("trained")
    (root / "pyproject.toml").write_text('[project]\nname = "arms"\n')
    project, (spec, problems) = Project(root), parse_workflow(TRAINING)
    assert spec, problems
    engine = Engine(project, LiveEffects(project), [ReceiptRecorder(project)])
    engine.run(plan(spec, resolve_inputs(spec, {})), source=TRAINING, seed=0)
    return root
