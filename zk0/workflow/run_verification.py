"""`zk0 runs verify`: all that is kept of a run's results, held against each other, against the disk and against git."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from zk0.core.errors import ConfigurationError, DependencyMissingError, JournalError
from zk0.core.project import Project
from zk0.core.receipts import Artifact, Receipt, ReceiptStore, canonical_digest, file_digest
from zk0.core.trusted import read_committed, repository_root, run_trusted_git
from zk0.workflow.approval import names_signers, signer_of
from zk0.workflow.integrity import Difference, RecordReader, RunRecords, parse_content
from zk0.workflow.products import PRODUCT
from zk0.workflow.run import RunDirectory
from zk0.workflow.state import RunState, RunStatus

DECISION = re.compile(r"decision: (?:approve\n|reject\nreason: .*)\Z", re.DOTALL)


def read_state(records: RecordReader, run: RunDirectory) -> RunState:
    """Return the state of a run; `altered` where its records do not agree.

    Raises:
        JournalError: its journal is missing or damaged.
    """
    state = run.state()
    found = tuple(map(str, records.differences(run.path)))
    return state.model_copy(update={"status": RunStatus.altered, "differences": found}) if found else state


def verify_run(project: Project, run: RunDirectory) -> list[Difference]:
    """Return how the copies of a run's results differ: records, artifacts, signatures, and what is committed.

    A journal that is missing or damaged is a difference too.
    """
    found = list(RecordReader(project).differences(run.path))
    try:
        state = run.state()
    except JournalError as error:
        return found or [Difference(run.journal.name, "", error.message)]
    found += RunRecords(run.path).compare_evidence(_committed(project, run.id))
    for receipt in state.receipts:
        found += _artifacts(project, receipt)
        if receipt.uses == "ask.person" and receipt.failure is None:
            found += _answer(project, run, state, receipt)
    return list(dict.fromkeys(found))


def _committed(project: Project, run: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the receipts of a run that the last commit has in the memory bank, whatever is in the working tree."""
    top = repository_root(project.root)
    head = run_trusted_git(project.root, "rev-parse", "--verify", "HEAD").out.strip() if top else ""
    if not head:
        return
    folders = [project.shown(directory) for directory in project.evidence_dirs]
    listed = run_trusted_git(project.root, "grep", "-lzF", "-e", f'"run": "{run}"', head, "--", *folders)
    for entry in filter(None, listed.out.split("\0")):
        name = entry.partition(":")[2]
        if name.endswith(".json") and (content := read_committed(project.root, head, name)):
            yield f"{name} in commit {head[:8]}", parse_content(content)


def _artifacts(project: Project, receipt: Receipt) -> Iterator[Difference]:
    for made in receipt.artifacts:
        places = (project.runs_dir / receipt.run / made.path, project.root / made.path)
        path = next((place for place in places if place.exists()), None)
        if path is None:
            yield Difference(made.path, "", f"artifact {made.name} of {receipt.step} is gone")
        elif (found := file_digest(path)) != made.sha256 and not _made_by_another(project, receipt, made, found):
            message = f"artifact {made.name} of {receipt.step} is not what its receipt says"
            yield Difference(made.path, "sha256", message)


def _made_by_another(project: Project, receipt: Receipt, made: Artifact, digest: str) -> bool:
    """Return whether a product is as another run left it, which made the same file of other code."""
    if not made.name.startswith(PRODUCT):
        return False
    records = RecordReader(project)
    return any(
        other.path == made.path and other.sha256 == digest and records.complaint(one.run) is None
        for one in ReceiptStore(project.runs_dir).all()
        if one.run != receipt.run
        for other in one.artifacts
        if other.name.startswith(PRODUCT)
    )


def _answer(project: Project, run: RunDirectory, state: RunState, receipt: Receipt) -> Iterator[Difference]:
    """Yield how a person's answer is not what its receipt says, or does not count."""
    if receipt.outputs.get("how") == "signed":
        yield from _signature(project, run, state, receipt)
    elif not receipt.verdict.stops and names_signers(project, state.code.commit):
        message = "is not signed, and the commit on which the run began has allowed_signers"
        yield Difference(f"receipts/{receipt.step}.json", "outputs.how", message)


def _signature(project: Project, run: RunDirectory, state: RunState, receipt: Receipt) -> Iterator[Difference]:
    """Yield how a signed answer differs from what its receipt says of it."""
    outputs, name = receipt.outputs, f"receipts/{receipt.step}.json"
    directory = run.step(receipt.step)
    file, signature = (directory / Path(str(outputs.get(field))).name for field in ("answer", "signature"))
    try:
        signer = signer_of(project, state.code.commit, file, signature)
        text = file.read_text(encoding="utf-8")
    except (ConfigurationError, DependencyMissingError) as error:
        yield Difference(name, "signature", error.message)
        return
    except OSError as error:
        yield Difference(name, "signature", f"can't be read: {error}")
        return
    statement = DECISION.sub("", text)
    for field, found in (("by", signer.name), ("key", signer.key), ("statement", canonical_digest(statement))):
        if outputs.get(field) != found:
            yield Difference(name, f"outputs.{field}", f"is {outputs.get(field)}, and what was signed says {found}")
    if f"\nrun: {run.id}\n" not in statement or f"\nstep: {receipt.step}\n" not in statement:
        yield Difference(name, "signature", "is of another run or step")
    approved = text.endswith("decision: approve\n")
    if approved is receipt.verdict.stops:
        yield Difference(name, "verdict", f"is {receipt.verdict}, and the answer is {'yes' if approved else 'no'}")
