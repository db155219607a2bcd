"""Find a training, choose one of its checkpoints, and make sure that it is what the run recorded.

What counts is a receipt: the step that trained recorded the digest of its folder, ledger and checkpoints included. A
run whose records do not agree does not count, nor does a folder that no receipt names.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zk0.core.errors import JournalError, PolicyError, UnknownNameError
from zk0.core.portable_paths import to_local
from zk0.core.project import Project
from zk0.core.receipts import Receipt, file_digest
from zk0.ledger import Ledger, read_ledger
from zk0.workflow.integrity import RecordReader
from zk0.workflow.run import RunDirectory, find_run, run_directories
from zk0.workflow.run_verification import read_state
from zk0.workflow.state import RunState, RunStatus

TRAINED, COLLECTED, SUMMARIZED, PREPARED = (
    "federation.run",
    "federation.collect",
    "evaluation.summarize",
    "data.prepare",
)
REHEARSALS = ("testing",)  # workflows that train to see that the parts work; nobody wants to serve that
BEST, LAST = "best", "last"


@dataclass(frozen=True)
class FinishedTraining:
    """A training whose records agree: its run, and the receipts of its steps by action."""

    state: RunState
    receipts: dict[str, Receipt]
    folder: Path  # of the federation: ledger.jsonl, checkpoints/

    @property
    def ledger(self) -> Ledger:
        """The numbers of the federation."""
        return read_ledger(self.folder / "ledger.jsonl")

    @property
    def is_good(self) -> bool:
        """Whether the run is done and none of its steps failed."""
        return self.state.status is RunStatus.done and not self.state.verdict.stops


@dataclass(frozen=True)
class Choice:
    """A checkpoint, and the mean held-out loss of its round; None where no round was evaluated."""

    round: int
    path: Path
    loss: float | None
    digest: str  # of its trainable tensors, as the server aggregated them


def find_training(project: Project, name: str = "") -> FinishedTraining:
    """Return the training of a run, or without a name the project's last good one.

    Raises:
        UnknownNameError: there is none.
        PolicyError: the run of this name has no training, or its records do not agree.
    """
    records = RecordReader(project)
    if name:
        run = find_run(project, name)
        found = _training_of(project, records, run)
        if found is None:
            problem = records.complaint(run.id) or f"run {run.id} trained no policy to the end"
            raise PolicyError(problem, remedy=f"zk0 runs verify {run.id}, or train again: zk0 run train")
        return found
    for run in run_directories(project):
        found = _training_of(project, records, run)
        if found and found.is_good and found.state.workflow not in REHEARSALS:
            return found
    raise UnknownNameError("no run of this project has trained a policy and passed", remedy="zk0 run train")


def training_of_folder(project: Project, folder: Path) -> FinishedTraining:
    """Return the training that wrote a checkpoint's folder.

    Raises:
        UnknownNameError: no receipt of this project names it.
    """
    records = RecordReader(project)
    for run in run_directories(project):
        found = _training_of(project, records, run)
        if found and folder.resolve().parent.parent == found.folder.resolve():
            return found
    raise UnknownNameError(
        f"no receipt of this project names the checkpoint {folder}, so nobody knows what it is",
        remedy="give a checkpoint below .zk0/runs/, or train one: zk0 run train",
    )


def require_intact(project: Project, training: FinishedTraining) -> None:
    """Refuse a training whose files are not what its receipts say.

    Raises:
        PolicyError: a file was changed, added or removed since; the message names the smallest part that is known.
    """
    for receipt in (training.receipts[COLLECTED], training.receipts[TRAINED]):
        for made in receipt.artifacts:
            places = (project.runs_dir / receipt.run / made.path, project.root / made.path)
            path = next((place for place in places if place.exists()), places[0])
            if not path.exists() or file_digest(path) != made.sha256:
                raise PolicyError(
                    f"{project.shown(path)} is not what step {receipt.step} of run {receipt.run} recorded: "
                    "it was altered since, and is not served",
                    remedy=f"zk0 runs verify {receipt.run}; bring the files back, or train again: zk0 run train",
                )


def choose(training: FinishedTraining, wanted: str) -> Choice:
    """Return a checkpoint: the one with the least mean held-out loss (`best`), the `last`, or that of a round.

    Round 0 is the untrained policy, so only its number chooses it. Without held-out sets (clients whose data only they
    can reach) the unseen set decides, and without any evaluation the last round is the best that is known.

    Raises:
        UnknownNameError: there is no checkpoint of this round.
    """
    ledger = training.ledger
    folders = {
        int(path.name.removeprefix("round-")): path for path in (training.folder / "checkpoints").glob("round-*")
    }
    digests = {one.round: one.digest_out for one in ledger.aggregations if one.digest_out}
    start = next((one.digest_in for one in ledger.aggregations if one.round == 1), None)
    known = {number: digest for number, digest in {0: start, **digests}.items() if digest and number in folders}
    losses = {number: loss for number in known if (loss := mean_loss(ledger, number)) is not None}
    trained = [number for number in known if number]
    if wanted == BEST:
        number = min(trained, key=lambda one: (losses.get(one, float("inf")), -one), default=None)
    else:
        number = max(trained, default=None) if wanted == LAST else int(wanted) if wanted.isdigit() else None
    if number is None or number not in known:
        raise UnknownNameError(
            f"run {training.state.run} has no checkpoint {wanted!r}",
            remedy=f"give {BEST}, {LAST} or a round: {', '.join(map(str, sorted(known)))}",
        )
    return Choice(number, folders[number], losses.get(number), known[number])


def simulated_tasks(training: FinishedTraining) -> tuple[str, ...]:
    """Return the simulator's tasks that the clients trained on, each once."""
    sources = [one["source"] for one in _prepared(training) if one["role"] == "client"]
    return tuple(dict.fromkeys(source.removeprefix("sim:") for source in sources if source.startswith("sim:")))


def _prepared(training: FinishedTraining) -> list[dict[str, str]]:
    receipt = training.receipts.get(PREPARED)
    return receipt.outputs["sets"] if receipt else []


def mean_loss(ledger: Ledger, number: int) -> float | None:
    """Return the mean loss of a round over the held-out sets, or else the unseen ones; None if one was not measured."""
    for role in ("held-out", "unseen"):
        losses = [one.loss for one in ledger.evaluations if (one.round, one.role) == (number, role)]
        if losses:
            return None if None in losses else sum(filter(None, losses)) / len(losses)
    return None


def _training_of(project: Project, records: RecordReader, run: RunDirectory) -> FinishedTraining | None:
    """Return the last training of a run that was collected; None without one, or if the records do not agree."""
    try:
        state = read_state(records, run)
    except JournalError:  # killed before it began, or damaged: nothing in it counts
        return None
    if state.status is RunStatus.altered:
        return None
    passed = [one for one in state.receipts if not one.verdict.stops]
    collected = next((one for one in reversed(passed) if one.uses == COLLECTED), None)
    if collected is None:
        return None
    own = {one.uses: one for one in _beside(passed, collected)}
    if TRAINED not in own:
        return None
    own |= {one.uses: one for one in _beside(state.receipts, collected) if one.uses == SUMMARIZED}
    return FinishedTraining(state, own, Path(to_local(own[TRAINED].outputs["directory"], project.root)))


def _beside(receipts: list[Receipt] | tuple[Receipt, ...], one: Receipt) -> Iterator[Receipt]:
    """Yield the receipts of the same workflow in a run: a nested one has its step as the beginning of its paths."""
    place = one.step.rpartition("/")[0]
    yield from (other for other in receipts if other.step.rpartition("/")[0] == place)
