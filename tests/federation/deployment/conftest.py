"""Deployments on loopback: real SuperLinks and SuperNodes, and an app whose training is an addition."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest

from zk0.federation.configuration import Client, RunConfig
from zk0.federation.deployment.apps import app_files
from zk0.federation.deployment.deployment import CONNECTED, Deployment
from zk0.federation.deployment.operations import start, take_down
from zk0.federation.deployment.programs import MARK, SUPERLINK, Program
from zk0.federation.deployment.training import train
from zk0.ledger import Ledger, read_ledger

HERE = Path(__file__).parent
NAMES = ("arm-a", "arm-b")


def small_app() -> dict[str, bytes]:
    """Return the files of the small app."""
    files = app_files("zk0-small", "zk0", "zk0", RunConfig().plain())
    return files | {
        f"zk0_app/{name}.py": (HERE / "small_app" / f"{name}.py").read_bytes() for name in ("server", "client")
    }


def small_run(output: Path, **changes: Any) -> dict[str, Any]:
    """Return a run configuration of the small app, for two clients."""
    config: dict[str, Any] = {
        "data": "arm-a=well;arm-b=well",
        "unseen": "",
        "rounds": 2,
        "round-seconds": 60.0,
        "wait-seconds": 60.0,
        "output": str(output),
    }
    return config | {key.replace("_", "-"): value for key, value in changes.items()}


@pytest.fixture
def small_config(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return a function that makes a run configuration of the small app."""
    return lambda **changes: small_run(**{"output": tmp_path / "output"} | changes)


def left_of(folder: Path) -> list[list[str]]:
    """Return the commands of processes that belong to deployments in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK, "").startswith(str(folder)) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.cmdline())
        except psutil.Error:
            continue
    return found


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make deployments in a folder that can be looked at."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


class SpecialDeployment(Deployment):
    """A deployment some of whose programs are a test's own, by part."""

    scripts: ClassVar[dict[str, Path]] = {}

    def _launch(self, program: Program) -> None:
        if script := self.scripts.get(program.part):
            program = replace(program, argv=(sys.executable, str(script), *program.argv[3:]))  # instead of -m MODULE
        super()._launch(program)


class LimitedDeployment(SpecialDeployment):
    """A deployment whose SuperLink can be told to refuse large requests, as a proxy does."""

    scripts: ClassVar = {SUPERLINK: HERE / "limited_superlink.py"}


class Fleet:
    """A deployment whose two clients do what a test says."""

    def __init__(self, folder: Path) -> None:
        self.deployment = LimitedDeployment(folder, preload="")
        (folder / "faults").mkdir()
        start(self.deployment, {}, [self.client(name) for name in NAMES], print)
        self.notes: list[str] = []

    def client(self, name: str) -> Client:
        """Return a client whose data set is the file of its faults."""
        return Client(NAMES.index(name), name, str(self.deployment.folder / "faults" / name))

    def behave(self, **faults: str) -> None:
        """Make each client do this, after starting again what is dead."""
        for name in NAMES:
            Path(self.client(name).source).write_text(faults.get(name.replace("-", "_"), ""))
        if not self.deployment.is_alive(SUPERLINK):
            self.deployment.start_superlink()
        for name in NAMES:
            if not self.deployment.is_alive(name):
                self.deployment.end_part(name)
                self.deployment.sign_off(name)
                self.deployment.start_client(self.client(name))
        self.deployment.wait_for(NAMES)
        self.deployment.starts = dict.fromkeys(self.deployment.starts, 1)

    def connections(self, name: str) -> int:
        """Return how often a client has connected."""
        return self.deployment.log(name).read_bytes().count(CONNECTED)

    def online(self) -> set[str]:
        """Return the clients that the SuperLink takes for connected."""
        with self.deployment.control() as control:
            return {node.name for node in control.nodes() if node.is_online}

    def train(self, config: dict[str, Any], then: Callable[[str], None] = lambda note: None) -> Ledger:
        """Train and return the ledger; `then` is called with each note."""
        self.notes.clear()

        def observe(done: int, total: int, note: str) -> None:
            self.notes.append(note)
            then(note)

        train(self.deployment, config, observe, app=small_app)
        return read_ledger(Path(config["output"]) / "ledger.jsonl")


@pytest.fixture(scope="package", autouse=True)
def every_program_ends(no_program_left: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    """Fail where the tests of deployments leave a program; those of the shared one end last."""
    with no_program_left():
        yield


@pytest.fixture(scope="package")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Return the deployment that the tests of faults share."""
    made = Fleet(tmp_path_factory.mktemp("fleet"))
    yield made
    take_down(made.deployment)
