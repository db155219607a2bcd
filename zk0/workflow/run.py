"""The directory of a run: its files, its artifacts, and finding a run by its id.

.zk0/runs/20260124-131502-train-3f9a/
    journal.jsonl   spec.yaml   inputs.json   lock   workflows/
    receipts/<step>.json   logs/<step>.log   steps/<step>/   (what the step wrote)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime
from pathlib import Path

from zk0.core.errors import JournalError, UnknownNameError
from zk0.core.portable_paths import to_local
from zk0.core.project import Project
from zk0.core.receipts import Receipt, file_digest
from zk0.workflow.journal import read_events
from zk0.workflow.products import PRODUCT, products_intact
from zk0.workflow.state import RunState, fold

FRACTIONS = 0x10000  # of a second in an id


def run_id(workflow: str, at: datetime, others: Iterable[str] = ()) -> str:
    """Return the id of a run that begins now: the second, the workflow, and the second's fraction in 4 hex digits.

    Ids order runs, so their time never goes back: if the clock was set back, it is a fraction after the newest run.
    """
    ticks = int(at.timestamp()) * FRACTIONS + at.microsecond * FRACTIONS // 1_000_000
    ticks = max(ticks, *(last + 1 for last in map(_ticks_of, others) if last is not None), 0)
    second, fraction = divmod(ticks, FRACTIONS)
    return f"{datetime.fromtimestamp(second, UTC):%Y%m%d-%H%M%S}-{workflow}-{fraction:04x}"


def _ticks_of(run: str) -> int | None:
    """Return the time in a run's id; None if it is not one of ours."""
    try:
        at = datetime.strptime(run[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
        if at.year == MAXYEAR:  # there would be no time after it
            return None
        return int(at.timestamp()) * FRACTIONS + int(run[-4:], 16)
    except ValueError:
        return None


def run_order(run: str) -> tuple[str, str]:
    """Return the key that orders runs by their ids, oldest first."""
    return run[:15], run[-4:]


@dataclass(frozen=True)
class RunDirectory:
    """The files of one run."""

    path: Path

    @property
    def id(self) -> str:
        """The run's name."""
        return self.path.name

    @property
    def journal(self) -> Path:
        """The events, one a line."""
        return self.path / "journal.jsonl"

    @property
    def spec(self) -> Path:
        """The workflow file as it was run."""
        return self.path / "spec.yaml"

    @property
    def nested(self) -> Path:
        """The workflow files that it performs as steps, as they were."""
        return self.path / "workflows"

    @property
    def inputs(self) -> Path:
        """The resolved inputs."""
        return self.path / "inputs.json"

    @property
    def lock(self) -> Path:
        """The file that the engine of the run locks."""
        return self.path / "lock"

    @property
    def has_begun(self) -> bool:
        """Whether its journal has a first line; it has none if the engine was killed before."""
        try:
            with self.journal.open("rb") as stream:
                return any(line.endswith(b"\n") for line in stream)
        except FileNotFoundError:
            return False
        except OSError:  # who reads it says why
            return True

    @property
    def has_receipts(self) -> bool:
        """Whether there are receipts; an engine writes none before the first line of the journal."""
        return any((self.path / "receipts").rglob("*.json"))

    @property
    def has_records(self) -> bool:
        """Whether it says that something ran, even if only by hand."""
        return self.has_begun or self.has_receipts

    def step(self, step: str) -> Path:
        """The directory of a step's own files."""
        return self.path / "steps" / step

    def log(self, step: str, attempt: int = 1) -> Path:
        """The log of a step's output."""
        return self.path / "logs" / (f"{step}.log" if attempt == 1 else f"{step}.{attempt}.log")

    def outputs(self, step: str, attempt: int) -> Path:
        """The file to which the program of a step writes its outputs; it is removed when they are read."""
        return self.path / "outputs" / f"{step}.{attempt}.json"

    def state(self) -> RunState:
        """Return the state of the run.

        Raises:
            JournalError: its journal is missing or damaged.
        """
        if not self.has_begun:
            if self.has_receipts:
                problem = f"run {self.id} has receipts and no journal: no engine wrote them"
                raise JournalError(problem, remedy=f"zk0 runs verify {self.id}")
            problem = f"run {self.id} was killed before it began: there is nothing of it but its inputs"
            raise JournalError(problem, remedy=f"zk0 run WORKFLOW; {self.path} can be removed")
        try:
            return fold(read_events(self.journal))
        except JournalError as error:
            raise JournalError(f"run {self.id}: {error.message}", remedy=f"look into {self.journal}") from error


def run_directories(project: Project) -> list[RunDirectory]:
    """Return all runs, newest first."""
    found = [RunDirectory(path) for path in project.runs_dir.glob("*/") if not path.name.startswith(".")]
    return sorted(found, key=lambda run: run_order(run.id), reverse=True)


def find_run(project: Project, name: str) -> RunDirectory:
    """Return the run with this id, or a unique prefix of it; `latest` is the newest that has begun.

    Raises:
        UnknownNameError: no run has this id, or more than one.
    """
    runs = run_directories(project)
    latest = next((run for run in runs if run.has_begun), None)
    if latest is None:
        raise UnknownNameError(f"there is no run in {project.runs_dir}", remedy="zk0 run WORKFLOW")
    if name == "latest":
        return latest
    found = [run for run in runs if run.id == name] or [run for run in runs if run.id.startswith(name)]
    match found:
        case [run]:
            return run
        case []:
            raise UnknownNameError(f"there is no run {name!r}", remedy="zk0 runs")
    several = ", ".join(run.id for run in found[:5])
    raise UnknownNameError(f"{name!r} is the beginning of {len(found)} runs: {several}", remedy="give more of the id")


def is_intact(receipt: Receipt, project: Project) -> bool:
    """Return whether all artifacts of a receipt are there, unchanged."""
    run = project.runs_dir / receipt.run
    for made in receipt.artifacts:
        if made.name.startswith(PRODUCT):
            continue
        where = to_local(made.path, project.root)
        path = next((base / where for base in (run, project.root) if (base / where).exists()), None)
        if path is None or file_digest(path) != made.sha256:
            return False
    return products_intact(receipt, project)


def relocate_receipt(receipt: Receipt, run: str, project: Project) -> Receipt:
    """Return an earlier run's receipt as one of this run; its artifacts stay where they are."""
    old = project.runs_dir / receipt.run
    artifacts = tuple(
        made.model_copy(update={"path": (old / made.path).relative_to(project.root).as_posix()})
        if not made.name.startswith(PRODUCT) and (old / made.path).exists() and old.is_relative_to(project.root)
        else made
        for made in receipt.artifacts
    )
    return receipt.changed(run=run, artifacts=artifacts)
