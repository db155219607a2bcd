"""Secrets: none in the project's files, history or logs (`secrets.*`)."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path

from zk0.core.app_subject import first_run
from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError
from zk0.core.git import run_git
from zk0.core.project import Project
from zk0.core.secrets import find_secrets
from zk0.core.verdicts import Finding, warned
from zk0.project_checks.problems import Problem, report_problems
from zk0.project_checks.repository import query_git
from zk0.project_checks.sources import modules
from zk0.project_checks.tools import ask_ruff

MIB = 1024**2
LARGEST = 1 * MIB  # bytes of a file that is read: source and settings are smaller, data sets larger
COMMITS = 500  # the newest; a secret in an older one has been public for long
OUTPUT = 32 * MIB  # bytes of logs that are read, the newest first
MARK = re.compile(r"TOKEN\w*\W.*[\"'](?:<[^<>]*>|\[\w+\])[\"']", re.IGNORECASE)  # of a language model: "<eos>"
# A setting of a language model, such as `token_weighting = "linear"`: by its name, and a word for its value.
OF_TEXT = re.compile(r"\btoken(?!\w*(?:secret|key|value|pass|auth|hub))s?_\w+\W+[\"'][A-Za-z_ -]*[\"']", re.IGNORECASE)
SHOWN = {"random-value": "what looks like a key or a password"}
TEXT = (".log", ".jsonl", ".json", ".md", ".txt", ".toml", ".yaml")
NAMES_ITSELF = re.compile(r"(\w+)\s*=\s*[\"']\1[\"']")  # `token_missing = "token-missing"`
PASSWORDS = ("S105", "S106", "S107")  # of Ruff: written into the code, outside of tests
SETTINGS = ("", ".ini", ".cfg", ".conf", ".env", ".properties", ".toml", ".yaml", ".yml", ".json")
PASSWORD = re.compile(
    r"""\s*(?:export\s+)?["']?[\w.-]*(?:passw(?:or)?d|passphrase|pwd)["']?\s*[:=]\s*["']?(?P<value>[^\s"'#,}]{4,})""",
    re.IGNORECASE,
)
PLACEHOLDER = re.compile(r"[<>{}$*]|^(?:null|none|true|false|string|str|secrets?\.|os\.|env)", re.IGNORECASE)
DIGEST_LENGTH = 16  # hexadecimal digits: that a real secret has the digest of a made-up one has a chance of 5e-20
HUNK = re.compile(r"^@@ -\S+ \+(\d+)")


@check("secrets.files", reads=(Part.code, Part.documents, Part.memory))
def in_files(project: Project, *, invented: tuple[str, ...] = ()) -> Iterator[Finding]:
    """No file of the project holds a secret; `invented` are digests of values that are made up, for tests."""
    problems = _in_code(project)
    count = 0
    memory = sorted(project.memory_dir.rglob("*.md"))
    for path in [*(project.root / name for name in project.tree().files), *memory]:
        name = project.shown(path)
        if path.is_file() and path.stat().st_size <= LARGEST:
            count += 1
            problems += _in_text(name, _text(path), invented)
    return report_problems(problems, f"{count} files hold none", remedy="revoke it, then remove it")


@check("secrets.history", reads=(Part.history,), timeout=55)
def in_history(project: Project, *, invented: tuple[str, ...] = ()) -> Iterator[Finding]:
    """No commit has ever added a secret."""
    count = int(query_git(project, "rev-list", "--count", "HEAD"))
    arguments = ("log", "-p", "-U0", "--no-color", "--no-ext-diff", "--diff-filter=AM", f"--max-count={COMMITS}")
    ended = run_git(project.root, *arguments, "--format=commit %h", "--", ".", seconds=45)
    problems = list(_in_diff(ended.out.splitlines(), invented))
    if count > COMMITS:
        yield warned(f"of {count} commits only the newest {COMMITS} were read")
    good = f"{min(count, COMMITS)} commits added none"
    yield from report_problems(problems, good, remedy="revoke it: every clone has it")


@check("secrets.logs", reads=(Part.runs, Part.machine))
def in_logs(project: Project) -> Iterator[Finding]:
    """No log, journal or receipt of a run holds a secret."""
    folders = [project.runs_dir, project.state_dir / "log"]
    paths = [path for folder in folders for path in folder.rglob("*") if path.suffix in TEXT and path.is_file()]
    if not paths:
        raise AssetMissingError("no workflow has run yet: no log", remedy=first_run(project))
    paths.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    problems: list[Problem] = []
    read = 0
    for count, path in enumerate(paths):
        size = path.stat().st_size
        if read + size > OUTPUT:
            yield warned(f"only the newest {count} of {len(paths)} logs were read ({OUTPUT // MIB} MiB)")
            break
        read += size
        problems += _in_text(path.relative_to(project.root).as_posix(), _text(path))
    yield from report_problems(problems, f"{len(paths)} logs, {read / MIB:.1f} MiB, hold none", remedy="revoke it")


def _in_text(name: str, text: str, invented: tuple[str, ...] = ()) -> Iterator[Problem]:
    lines = text.splitlines(keepends=True)
    starts = [0, *accumulate(map(len, lines))]
    for secret in find_secrets(text):
        begin = text.find(lines[secret.line - 1], starts[secret.line - 1]) + secret.column - 1
        if digest_of(text[begin : begin + secret.length]) not in invented:
            yield Problem(f"{name}:{secret.line}", f"holds {SHOWN.get(secret.kind, f'a {secret.kind}')}")
    for line, text_of_line in enumerate(lines if Path(name).suffix in SETTINGS else (), start=1):
        value = _password(text_of_line)
        if value and digest_of(value) not in invented:
            yield Problem(f"{name}:{line}", "holds a password")


def digest_of(secret: str) -> str:
    """Return the digest by which a made-up secret is known; a real one has another, wherever it lies."""
    return hashlib.sha256(secret.encode()).hexdigest()[:DIGEST_LENGTH]


def _in_code(project: Project) -> list[Problem]:
    code = {one.name: one.text.splitlines() for one in modules(project) if not one.name.startswith(("tests/", "test/"))}
    problems = []
    for found in ask_ruff(project, [one for one in modules(project) if one.name in code], PASSWORDS):
        name, _, line = found.at.rpartition(":")
        text = code[name][int(line) - 1]
        if not MARK.search(text) and not OF_TEXT.search(text) and not NAMES_ITSELF.search(text.replace("-", "_")):
            problems.append(found)
    return problems


def _password(line: str) -> str:
    """Return a password in words, which has no pattern of its own, in a line of a settings file; empty for none."""
    match = PASSWORD.match(line)
    return match["value"] if match and not PLACEHOLDER.search(match["value"]) else ""


def _in_diff(lines: Iterable[str], invented: tuple[str, ...]) -> Iterator[Problem]:
    commit = name = ""
    number = 0
    for line in lines:
        if line.startswith("commit "):
            commit = line.removeprefix("commit ")
        elif line.startswith("+++ "):
            name = line.removeprefix("+++ ").removeprefix("b/")
        elif match := HUNK.match(line):
            number = int(match[1])
        elif line.startswith("+"):
            for problem in _in_text(name, line[1:], invented):
                yield Problem(f"{name}:{number}", f"commit {commit}: {problem.message}")
            number += 1


def _text(path: Path) -> str:
    content = path.read_bytes()
    return "" if b"\0" in content[:8192] else content.decode(errors="replace")
