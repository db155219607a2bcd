"""The project as it is now, and why a receipt is stale: something it rests on has changed since."""

import hashlib
import os
import stat
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from zk0.core.app_subject import PACKAGE, complaint
from zk0.core.checks import Part
from zk0.core.git import GitState, read_references
from zk0.core.project import Project, package_versions
from zk0.core.receipts import Receipt, canonical_digest

REPORTS = tuple(f"*/steps/{deep}/{name}" for deep in ("*", "*/*") for name in ("junit.xml", "coverage.json"))
SHORT_COMMIT = 8  # digits of a commit's name in a message, enough to look it up
BASIS = "basis"  # the output of a check of the project that holds the digest of each part it read
MACHINE_HOLDS = timedelta(hours=1)  # what was measured of disk, memory and network is taken for true


@dataclass(frozen=True)
class ProjectSnapshot:
    """One moment of a project.

    `parts` are the digests of what checks of the project rest on, `environment` the versions of the packages that
    decide a result; what is not in them is not compared. `gone` names the receipts whose artifacts are no longer what
    they were, `altered` the runs whose records do not agree, `other_app` why zk0's own app is no evidence here.
    """

    code: GitState
    at: datetime
    environment: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[Part, str] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    altered: frozenset[str] = frozenset()
    other_app: str | None = None


def take_snapshot(
    project: Project, *, now: datetime | None = None, parts: Collection[Part] = tuple(Part)
) -> ProjectSnapshot:
    """Return a project's snapshot, as of a time or of now; only these parts of it are looked at.

    Raises:
        ConfigurationError: git refuses to read the repository.
    """
    code = project.git_state()
    return ProjectSnapshot(
        code=code,
        at=now or datetime.now(UTC),
        environment=package_versions(),
        parts=digests(project, parts, code),
        other_app=complaint(project),
    )


def digests(project: Project, parts: Collection[Part] = tuple(Part), code: GitState | None = None) -> dict[Part, str]:
    """Return the digest of each of these parts of a project that has one; `code` is its git state, if it is known."""
    if not parts:
        return {}
    tree, state = project.tree(), code or project.git_state()
    memory, root = project.memory_dir, project.root
    readers: dict[Part, Callable[[], str]] = {
        Part.code: lambda: tree.code,
        Part.documents: lambda: tree.documents,
        Part.history: lambda: canonical_digest([state.model_dump(), read_references(root)]),
        Part.environment: lambda: canonical_digest([sys.version, sys.prefix, _distributions()]),
        Part.runs: partial(_stats, project.runs_dir, "*/receipts/**/*.json", "*/journal.jsonl"),
        Part.memory: partial(_stats, memory, "**/*"),
        Part.zk0: partial(_stats, PACKAGE, "**/*.py"),
        Part.reports: partial(_stats, project.runs_dir, *REPORTS),
    }
    return {part: read() for part, read in readers.items() if part in parts}


def _distributions() -> list[str]:
    # The folders are named after package and version; reading each one's metadata takes 50 times as long.
    return sorted({path.name for folder in sys.path for path in Path(folder or ".").glob("*.dist-info")})


def _stats(folder: Path, *patterns: str) -> str:
    """Return a digest of the names, sizes and times of files: enough to see that one was written again."""
    total, begin = hashlib.sha256(), len(str(folder)) + 1
    for path in sorted({str(path) for pattern in patterns for path in folder.glob(pattern)}):
        with suppress(FileNotFoundError):  # gone meanwhile, or a link to nothing
            found = os.stat(path)  # noqa: PTH116  among a thousand files Path's own took most of the time
            if stat.S_ISREG(found.st_mode):
                total.update(f"{path[begin:]}\0{found.st_size}\0{found.st_mtime_ns}\0".encode())
    return total.hexdigest()


def why_stale(receipt: Receipt, snapshot: ProjectSnapshot) -> str | None:
    """Return what has changed since a receipt was written; None where no change is known."""
    if receipt.run in snapshot.altered:
        return f"the records of run {receipt.run} were altered (zk0 runs verify {receipt.run})"
    if receipt.digest in snapshot.gone:
        return "what it made is gone or was changed"
    basis = receipt.outputs.get(BASIS)
    if isinstance(basis, dict):
        return _parts_change(receipt, basis, snapshot)
    return _code_change(receipt.code, snapshot.code) or _environment_change(receipt, snapshot)


def rests_on_machine(receipt: Receipt) -> bool:
    """Return whether a check measured what has no digest: disk, memory, network, logs."""
    return None in receipt.outputs.get(BASIS, {}).values()


def parts_of(receipts: Iterable[Receipt]) -> set[Part]:
    """Return the parts of a project that these receipts rest on."""
    bases = (receipt.outputs.get(BASIS) for receipt in receipts)
    names = {name for basis in bases if isinstance(basis, dict) for name in basis}
    return {part for part in Part if part in names}


def _parts_change(receipt: Receipt, basis: dict[str, str | None], snapshot: ProjectSnapshot) -> str | None:
    known = {str(part): digest for part, digest in snapshot.parts.items()}
    if Part.zk0 not in basis:
        return "zk0 changed"
    for part, digest in basis.items():
        if digest is None:  # the machine, which has no digest
            if snapshot.at - receipt.finished > MACHINE_HOLDS:
                return f"more than {MACHINE_HOLDS.seconds // 60} minutes have passed"
        elif known.get(part, digest) != digest:
            return "zk0 changed" if part == Part.zk0 else f"the {part} changed"
    return None


def _code_change(then: GitState, now: GitState) -> str | None:
    if then.tree and now.tree:
        if then.tree == now.tree:
            return None
    elif (then.commit, then.changes) == (now.commit, now.changes):
        return None
    if then.commit != now.commit:
        return f"the commit was {_named(then.commit)} and is {_named(now.commit)}"
    return "the uncommitted changes are others"


def _environment_change(receipt: Receipt, snapshot: ProjectSnapshot) -> str | None:
    for name, version in receipt.environment.items():
        if snapshot.environment.get(name, version) != version:
            return f"{name} was {version} and is {snapshot.environment[name]}"
    return None


def _named(commit: str | None) -> str:
    return commit[:SHORT_COMMIT] if commit else "none"
