"""The digests that reuse compares: of the project's code, and of files that a step is given."""

import hashlib
import time
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path, PurePath

from zk0.core.fingerprints import SKIPPED
from zk0.core.project import Project
from zk0.core.receipts import Receipt, file_digest

CLOCK_TICK = 2.0  # seconds; the coarsest times that file systems in use keep
LONGEST_PATH = 4096  # characters, of most file systems; more is a text
CODE = frozenset({".py", ".pyi", ".sh", ".toml", ".cfg", ".lock", ".json5", ".c", ".cpp", ".cu", ".rs", ".js", ".ts"})


def code_digest(project: Project) -> str:
    """Return the digest of the project's programs and settings: their names and contents, whatever git says of them."""
    return digest_of(code_files(project))


def code_files(project: Project) -> dict[str, str]:
    """Return the SHA-256 of each program and settings file, by its path below the project's root."""
    found = dict(_code(project.root, project.state_dir))
    return {name: _current(found[name]) for name in sorted(found, key=lambda name: name.split("/"))}


def digest_of(files: Mapping[str, str]) -> str:
    """Return the one digest of files and their digests."""
    total = hashlib.sha256()
    for name, digest in files.items():
        total.update(f"{name}\0{digest}\0".encode())
    return total.hexdigest()


@lru_cache(maxsize=20_000)
def _digest(path: Path, _changed: int, _size: int) -> str:
    """Return a file's digest, computed again only when the file was written to: each reusable step asks for all."""
    return file_digest(path)


def _current(path: Path) -> str:
    """Return a file's digest, without reading it again where its time and size are those of the last time."""
    known = path.stat()
    # What was written a moment ago may be written again without a new time.
    fresh = time.time() - known.st_mtime < CLOCK_TICK
    return file_digest(path) if fresh else _digest(path, known.st_mtime_ns, known.st_size)


def by_content(value: object, project: Project) -> object:
    """Return a step's inputs with each file or folder among them named by its content."""
    match value:
        case Mapping():
            return {str(key): by_content(inner, project) for key, inner in value.items()}
        case list() | tuple():
            return [by_content(inner, project) for inner in value]
        case str() if "/" in value and len(value) < LONGEST_PATH and "\n" not in value:
            path = project.root / value
            if path.resolve() != project.root and path.exists() and path.resolve().is_relative_to(project.root):
                return f"sha256:{file_digest(path)}"
    return value


def is_intact(receipt: Receipt, project: Project) -> bool:
    """Tell whether all that a receipt says was made is there, unchanged."""
    run = project.runs_dir / receipt.run
    for made in receipt.artifacts:
        path = next((base / made.path for base in (run, project.root) if (base / made.path).exists()), None)
        if path is None or file_digest(path) != made.sha256:
            return False
    return True


def moved(receipt: Receipt, run: str, project: Project) -> Receipt:
    """Return an earlier run's receipt as one of this run; what was made stays where it is."""
    old = project.runs_dir / receipt.run
    artifacts = tuple(
        made.model_copy(update={"path": (old / made.path).relative_to(project.root).as_posix()})
        if (old / made.path).exists() and old.is_relative_to(project.root)
        else made
        for made in receipt.artifacts
    )
    return receipt.changed(run=run, artifacts=artifacts)


def _code(root: Path, state: Path) -> Iterator[tuple[str, Path]]:
    """Yield each program and settings file by its path below the root; links to folders are not followed."""
    for folder, inner, files in root.walk():
        inner[:] = [name for name in inner if name not in SKIPPED and folder / name != state]
        above = "" if folder == root else f"{folder.relative_to(root).as_posix()}/"
        for name in files:
            if PurePath(name).suffix in CODE:
                yield f"{above}{name}", folder / name
