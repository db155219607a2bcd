"""The project as it is now: what receipts are compared with, so that a box is open when its evidence is of before."""

import hashlib
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from zk0.core.checks import Part
from zk0.core.git import GitState, read_references
from zk0.core.project import Project, package_versions
from zk0.core.receipts import canonical_digest

REPORTS = (".coverage", "coverage.json", "junit.xml", "report.xml", "test-results.xml", "benchmarks.json")
IN_STATE = (
    "reports/*",
    *(f"runs/*/steps/{deep}/{name}" for deep in ("*", "*/*") for name in ("junit.xml", "coverage.json")),
)


@dataclass(frozen=True)
class Present:
    """One moment of a project.

    `parts` are the digests of what checks of the project rest on, `environment` the versions of the packages that
    decide a result; what is not in them is not compared. `gone` names the receipts whose artifacts are no longer what
    they were.
    """

    code: GitState
    at: datetime
    environment: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[Part, str] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()


def look(project: Project, *, now: datetime | None = None, parts: Collection[Part] = tuple(Part)) -> Present:
    """Return a project's present, as of a time or of now; only these parts of it are looked at.

    Raises:
        ConfigurationError: git refuses to read the repository.
    """
    code = project.git_state()
    return Present(
        code=code,
        at=now or datetime.now(UTC),
        environment=package_versions(),
        parts=digests(project, parts, code),
    )


def digests(project: Project, parts: Collection[Part] = tuple(Part), code: GitState | None = None) -> dict[Part, str]:
    """Return the digest of each of these parts of a project that has one; `code` is its git state, if it is known."""
    if not parts:
        return {}
    tree, state = project.tree(), code or project.git_state()
    memory, root, state_dir = project.memory_dir, project.root, project.settings.state
    readers: dict[Part, Callable[[], str]] = {
        Part.code: lambda: tree.code,
        Part.documents: lambda: tree.documents,
        Part.history: lambda: canonical_digest([state.model_dump(), read_references(root)]),
        Part.environment: lambda: canonical_digest([sys.version, sys.prefix, _distributions()]),
        Part.runs: partial(_stats, project.runs_dir, "*/receipts/**/*.json", "*/journal.jsonl"),
        Part.memory: partial(_stats, memory, "**/*"),
        Part.reports: partial(_stats, root, *REPORTS, *(f"{state_dir}/{pattern}" for pattern in IN_STATE)),
    }
    return {part: read() for part, read in readers.items() if part in parts}


def _distributions() -> list[str]:
    # The folders' names tell name and version; reading each one's metadata takes 50 times as long.
    return sorted({path.name for folder in sys.path for path in Path(folder or ".").glob("*.dist-info")})


def _stats(folder: Path, *patterns: str) -> str:
    """Return a digest of the names, sizes and times of files: enough to see that one was written anew."""
    total = hashlib.sha256()
    for path in sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}):
        stat = path.stat()
        total.update(f"{path.relative_to(folder)}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode())
    return total.hexdigest()
