"""The evidence entries rest on, read again: receipts, cited lines, settings, commits, the project's code.

Receipts that an entry cites are copied into the bank, `evidence/<digest>.json`, so that its numbers
can be checked in another clone or in CI, where no run was made. A copy is found and verified by its digest.
"""

import hashlib
import json
import math
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from zk0.core.errors import SecretError, UnknownNameError
from zk0.core.fingerprints import is_prose, read_digest
from zk0.core.git import read_git
from zk0.core.project import Project
from zk0.core.receipts import Receipt, ReceiptStore, read_content, write_atomically
from zk0.core.secrets import find_secrets
from zk0.core.verdicts import Verdict
from zk0.memory.entries import FactSource
from zk0.workflow.integrity import JOURNAL, RecordReader

EVIDENCE = "evidence"
CODE_LENGTH = 16  # digits of the code's digest that an entry keeps
RECENT = 2000  # commits that are asked for at once; of an older one git is asked alone
COMMIT = re.compile(r"[0-9a-f]{7,64}")
RESULTS = "results"  # an action's output of this name is a list of {name, value, unit}: what a run is about


class EvidenceReader:
    """Reads in one project what entries rest on, everything once."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.directories = project.evidence_dirs
        self._receipts: dict[str, dict[str, Any] | None] = {}
        self._texts: dict[str, str | None] = {}
        self._settings: dict[str, object] = {}
        self._trees: dict[tuple[str, ...], str] = {}
        self._altered: dict[str, str | None] = {}

    def receipt(self, digest: str) -> dict[str, Any] | None:
        """Return the receipt of this digest; None where neither the bank nor this machine's runs have it.

        Raises:
            UnknownNameError: there is one that was changed.
        """
        if digest not in self._receipts:
            found = self.file(digest)
            content = read_content(found) if found else None
            if content and content["digest"] != digest:
                raise UnknownNameError(f"receipt {digest} was changed: its content has another digest")
            self._receipts[digest] = content
        return self._receipts[digest]

    def file(self, digest: str) -> Path | None:
        """Return where a receipt is: carried by the bank, in its archive, or in this machine's runs."""
        return self._carried(digest) or self._of_runs.get(digest)

    def is_carried(self, digest: str) -> bool:
        """Whether the bank has a receipt, so that every clone of the repository has it."""
        return self._carried(digest) is not None

    def _carried(self, digest: str) -> Path | None:
        paths = (directory / f"{digest}.json" for directory in self.directories)
        return next((path for path in paths if path.is_file()), None)

    def lines(self, file: str) -> list[str] | None:
        """Return a file's lines with their ends; None where there is no such text."""
        if file not in self._texts:
            path = self._inside(file)
            try:
                self._texts[file] = path.read_text(encoding="utf-8") if path else None
            except (OSError, UnicodeDecodeError):
                self._texts[file] = None
        text = self._texts[file]
        return None if text is None else text.splitlines(keepends=True)

    def setting(self, file: str, key: str) -> object:
        """Return a settings file's value at a dotted key; a list's member by its number.

        Raises:
            KeyError: the file or the key is not there, or can't be read.
        """
        if file not in self._settings:
            path = self._inside(file)
            if path is None:
                raise KeyError(f"{file} is not a file of this project")
            self._settings[file] = _parsed(path)
        try:
            return _at(self._settings[file], key)
        except KeyError as error:
            raise KeyError(f"{file} has no {key}") from error

    def _inside(self, file: str) -> Path | None:
        """Return a file of the project: an entry, which anybody may have written, has no business elsewhere."""
        path = (self.project.root / file).resolve()
        return path if path.is_relative_to(self.project.root) else None

    def altered(self, run: str) -> str | None:
        """Return that the records of a run on this machine do not agree; None where they do, or it is not here."""
        if run not in self._altered:
            self._altered[run] = self._records.complaint(run)
        return self._altered[run]

    def is_vouched_for(self, digest: str, run: str) -> bool:
        """Whether the last commit has a receipt, or the journal of its run on this machine does.

        Outside of git, and before the first commit, nobody can tell.
        """
        if self.head is None or digest in self._committed:
            return True
        journal = self.project.runs_dir / Path(run).name / JOURNAL
        return journal.is_file() and digest.encode() in journal.read_bytes()

    @cached_property
    def _committed(self) -> frozenset[str]:
        """The digests of the receipts that the last commit has."""
        folders = [self.project.shown(directory) for directory in self.directories]
        return frozenset(
            Path(name).stem
            for name in self._git("ls-tree", "-r", "-z", "--name-only", "HEAD", "--", *folders).split("\0")
        )

    @cached_property
    def _records(self) -> RecordReader:
        return RecordReader(self.project)

    def tree(self, reads: tuple[str, ...] = ()) -> str:
        """Return the digest of the project's code as it is now; where files are named, that of `read_digest`."""
        if reads not in self._trees:
            self._trees[reads] = read_digest(self.project.tree(), reads)[:CODE_LENGTH]
        return self._trees[reads]

    @cached_property
    def head(self) -> str | None:
        """The commit that is checked out; None where there is none."""
        return next(iter(self._recent), None)

    @cached_property
    def _recent(self) -> dict[str, None]:
        """The newest commits; a dictionary, to find one at once among them."""
        return dict.fromkeys(self._git("rev-list", f"--max-count={RECENT}", "HEAD").split())

    @cached_property
    def branch(self) -> str | None:
        """The branch that is checked out; None where HEAD is at a commit alone, or there is no repository."""
        return self._git("symbolic-ref", "--quiet", "--short", "HEAD").strip() or None

    def contains(self, commit: str) -> bool | None:
        """Return whether HEAD contains a commit; None where the repository does not know it, or there is none."""
        if commit in self._recent:
            return True
        whole = self.resolve_commit(commit) if COMMIT.fullmatch(commit) else None
        if whole is None:
            return None
        return whole in self._recent or self._git("merge-base", whole, "HEAD").strip() == whole

    def resolve_commit(self, revision: str) -> str | None:
        """Return the commit that a revision names; None where it names none."""
        if revision.startswith("-"):
            return None
        return self._git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").strip() or None

    def changed_since(self, commit: str) -> list[str]:
        """Return the files of code that differ from those of a commit; none outside a repository."""
        changed = self._git("diff", "--name-only", "--relative", commit).splitlines()
        new = self._git("ls-files", "--others", "--exclude-standard").splitlines()
        own = (f"{self.project.settings.memory}/", f"{self.project.settings.state}/")
        return [name for name in (*changed, *new) if not is_prose(name) and not name.startswith(own)]

    def _git(self, *arguments: str) -> str:
        return read_git(self.project.root, *arguments) or ""

    @cached_property
    def _of_runs(self) -> dict[str, Path]:
        return ReceiptStore(self.project.runs_dir).paths()


def copy_receipt(project: Project, digest: str, text: str) -> None:
    """Copy a receipt's text into the bank, without the blanks between its values; its digest is of the values.

    Raises:
        SecretError: it holds a secret; it stays where it is.
    """
    path = project.memory_dir / EVIDENCE / f"{digest}.json"
    if path.exists():
        return
    for found in find_secrets(text):
        problem = f"receipt {digest} holds a secret ({found.kind}), so the repository can't keep it"
        raise SecretError(problem, remedy="leave it out of what the step prints and takes, and run it again")
    write_atomically(path, json.dumps(json.loads(text), ensure_ascii=False) + "\n")


def lines_digest(lines: Iterable[str]) -> str:
    """Return the SHA-256 of lines, whatever ends them."""
    return hashlib.sha256("\n".join(line.rstrip("\r\n") for line in lines).encode()).hexdigest()


def _parsed(path: Path) -> object:
    try:
        text = path.read_text(encoding="utf-8")
        match path.suffix:
            case ".toml":
                return tomllib.loads(text)
            case ".json":
                return json.loads(text)
            case ".yaml" | ".yml":
                return YAML(typ="safe", pure=True).load(text)
    except (OSError, ValueError, YAMLError) as error:
        raise KeyError(f"{path.name} can't be read: {error}") from error
    raise KeyError(f"{path.name} is not a settings file (TOML, YAML or JSON)")


def numbers_of(receipts: Sequence[Receipt]) -> tuple[FactSource, ...]:
    """Return the numbers of a run: the results its actions name, then the evidence of its findings.

    Where results are named, the evidence of passed findings is left out: a run has hundreds of numbers that only say
    that all is well, and they stay in the receipts. A value that is missing or not finite is not a number.
    """
    named = [source for receipt in receipts for source in _results(receipt)]
    shown = frozenset(Verdict) - {Verdict.passed} if named else frozenset(Verdict)
    evidence = [
        source
        for receipt in receipts
        for number, finding in enumerate(receipt.findings)
        if finding.verdict in shown
        for source in evidence_of(receipt, number)
    ]
    return tuple(named + evidence)


def evidence_of(receipt: Receipt, number: int) -> Iterator[FactSource]:
    """Yield the numbers that a receipt's finding of this number rests on."""
    finding = receipt.findings[number]
    for index, evidence in enumerate(finding.evidence):
        if _is_number(evidence.value):
            where = evidence.at or finding.at
            yield FactSource(
                name=f"{finding.check}: {evidence.name}{f' ({where})' if where else ''}",
                receipt=receipt.digest,
                metric=f"findings.{number}.evidence.{index}.value",
                value=evidence.value,
                unit=evidence.unit,
            )


def value_at(receipt: Receipt | Mapping[str, Any], metric: str) -> object:
    """Return the value that a metric path names in a receipt, such as `findings.0.evidence.1.value`.

    Raises:
        UnknownNameError: the receipt has nothing at this path.
    """
    content = receipt.model_dump(mode="json") if isinstance(receipt, Receipt) else receipt
    try:
        return _at(content, metric)
    except KeyError as error:
        missing = f"no {error.args[0]!r} there"
        raise UnknownNameError(f"receipt {content['digest']} has nothing at {metric!r}: {missing}") from error


def _at(found: object, path: str) -> object:
    """Return the value at a dotted path, a list's member by its number; a KeyError names the part that is missing."""
    for part in path.split("."):
        match found:
            case Mapping() if part in found:
                found = found[part]
            case list() if part.isdecimal() and int(part) < len(found):
                found = found[int(part)]
            case _:
                raise KeyError(part)
    return found


def _results(receipt: Receipt) -> Iterator[FactSource]:
    results = receipt.outputs.get(RESULTS)
    for index, result in enumerate(results if isinstance(results, list | tuple) else ()):
        if isinstance(result, dict) and isinstance(result.get("name"), str) and _is_number(result.get("value")):
            path = f"outputs.{RESULTS}.{index}.value"
            unit = str(result.get("unit") or "")
            yield FactSource(name=result["name"], receipt=receipt.digest, metric=path, value=result["value"], unit=unit)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
