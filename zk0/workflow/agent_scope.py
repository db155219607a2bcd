"""What an agent may change, held against the files that changed since it was handed its step.

A `scope` that is a list names files, folders and globs relative to the project's root; nothing else may change. One
that is prose is for the agent to read. Either way, what `accept` runs or reads stays as it was at the handover: the
files and folders that its programs name, the programs themselves, tests and configuration. A pattern of the list that
begins there, such as `tests/**`, allows a change; one that only contains it, such as `**`, does not.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise

from zk0.core.contents import content_digest
from zk0.core.file_snapshots import IGNORE_RULES, FileChange, FileSnapshot
from zk0.core.project import Project
from zk0.core.verdicts import Finding, failed, passed
from zk0.workflow.dependencies import program_chain, text_parts
from zk0.workflow.patterns import ANY_DEPTH, DERIVED, MAGIC

CHECK = "scope"  # the name of these findings' check
NAMED = 10  # changed files in a message; the receipt names all
PROGRAM = "program "  # in a snapshot, begins the name of a program that `accept` runs
WORD = re.compile(r"[\w.+][\w.+-]*|[\w./+-]+/[\w.+-]+")
FOLDERS = re.compile(r"(?:^|.*?/)(?:tests?|workflows|checklists)(?=/)")
TEST = re.compile(r"(?:test_.*|.*_test|.*\.(?:test|spec))\.\w+|conftest\.py")
CONFIGURATION = re.compile(
    r"pyproject\.toml|setup\.(?:cfg|py)|tox\.ini|pytest\.(?:ini|toml)|\.?(?:ruff|mypy|flake8|coveragerc|pylintrc)(?:\.\w+)?"
    r"|noxfile\.py|(?:site|user)customize\.py|(?:GNU)?[Mm]akefile|justfile|Taskfile\.ya?ml|package\.json|environment\.ya?ml"
    r"|allowed_signers|\.git(?:ignore|attributes|modules)"
)


@dataclass(frozen=True)
class AgentScope:
    """What an agent may change: `patterns` is None where the scope is prose; `programs` are those of `accept`."""

    patterns: tuple[str, ...] | None
    programs: tuple[tuple[str, ...], ...]

    def judge(self, before: FileSnapshot, now: FileSnapshot, taken: Iterable[str] = ()) -> list[Finding]:
        """Return what changed and may not; a passed finding if all may.

        Args:
            before: the files at the handover.
            now: the files now.
            taken: states of files that may be there, since the run performs them: its workflow files.
        """
        known = set(taken)
        changes = [change for change in changes_since(before, now) if now.files.get(change.path) not in known]
        guarded = [change for change in changes if self._is_guarded(change, before)]
        outside = [change for change in changes if change not in guarded and not self._contains(change.path)]
        found = []
        if guarded:
            found.append(_finding("accept runs or reads what was changed", guarded, before, now))
        if outside:
            found.append(_finding("changed outside of the scope", outside, before, now))
        if not found:
            inside = "" if self.patterns is None else ", all in the scope"
            message = f"changed since the handover: {len(changes)}{inside}" if changes else "no file changed"
            found.append(passed(message).model_copy(update={"check": CHECK}))
        return found

    @property
    def program_names(self) -> tuple[str, ...]:
        """The words of `accept` that may be programs, also behind `env` and in the text of `sh -c`."""
        words = (word for argv in self.programs for text in argv for word in text_parts(text, words=True))
        return tuple(dict.fromkeys(word for word in words if WORD.fullmatch(word)))

    def judge_meanwhile(self, before: FileSnapshot, after: FileSnapshot) -> list[Finding]:
        """Return what `accept` runs or reads and somebody changed while it ran."""
        guarded = self._guarded(before, after)
        problem = "what accept runs or reads was changed while it ran"
        return [_finding(problem, guarded, before, after)] if guarded else []

    def made_by_accept(self, before: FileSnapshot, after: FileSnapshot) -> dict[str, str]:
        """Return the files that are new since `accept` began, without those that may not be added."""
        guarded = self._guarded(before, after)
        added = (change for change in changes_since(before, after) if change.how == "added" and change not in guarded)
        return {change.path: after.files[change.path] for change in added}

    def with_guarded(self, before: FileSnapshot, now: FileSnapshot) -> FileSnapshot:
        """Return the files now, but those that may not change as they were before."""
        files = dict(now.files)
        for change in self._guarded(before, now):
            files.pop(change.path, None)
            files |= {change.path: before.files[change.path]} if change.path in before.files else {}
        return FileSnapshot(files)

    def _guarded(self, before: FileSnapshot, now: FileSnapshot) -> list[FileChange]:
        return [change for change in changes_since(before, now) if self._is_guarded(change, before)]

    def _contains(self, path: str) -> bool:
        return self.patterns is None or any(_covers(pattern, path) for pattern in self.patterns)

    def _is_guarded(self, change: FileChange, before: FileSnapshot) -> bool:
        places = list(self._places(change.path, before))
        if not places:
            return False
        covering = [pattern for pattern in self.patterns or () if _covers(pattern, change.path)]
        return not any(_is_meant(pattern, place) for pattern in covering for place in places)

    def _places(self, path: str, before: FileSnapshot) -> Iterator[str]:
        """Yield why a file is guarded: itself, or the folder that it is in."""
        if path.startswith(PROGRAM):
            yield path
            return
        if not self.programs:
            return
        if folder := FOLDERS.match(path):
            yield folder[0]
        elif path == IGNORE_RULES or TEST.fullmatch(name := path.rpartition("/")[2]) or CONFIGURATION.fullmatch(name):
            yield path
        for named in self._named():
            # What was not there yet, such as the file that the agent is asked for, can't be what was handed over.
            if named == path and path in before.files:
                yield path
            elif named and path.startswith(f"{named}/"):
                yield named
        if path.partition("/")[0].partition(".")[0] in self._modules():
            yield path

    def _modules(self) -> set[str]:
        """Return the modules that `python -m` runs: one of that name in the project's root would come first."""
        words = [word for argv in self.programs for text in argv for word in text.split()]
        return {after.partition(".")[0] for word, after in pairwise(words) if word == "-m"}

    def _named(self) -> Iterator[str]:
        """Yield what the texts of the programs name, as paths relative to the root."""
        for argv in self.programs:
            for text in argv:
                for part in dict.fromkeys(text_parts(text, words=True)):
                    name = os.path.normpath(part)
                    if name != "." and not name.startswith(("/", "..")):
                        yield name


def take_files(project: Project, programs: Iterable[str], environment: Mapping[str, str]) -> FileSnapshot:
    """Return the files of a project, and the programs among some names: their paths and contents.

    Raises:
        DependencyMissingError: it is a repository, and there is no git that can be trusted.
        ConfigurationError: git can't list its files.
    """
    files = dict(project.file_snapshot().files)
    found = {}
    for name in programs:
        chain = list(program_chain(name, project.root, environment))
        if chain and project.shown(chain[0]) not in files:  # else it is compared as a file
            found[f"{PROGRAM}{name}"] = " ".join([str(chain[0]), *map(content_digest, chain)])
    return FileSnapshot(files | found)


def changes_since(before: FileSnapshot, now: FileSnapshot) -> tuple[FileChange, ...]:
    """Return what changed, without what tools derive from other files."""
    changes = now.changes_since(before)
    return tuple(change for change in changes if DERIVED.isdisjoint(change.path.split("/")))


def name_some(names: Sequence[object]) -> str:
    """Return the first of many names, and how many more there are."""
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(map(str, names[:NAMED])) + rest


def _finding(problem: str, changes: Sequence[FileChange], before: FileSnapshot, now: FileSnapshot) -> Finding:
    names = name_some([_described(change, before, now) for change in changes])
    remedy = "undo it, or name it in the step's scope and resume with --spec new"
    return failed(f"{problem}: {names}", remedy=remedy).model_copy(update={"check": CHECK})


def _described(change: FileChange, before: FileSnapshot, now: FileSnapshot) -> str:
    """Return a change; of a program, with its path."""
    if not change.path.startswith(PROGRAM):
        return str(change)
    paths = [states.files.get(change.path, "nothing").partition(" ")[0] for states in (before, now)]
    return f"{change} ({' → '.join(dict.fromkeys(paths))})"


def _covers(pattern: str, path: str) -> bool:
    """Return whether a pattern names a file, or a folder above it."""
    return _matches(_parts(pattern), path.split("/"))


def _matches(parts: Sequence[str], names: Sequence[str]) -> bool:
    if not parts:
        return True  # what is left of the names is below a folder that was named
    if not names:
        return False
    if parts[0] == ANY_DEPTH:
        return any(_matches(parts[1:], names[count:]) for count in range(len(names)))
    return (parts[0] == names[0] or fnmatchcase(names[0], parts[0])) and _matches(parts[1:], names[1:])


def _is_meant(pattern: str, place: str) -> bool:
    """Return whether a pattern begins at or below a place, or is itself like the name of a test or configuration."""
    name = pattern.rpartition("/")[2]
    return _is_below(_fixed(pattern), place) or bool(TEST.fullmatch(name) or CONFIGURATION.fullmatch(name))


def _fixed(pattern: str) -> str:
    """Return the part of a pattern before its first wildcard."""
    parts = _parts(pattern)
    fixed = next((place for place, part in enumerate(parts) if MAGIC.search(part)), len(parts))
    return "/".join(parts[:fixed])


def _parts(pattern: str) -> list[str]:
    normal = os.path.normpath(pattern)
    return [] if normal == "." else normal.split("/")


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")
