"""What programs open in the project, seen by strace, compared with what their step declares.

strace(1) writes one line for each system call that names a file. From them come the files that a program read, wrote,
looked for in vain, the folders it listed and the programs it started. What a process does that ran before, such as a
server, is not seen, nor what is opened by io_uring(7).
"""

import os
import re
import subprocess
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from zk0.core.contents import content_digest
from zk0.core.pages import join_first
from zk0.core.process import locate_program
from zk0.core.receipts import canonical_digest
from zk0.core.verdicts import Evidence, Finding, not_available, passed, warned
from zk0.workflow.dependencies import Dependencies, Place, program_chain
from zk0.workflow.patterns import DERIVED
from zk0.workflow.programs import Command

TRACE, UNDECLARED = "trace", "undeclared"  # parts of a basis: all was declared; what was not
ABSENT, LISTED, STARTED = "absent ", "names in ", "started "  # begin the names of facts that a trace adds to a basis
OPTIONS = ("-f", "-qq", "-y", "--seccomp-bpf", "-e", "trace=%file,fchdir", "-e", "signal=none")
MOST_FACTS = 2_000  # of one step; a program that looks at more depends on the whole project
SHOWN = 5  # files that a message names; the evidence has all
CALL = re.compile(r"(\d+) +(\w+)\((.*)")
RESUMED = re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)")
UNFINISHED = " <unfinished ...>"
RESULT = re.compile(r".*\) += (-?\d+|\?)(?: (E[A-Z]+) )?")  # greedy: the last one is that of the call
NAME = re.compile(r'(?:(?:AT_FDCWD|\d+)<(?P<base>[^>]*)>, )?"(?P<name>(?:[^"\\]|\\.)*)"')
ESCAPE = re.compile(rb"\\([0-7]{1,3}|x[0-9a-f]{2}|.)")
LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"v": b"\v", b"f": b"\f"}
OPENING = frozenset({"open", "openat", "openat2", "creat"})
SECOND = frozenset({"rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat"})  # they write the last
MAKING = SECOND | {"creat", "mkdir", "mkdirat"}


@cache
def tracer() -> str | None:
    """Return the path of strace; None if it is not here, or may not trace."""
    path = locate_program("strace", Path.cwd(), os.environ)
    if path is None:
        return None
    probe = [os.fspath(path), *OPTIONS, "-o", os.devnull, "true"]
    return None if subprocess.run(probe, capture_output=True, check=False).returncode else os.fspath(path)  # noqa: S603


@dataclass
class Opened:
    """The paths that programs used, each by its first use; all of them are absolute."""

    read: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)
    started: set[str] = field(default_factory=set)

    def add(self, lines: Iterable[str], cwd: Path) -> None:
        """Add what the lines of a trace show; the traced program began in `cwd`."""
        places = {os.fspath(cwd)}  # a relative name may be relative to any directory that one of the processes was in
        for call, arguments, result in _calls(lines):
            found = RESULT.match(result)
            names = list(NAME.finditer(arguments))
            if call in ("chdir", "fchdir") and found and found[1] == "0":
                places |= {path for match in names[:1] for path in _whole(match, places)}
                places |= set(re.findall(r"^\d+<([^>]*)>", arguments))
                continue
            if not names or found is None:
                continue
            names = names[-1:] if call in SECOND else names[:1]
            for path in dict.fromkeys(path for match in names for path in _whole(match, places)):
                self._use(call, path, arguments, error=found[2], failed=found[1].startswith("-"))

    def _use(self, call: str, path: str, arguments: str, *, error: str | None, failed: bool) -> None:
        if path in self.written:
            return
        if failed:
            if error in ("ENOENT", "ENOTDIR") and path not in self.read:
                self.absent.add(path)
        elif call in MAKING or (call in OPENING and re.search(r"O_(?:WRONLY|RDWR|CREAT|TRUNC)", arguments)):
            if path not in self.read and "O_RDWR" in arguments and "O_CREAT" not in arguments:
                self.read.add(path)
            self.written.add(path)
        elif os.path.isdir(path):  # noqa: PTH112
            if call in OPENING:
                self.listed.add(path)
        else:
            self.read.add(path)
            if call.startswith("execve"):
                self.started.add(path)


def _calls(lines: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Yield the name, the arguments and the end of each call; what was interrupted by another process is joined."""
    begun: dict[str, str] = {}
    for raw in lines:
        line = raw.rstrip("\n")
        resumed = RESUMED.fullmatch(line)
        whole = f"{resumed[1]} {begun.pop(resumed[1], '')}{resumed[2]}" if resumed else line
        found = CALL.fullmatch(whole)
        if found is None:
            continue
        if line.endswith(UNFINISHED):
            begun[found[1]] = line.removesuffix(UNFINISHED).partition(" ")[2].lstrip()
            continue
        yield found[2], found[3], whole


def _whole(match: re.Match[str], places: Iterable[str]) -> Iterator[str]:
    name = _plain(match["name"])
    if not name:  # what is asked of a file that is open, such as the step's own log
        return
    bases = places if match["base"] is None else [_plain(match["base"])]
    for base in bases:
        yield os.path.normpath(os.path.join(base, name))  # noqa: PTH118


def _plain(text: str) -> str:
    """Return a text without the escapes that strace writes."""

    def char(found: re.Match[bytes]) -> bytes:
        code = found[1]
        if code[:1].isdigit():
            return bytes([int(code, 8) & 0xFF])
        if code[:1] == b"x" and len(code) > 1:
            return bytes([int(code[1:], 16)])
        return LETTERS.get(code, code)

    return os.fsdecode(ESCAPE.sub(char, os.fsencode(text)))


class ProgramTrace:
    """Follows the programs of one step, and judges what they opened.

    Args:
        reads: the patterns of what they read.
        makes: the patterns of what they make.
        sees_all: whether nothing but these programs has a part in the outcome, such as a check in Python.
    """

    def __init__(self, reads: Sequence[str], makes: Sequence[str], *, sees_all: bool) -> None:
        self.reads, self.makes, self.sees_all = reads, makes, sees_all
        self.opened = Opened()
        self.commands: list[Command] = []
        self.facts: dict[str, str] = {}  # parts that the trace adds to the basis

    @contextmanager
    def of(self, command: Command, file: Path) -> Iterator[Command]:
        """Trace a program by way of a file; one that can't be started is left to fail as it is."""
        program = tracer()
        self.commands.append(command)
        if program is None or locate_program(command.argv[0], command.cwd, {**os.environ, **command.env}) is None:
            yield command
            return
        try:
            yield replace(command, argv=(program, *OPTIONS, "-o", os.fspath(file), "--", *command.argv))
            with file.open(encoding="utf-8", errors="surrogateescape") as lines:
                self.opened.add(lines, command.cwd)
        finally:
            file.unlink(missing_ok=True)

    def judge(self, dependencies: Dependencies) -> Finding:
        """Return a finding on what the programs opened."""
        if tracer() is None:
            return unavailable()
        searched = {place for command in self.commands for place in os.get_exec_path({**os.environ, **command.env})}
        finding, facts = judge_trace(self.opened, self._declared(dependencies), dependencies, searched)
        self.facts = facts if self.sees_all or UNDECLARED in facts else {}
        return finding

    def _declared(self, dependencies: Dependencies) -> "Declared":
        makes = frozenset(map(str, dependencies.matched(self.makes)))
        reads = set(map(str, dependencies.matched(self.reads)))
        for command in self.commands:
            place = Place((command.cwd, dependencies.project.root), words=True, own=makes)
            for text in (*command.argv, *command.env.values()):
                reads.update(str(path) for path, _ in dependencies.compared_files(text, place))
            environment = {**os.environ, **command.env}
            reads.update(map(str, program_chain(command.argv[0], command.cwd, environment)))
        return Declared(frozenset(reads), makes)


@dataclass(frozen=True)
class Declared:
    """The files that a step says its programs read and make, or that are named in their arguments; absolute paths."""

    reads: frozenset[str]
    makes: frozenset[str]

    def covers(self, path: str, *, written: bool = False) -> bool:
        """Return whether a path is one of these or within one."""
        known = self.makes if written else self.reads | self.makes
        whole = {path, os.path.realpath(path)}
        return any(place in known for one in whole for place in (one, *map(os.fspath, Path(one).parents)))


def judge_trace(
    opened: Opened, declared: Declared, dependencies: Dependencies, searched: Collection[str]
) -> tuple[Finding, dict[str, str]]:
    """Return a finding on what programs opened in the project, and the parts that this adds to a basis.

    `searched` are the directories that were searched for programs.
    """
    project = dependencies.project
    root = f"{project.root}/"

    def inside(paths: Iterable[str]) -> list[str]:
        found = (path if path.startswith(root) else os.path.realpath(path) for path in paths)
        return sorted({path for path in found if path.startswith(root) and not DERIVED & set(path.split("/"))})

    root_too = {str(project.root)} & opened.listed
    folders = [path for path in (*root_too, *inside(opened.listed)) if not declared.covers(path)]
    hidden = tuple(f"{place}/" for place in (project.state_dir, project.memory_dir, project.root / ".git"))
    reads = [path for path in inside(opened.read) if not declared.covers(path)]
    reads += [path for path in folders if f"{path}/".startswith(hidden)]  # their names change with every run
    left = [path for path in inside(opened.written) if os.path.lexists(path) and not os.path.isdir(path)]  # noqa: PTH112
    writes = [path for path in left if not declared.covers(path, written=True)]
    if reads or writes:
        return _undeclared([project.shown(path) for path in reads], [project.shown(path) for path in writes])
    own = declared.makes
    facts = {f"{ABSENT}{project.shown(path)}": "" for path in inside(opened.absent) if not declared.covers(path)}
    facts |= {f"{ABSENT}{path}": "" for path in opened.absent if os.path.dirname(path) in searched}  # noqa: PTH120
    facts |= {f"{LISTED}{project.shown(path)}": dependencies.names_in(Path(path), own) for path in folders}
    outside = [path for path in opened.started if not path.startswith(root) and os.path.isfile(path)]  # noqa: PTH113
    facts |= {f"{STARTED}{path}": _program_digest(path) for path in outside}
    if len(facts) > MOST_FACTS:
        many = (
            f"it looks at {len(facts)} names in the project, more than {MOST_FACTS}: reuse compares the whole project"
        )
        return passed(many).model_copy(update={"check": TRACE}), {}
    said = passed("it opened nothing in the project but what it declares")
    return said.model_copy(update={"check": TRACE}), {TRACE: "declared"} | facts


def unavailable() -> Finding:
    """Return the finding that strace is missing."""
    reason = "strace is not here, or may not trace: reuse compares the whole project"
    return not_available(reason, remedy="apt-get install strace").model_copy(update={"check": TRACE})


def _undeclared(reads: list[str], writes: list[str]) -> tuple[Finding, dict[str, str]]:
    parts = [
        f"it {did} {join_first(names, SHOWN)}, which {key} does not name"
        for did, key, names in (("read", "reads", reads), ("wrote", "makes", writes))
        if names
    ]
    evidence = [
        Evidence(name=key, value=name) for key, names in (("reads", reads), ("makes", writes)) for name in names
    ]
    finding = warned("; ".join(parts), evidence=evidence, remedy="declare these files, or stop using them")
    return finding.model_copy(update={"check": TRACE}), {UNDECLARED: join_first([*reads, *writes], SHOWN)}


def is_fact(part: str) -> bool:
    """Return whether a part of a basis was added by a trace, and is to be looked at rather than compared."""
    return part.startswith((ABSENT, LISTED, STARTED))


def holds(fact: str, value: str, dependencies: Dependencies, own: frozenset[str]) -> bool:
    """Return whether what a trace saw is still so."""
    kind = next(kind for kind in (ABSENT, LISTED, STARTED) if fact.startswith(kind))
    path = dependencies.project.root / fact.removeprefix(kind)
    if kind == ABSENT:
        return not os.path.lexists(path)
    try:
        found = _program_digest(os.fspath(path)) if kind == STARTED else dependencies.names_in(path, own)
    except OSError:  # it is gone, or no longer to be read
        return False
    return found == value


def say_fact(fact: str) -> str:
    """Return in words that something is no longer as a trace saw it."""
    if fact.startswith(ABSENT):
        return f"{fact.removeprefix(ABSENT)} appeared"
    return f"the {fact} changed" if fact.startswith(LISTED) else f"the program {fact.removeprefix(STARTED)} changed"


def _program_digest(path: str) -> str:
    return canonical_digest(content_digest(Path(path)))[:16]
