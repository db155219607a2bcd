"""Secrets: none in the project's files, history or logs (`secrets.*`)."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

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
TEXT = (".log", ".jsonl", ".json", ".md", ".txt", ".toml", ".yaml")
NAMES_ITSELF = re.compile(r"(\w+)\s*=\s*[\"']\1[\"']")  # `token_missing = "token-missing"`
PASSWORDS = ("S105", "S106", "S107")  # of Ruff: written into the code, outside of tests
SETTINGS = ("", ".ini", ".cfg", ".conf", ".env", ".properties", ".toml", ".yaml", ".yml", ".json")
PASSWORD = re.compile(
    r"""\s*(?:export\s+)?["']?[\w.-]*(?:passw(?:or)?d|passphrase|pwd)["']?\s*[:=]\s*["']?(?P<value>[^\s"'#,}]{4,})""",
    re.IGNORECASE,
)
PLACEHOLDER = re.compile(r"[<>{}$*]|^(?:null|none|true|false|string|str|secrets?\.|os\.|env)", re.IGNORECASE)
HUNK = re.compile(r"^@@ -\S+ \+(\d+)")


@check("secrets.files", reads=(Part.code, Part.documents, Part.memory))
def in_files(project: Project, *, beside: tuple[str, ...] = ()) -> Iterator[Finding]:
    """No file of the project holds a secret; `beside` names files whose secrets are made up, for tests."""
    problems = _in_code(project)
    count = 0
    memory = sorted(project.memory_dir.rglob("*.md"))
    for path in [*(project.root / name for name in project.tree().files), *memory]:
        name = project.shown(path)
        if path.is_file() and path.stat().st_size <= LARGEST and not name.startswith(beside):
            count += 1
            problems += _in_text(name, _text(path))
    return report_problems(problems, f"{count} files hold none", remedy="revoke it, then remove it")


@check("secrets.history", reads=(Part.history,), timeout=55)
def in_history(project: Project, *, beside: tuple[str, ...] = ()) -> Iterator[Finding]:
    """No commit has ever added a secret."""
    count = int(query_git(project, "rev-list", "--count", "HEAD"))
    arguments = ("log", "-p", "-U0", "--no-color", "--no-ext-diff", "--diff-filter=AM", f"--max-count={COMMITS}")
    ended = run_git(project.root, *arguments, "--format=commit %h", "--", ".", seconds=45)
    problems = [problem for problem in _in_diff(ended.out.splitlines()) if not problem.at.startswith(beside)]
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
        raise AssetMissingError("no workflow has run yet: no log", remedy="zk0 run train")
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


def _in_text(name: str, text: str) -> Iterator[Problem]:
    for secret in find_secrets(text):
        yield Problem(f"{name}:{secret.line}", f"holds a {secret.kind}")
    for line, text_of_line in enumerate(text.splitlines() if Path(name).suffix in SETTINGS else (), start=1):
        if _is_password(text_of_line):
            yield Problem(f"{name}:{line}", "holds a password")


def _in_code(project: Project) -> list[Problem]:
    code = {one.name: one.text.splitlines() for one in modules(project) if not one.name.startswith(("tests/", "test/"))}
    problems = []
    for found in ask_ruff(project, [one for one in modules(project) if one.name in code], PASSWORDS):
        name, _, line = found.at.rpartition(":")
        if not NAMES_ITSELF.search(code[name][int(line) - 1].replace("-", "_")):
            problems.append(found)
    return problems


def _is_password(line: str) -> bool:
    """Return whether a line of a settings file gives a password in words, which has no pattern of its own."""
    match = PASSWORD.match(line)
    return match is not None and not PLACEHOLDER.search(match["value"])


def _in_diff(lines: Iterable[str]) -> Iterator[Problem]:
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
            for problem in _in_text(name, line[1:]):
                yield Problem(f"{name}:{number}", f"commit {commit}: {problem.message}")
            number += 1


def _text(path: Path) -> str:
    content = path.read_bytes()
    return "" if b"\0" in content[:8192] else content.decode(errors="replace")
