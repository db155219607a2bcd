"""Recovery, rehearsed: return to the version before, and restore a backup (`recovery.*`)."""

import io
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from zk0.core.app_subject import first_run
from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError
from zk0.core.git import run_git
from zk0.core.process import run_program
from zk0.core.project import Project
from zk0.core.receipts import file_digest
from zk0.core.verdicts import Evidence, Finding, failed, passed_if
from zk0.memory.bank import Bank
from zk0.memory.entries import INIT
from zk0.project_checks.repository import last_tag, query_git
from zk0.project_checks.sources import library, packages

LARGEST = 64 * 1024**2  # bytes of records that a rehearsal copies
KEPT = ("*/receipts/*.json", "*/journal.jsonl")  # of a run: the evidence of memory and checklists


@check("recovery.rollback", reads=(Part.history, Part.environment))
def rollback(project: Project, *, to: str = "") -> Finding:
    """The version before can be restored: it unpacks, compiles, and its packages can be imported."""
    reference = to or last_tag(project) or "HEAD~1"
    if reference == "HEAD~1" and query_git(project, "rev-list", "--count", "HEAD").strip() == "1":
        raise AssetMissingError("the history has one commit: there is no version before", remedy="git commit")
    commit = query_git(project, "rev-parse", "--short", f"{reference}^{{commit}}").strip()
    with tempfile.TemporaryDirectory() as folder:
        _unpack(project, commit, Path(folder))
        there = Path(folder) / "src" if (Path(folder) / "src").is_dir() else Path(folder)
        names = sorted(name for name in packages(project) if (there / name).exists() or (there / f"{name}.py").exists())
        if not names:
            raise AssetMissingError(f"no package of the project was there at {reference}")
        for module in library(Project(Path(folder))):
            _ = module.tree  # raises where a file is not Python
        lines = [f"import {name}; print({name}.__file__)" for name in names]
        env = {"PYTHONPATH": str(there), "PYTHONDONTWRITEBYTECODE": "1"}
        ended = run_program(sys.executable, "-c", "\n".join(lines), cwd=Path(folder), env=env)
        own = all(line.startswith(folder) or line == "None" for line in ended.out.split())
    [reason] = ended.err.strip().splitlines()[-1:] or ["another copy was imported"]
    return passed_if(
        own and not ended.status,
        f"{reference} ({commit}) unpacks, and {', '.join(names)} is imported",
        f"{reference} can't be imported: {reason}",
        evidence=[Evidence(name="commit", value=commit, at=reference)],
        remedy=f"git checkout {reference}",
    )


@check("recovery.backup", reads=(Part.history, Part.memory, Part.runs))
def backup(project: Project) -> Iterator[Finding]:
    """A backup of history, memory and receipts can be made and restored unchanged."""
    with tempfile.TemporaryDirectory() as folder:
        bundle, back = Path(folder) / "history.bundle", Path(folder) / "back"
        query_git(project, "bundle", "create", "--quiet", str(bundle), "--all")
        cloned = run_git(Path(folder), "clone", "--quiet", "--mirror", str(bundle), str(back))
        if cloned.status:
            yield failed(f"the bundle can't be cloned: {cloned.err.strip()}", remedy="git fsck")
            return
        before, after = _heads(project.root), _heads(back)
        yield passed_if(
            before == after,
            f"history: {len(before)} references came back equal",
            "the references that came back are others",
            evidence=[Evidence(name="references", value=len(before)), Evidence(name="restored", value=len(after))],
            remedy="git fsck",
        )
        yield from _records_return(project, Path(folder))


def _records_return(project: Project, folder: Path) -> Iterator[Finding]:
    files = [path for path in project.memory_dir.rglob("*") if path.is_file()]
    receipts = [path for pattern in KEPT for path in project.runs_dir.glob(pattern)]
    files += receipts
    entries = Bank.of(project).read().entries if project.memory_dir.is_dir() else []
    begun = bool(receipts) or not entries or any(entry.generated.by != INIT for entry in entries)
    if not files or not begun:  # what zk0 init read off the project is no work that could be lost
        raise AssetMissingError("there is neither memory nor a receipt to back up", remedy=first_run(project))
    size = sum(path.stat().st_size for path in files)
    if size > LARGEST:
        raise AssetMissingError(f"{size / 1024**2:.0f} MiB of records are too many for a rehearsal")
    archive, back = folder / "records.tar.gz", folder / "records"
    with tarfile.open(archive, "w:gz") as tar:
        for path in files:
            tar.add(path, path.relative_to(project.root).as_posix() if path.is_relative_to(project.root) else path.name)
    with tarfile.open(archive) as tar:
        tar.extractall(back, filter="data")
    lost = [path.name for path in files if not _is_equal(path, back / path.relative_to(project.root))]
    kept = Evidence(name="archive", value=archive.stat().st_size, unit="bytes")
    yield passed_if(
        not lost,
        f"records: {len(files)} files of memory and receipts came back equal",
        f"{', '.join(lost[:1])} did not come back as it was",
        evidence=[Evidence(name="records", value=len(files)), kept],
        remedy="look at the disk",
    )


def _is_equal(path: Path, back: Path) -> bool:
    return back.is_file() and file_digest(path) == file_digest(back)


def _heads(root: Path) -> set[str]:
    out = run_git(root, "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags").out
    return set(out.splitlines())


def _unpack(project: Project, commit: str, folder: Path) -> None:
    ended = run_git(project.root, "archive", "--format=tar", commit, seconds=30)
    if ended.status:
        raise AssetMissingError(f"git can't unpack {commit}: {ended.reason}")
    with tarfile.open(fileobj=io.BytesIO(ended.stdout)) as tar:
        tar.extractall(folder, filter="data")
