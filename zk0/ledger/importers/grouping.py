"""Which files are one run.

Files belong together where their places or names say so: below a run's folder with `server/` and `clients/`, the event
files of one TensorBoard folder, one folder of Weights & Biases, or a server's and its clients' logs side by side (by
name: `server.log`, `client_1.log`, `superlink.log`, `supernode-a.log`) with times that overlap. All else stays apart.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from zk0.core.errors import LedgerError
from zk0.ledger.importers.reading import HEAD, STDIN

SUFFIXES = (
    ".ipynb",
    ".bz2",
    ".xz",
    ".tar",
    ".tgz",
    ".log",
    ".txt",
    ".out",
    ".err",
    ".json",
    ".jsonl",
    ".ndjson",
    ".csv",
    ".tsv",
    ".wandb",
    ".gz",
    ".zip",
)
SKIPPED = {"__pycache__", "node_modules", "models", "checkpoints", "site-packages"}
OWN = "ledger.jsonl"
NOT_RUNS = {"requirements.txt", "debug.log", "debug-internal.log", "wandb-metadata.json", "package.json"}
SLACK = timedelta(minutes=10)  # clocks of machines differ, and a client starts before its server says so

_ROTATED = re.compile(
    r"(?:\.\d{4}-\d\d-\d\d[\d_T:.-]*)?(?:\.log|\.txt|\.out|\.err)?(?:\.\d+)?(?:\.gz|\.bz2|\.xz|\.zip)?$"
)
_SERVER = re.compile(r"(?:server|superlink|server_?app|flower[_-]server|aggregator|zk0bot)(?=$|[\W_])", re.IGNORECASE)
_CLIENT = re.compile(r"(?:client|supernode|client_?app|node)[\W_]*(?P<name>\w[\w\-]*)?$", re.IGNORECASE)
_WANDB = re.compile(r"(?:offline-)?run-\d{8}_\d{6}-")  # a folder
_TIME = re.compile(rb"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d")


@dataclass
class Group:
    """The files of one run; with each, the client whose it is, where its place says so."""

    name: str
    files: list[tuple[Path, str | None]] = field(default_factory=list)


def groups(paths: Sequence[Path], unread: Callable[[Path, str], None], expand: Callable[[Path], Path]) -> list[Group]:
    """Return the runs that these files and folders hold; `unread` is told what can't be read, and why.

    `expand` returns the folder that an archive was unpacked to, and any other file as it is.

    Raises:
        LedgerError: a path does not exist, or a folder holds nothing that could be a log.
    """
    found: dict[object, Group] = {}
    for path in paths:
        for file, root in _files(expand(path), unread, expand):
            key, name, client = _place(file, root)
            group = found.setdefault(key, Group(name))
            if (file, client) not in group.files:
                group.files.append((file, client))
    return [part for group in found.values() for part in _apart(group)]


def _files(
    path: Path, unread: Callable[[Path, str], None], expand: Callable[[Path], Path]
) -> Iterator[tuple[Path, Path | None]]:
    if str(path) == STDIN or (path.exists() and not path.is_dir()):  # a FIFO is a path like another
        yield path, None
    elif path.is_dir():
        refused: list[Path] = []

        def refuse(place: Path, why: str) -> None:
            refused.append(place)
            unread(place, why)

        files = sorted(_walk(path, refuse))
        if not files and not refused:
            raise LedgerError(f"{path} holds no ledger, log or table", remedy="name the files")
        for file in files:
            inner = expand(file)
            yield from ((one, inner) for one in sorted(_walk(inner, unread))) if inner != file else ((file, path),)
    else:
        raise LedgerError(f"no file or folder at {path}", remedy="zk0 runs")


def _walk(folder: Path, unread: Callable[[Path, str], None]) -> Iterator[Path]:
    if (folder / "journal.jsonl").is_file():  # a run of zk0's: its ledgers have everything, more exactly than its logs
        yield from folder.rglob(OWN)
        return
    if (folder / "meta" / "info.json").is_file() or (folder / "model.safetensors").is_file():
        return  # a data set of LeRobot, or a policy: full of JSON that is not a log
    try:
        entries = list(folder.iterdir())
    except OSError as error:
        unread(folder, error.strerror or str(error))
        return
    for entry in entries:
        if (entry.name.startswith(".") and entry.name != ".zk0") or entry.is_symlink():
            continue
        if entry.is_dir():
            if entry.name not in SKIPPED and not entry.name.startswith("checkpoint"):
                yield from _walk(entry, unread)
        elif _may_be_log(entry):
            if os.access(entry, os.R_OK):
                yield entry
            else:
                unread(entry, "Permission denied")


def _may_be_log(entry: Path) -> bool:
    if entry.name in NOT_RUNS or not entry.is_file():
        return False
    return entry.name.endswith(SUFFIXES) or re.search(r"\.log\.\d+$|tfevents", entry.name) is not None


def _place(file: Path, root: Path | None) -> tuple[object, str, str | None]:
    """Return (what the file's run is known by, the run's name, the client)."""
    if file.name == OWN or str(file) == STDIN:
        return file, str(file), None
    of_wandb = (one for one in file.parents if _WANDB.match(one.name))
    whole = file.parent if "tfevents" in file.name else next(of_wandb, None)
    if whole is not None:
        return whole, str(whole), None
    return _by_name(file, root)


def _by_name(file: Path, root: Path | None) -> tuple[object, str, str | None]:
    run = _run_folder(file)
    if run is not None:
        parts = file.relative_to(run).parts
        return run, str(run), parts[1] if parts[0] == "clients" and len(parts) > 2 else None  # noqa: PLR2004
    stem = _ROTATED.sub("", file.name)
    client = _CLIENT.match(stem)
    if client or _SERVER.match(stem):
        return (file.parent, "roles"), str(file.parent if root else file), client["name"] if client else None
    if stem and stem != file.name and re.search(r"\.\d+(?:\.gz)?$", file.name):
        return file.parent / stem, str(file.parent / stem), None
    return file, str(file), None


def _run_folder(file: Path) -> Path | None:
    """Return the folder with `server/` or `clients/` in it that this file belongs to."""
    for folder in file.parents:
        if folder.name in ("server", "clients"):
            return folder.parent
        if (folder / "server").is_dir() and (folder / "clients").is_dir():
            return folder
        if folder == file.parents[min(3, len(file.parents) - 1)]:
            break
    return None


def _apart(group: Group) -> list[Group]:
    """Part logs side by side whose times do not meet: they are of different days."""
    if (
        len(group.files) == 1
        or not all(file.is_file() for file, _ in group.files)
        or all(_run_folder(file) for file, _ in group.files)
    ):
        return [group]
    parts: list[tuple[list[datetime], Group]] = []
    for file, client in sorted(group.files, key=lambda entry: entry[1] is not None):  # servers first
        span = _span(file)
        for times, part in parts:
            if not span or not times or (span[0] <= times[-1] + SLACK and times[0] - SLACK <= span[-1]):
                part.files.append((file, client))
                times[:] = sorted([*times, *span])
                break
        else:
            parts.append((span, Group(group.name, [(file, client)])))
    for _, part in parts:
        first = part.files[0][0]
        if len(part.files) == 1:
            part.name = str(first)
        elif len(parts) > 1 or part.name != str(first.parent):
            part.name = f"{first}, {', '.join(file.name for file, _ in part.files[1:])}"
    return [part for _, part in parts]


def _span(file: Path) -> list[datetime]:
    """Return the first and the last time in a log; empty where it has none."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        head = stream.read(HEAD)
        stream.seek(max(size - HEAD, 0))
        tail = stream.read(HEAD)
    first, last = _TIME.search(head), _TIME.findall(tail)
    found = []
    for text in (first[0] if first else b"", last[-1] if last else b""):
        try:
            found.append(datetime.fromisoformat(text.decode()))
        except ValueError:
            continue
    return sorted(found)
