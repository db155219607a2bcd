"""Receipts: the record of one step, with its inputs, code, environment, outputs and findings.

A receipt is addressed by the digest of its canonical JSON. A number in the memory bank or a box in a checklist names
its evidence by that digest, and a receipt that was changed no longer matches it.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from zk0.core.errors import UnknownNameError
from zk0.core.git import GitState
from zk0.core.verdicts import Finding, Verdict

DIGEST_LENGTH = 16  # 64 bits: a collision among a million receipts has a chance of 3e-8


def _is_none(value: object) -> bool:
    return value is None


class Artifact(BaseModel):
    """A file or directory that a step made; its path is relative to the run's directory if it is inside."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    name: str
    path: str
    sha256: str
    size: int = Field(description="bytes")


class Failure(BaseModel):
    """The error that ended a step."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    code: str
    message: str
    remedy: str | None = None


class Receipt(BaseModel):
    """The record of one step that ran.

    `digest` is the first 16 hexadecimal digits of the SHA-256 of the canonical JSON of every other field. It is
    computed once, when the receipt is made, so a later zk0 with more fields still reads the same digest.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    schema_version: int = 1
    run: str
    workflow: str
    step: str
    title: str
    uses: str
    inputs: dict[str, Any]
    seed: int | None = None
    code: GitState
    environment: dict[str, str]
    started: datetime
    finished: datetime
    attempt: int = 1
    outputs: dict[str, Any] = {}
    artifacts: tuple[Artifact, ...] = ()
    findings: tuple[Finding, ...] = ()
    verdict: Verdict
    failure: Failure | None = None
    # Not in receipts of an older zk0, nor where they do not apply; then they are no part of the digest either.
    duration: float | None = Field(None, description="seconds, by a clock that is not set", exclude_if=_is_none)
    sequence: int | None = Field(None, description="greater than that of all receipts before", exclude_if=_is_none)
    program: str | None = Field(
        None, description="the path of the program that ran, as in `portable_paths`", exclude_if=_is_none
    )

    digest: str = ""

    @model_validator(mode="after")
    def _seal(self) -> Self:
        if not self.digest:
            # By way of the JSON text, in which a number that is not finite becomes null.
            content = json.loads(self.model_dump_json(exclude={"digest"}))
            object.__setattr__(self, "digest", canonical_digest(content)[:DIGEST_LENGTH])
        return self

    def changed(self, **fields: Any) -> Self:
        """Return a copy with other values in these fields, and a digest of its own."""
        known = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self)(**known | fields | {"digest": ""})

    @property
    def seconds(self) -> float:
        """The duration of the step in seconds."""
        return (self.finished - self.started).total_seconds() if self.duration is None else self.duration

    @property
    def order(self) -> int:
        """What orders receipts: the time in microseconds at which they were finished, if the clock was not set."""
        return round(self.finished.timestamp() * 1e6) if self.sequence is None else self.sequence


def canonical_digest(content: object) -> str:
    """Return the SHA-256 of a JSON value; the order of keys does not matter."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of a directory; links out of it count by name.

    What is neither a file nor a directory, such as a pipe or a device, has no content.
    """
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    total = hashlib.sha256()
    for member, link in _members_of(path):
        content = f"link to {link}" if link else file_digest(member)
        total.update(f"{member.relative_to(path).as_posix()}\0{content}\0".encode(errors="surrogateescape"))
    return total.hexdigest()


def artifact(name: str, path: Path, *, base: Path) -> Artifact:
    """Return the description of a file or directory that a step made."""
    members = [path] if path.is_file() else [member for member, link in _members_of(path) if not link]
    shown = path.relative_to(base) if path.is_relative_to(base) else path
    size = sum(member.stat().st_size for member in members)
    return Artifact(name=name, path=shown.as_posix(), sha256=file_digest(path), size=size)


def _members_of(directory: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files in a directory at any depth, sorted; a link has its target unless it leads to a file in there."""
    real, found = os.path.realpath(directory), []
    for parent, folders, files in os.walk(directory):
        for path in (Path(parent, name) for name in (*folders, *files)):
            is_inside = os.path.realpath(path).startswith(f"{real}{os.sep}")
            if path.is_symlink() and not (is_inside and path.is_file()):
                found.append((path, os.fsdecode(path.readlink())))
            elif path.is_file():
                found.append((path, ""))
    yield from sorted(found)


def write_atomically(path: Path, text: str, *, durable: bool = True) -> None:
    """Write a file so that readers see either the old or the new content.

    If `durable`, the file survives a power failure; otherwise only the death of the process.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


class ReceiptStore:
    """The receipts below a directory of runs: `<run>/receipts/<step>.json`."""

    def __init__(self, runs_dir: Path) -> None:
        self.runs_dir = runs_dir

    def save(self, receipt: Receipt) -> Path:
        """Write one receipt; the time of a run's folder is the order of its newest one, whatever the clock says."""
        folder = self.runs_dir / receipt.run / "receipts"
        before = folder.stat().st_mtime_ns if folder.exists() else 0
        path = self.path_of(receipt.run, receipt.step)
        write_atomically(path, receipt.model_dump_json(indent=2) + "\n")
        order = max(before, receipt.order * 1000)
        os.utime(folder, ns=(order, order))
        return path

    def path_of(self, run: str, step: str) -> Path:
        """Return where the receipt of a step is."""
        return self.runs_dir / run / "receipts" / f"{step}.json"

    def of_run(self, run: str) -> list[Receipt]:
        """Return a run's receipts in the order they were finished."""
        found = [read_receipt(path) for path in (self.runs_dir / run / "receipts").rglob("*.json")]
        return sorted(found, key=lambda receipt: receipt.order)

    def paths(self) -> dict[str, Path]:
        """Return where the receipts of all runs are, by the digest that each states; a broken file is left out."""
        found = {}
        for path in sorted(self.runs_dir.glob("*/receipts/**/*.json")):
            with suppress(OSError, ValueError, AttributeError):
                found[str(json.loads(path.read_text(encoding="utf-8")).get("digest"))] = path
        return found

    def all(self) -> Iterator[Receipt]:
        """Yield the receipts of all runs, oldest run first."""
        for directory in sorted(self.runs_dir.glob("*/receipts")):
            yield from self.of_run(directory.parent.name)


def read_receipt(path: Path) -> Receipt:
    """Read one receipt.

    Raises:
        UnknownNameError: the file is not a receipt, or was changed since it was written.
    """
    text = path.read_text(encoding="utf-8")
    try:
        receipt = Receipt.model_validate_json(text)
    except ValueError as error:
        raise UnknownNameError(f"{path} is not a receipt: {error}", remedy="run the workflow again") from error
    _parse_content(path, text)
    return receipt


def read_content(path: Path) -> dict[str, Any]:
    """Read one receipt as plain data: its digest is checked, its fields are those that were written.

    Raises:
        UnknownNameError: the file is not a receipt, or was changed since it was written.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnknownNameError(f"{path} is not a receipt: {error}", remedy="run the workflow again") from error
    return _parse_content(path, text)


def _parse_content(path: Path, text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
        stated = content.pop("digest", None)
    except (ValueError, AttributeError, TypeError) as error:
        raise UnknownNameError(f"{path} is not a receipt: {error}", remedy="run the workflow again") from error
    # Of the text as it is: a field that receipts get later changes no digest of those there are.
    found = canonical_digest(content)[:DIGEST_LENGTH]
    if stated != found:
        raise UnknownNameError(
            f"{path} was changed: it states digest {stated} and its content has {found}",
            remedy="run the workflow again",
        )
    return {**content, "digest": stated}
