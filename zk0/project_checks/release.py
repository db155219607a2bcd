"""Releases: changelog, version, description (`release.*`)."""

import re
from pathlib import Path

from packaging.version import InvalidVersion, Version

from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError
from zk0.core.project import Project, table_of
from zk0.core.verdicts import Evidence, Finding, failed, not_available, passed, passed_if
from zk0.project_checks.repository import last_tag, query_git
from zk0.project_checks.sources import library
from zk0.project_checks.wording import LEAST, says_something, words_of

NAMES = ("CHANGELOG.md", "CHANGES.md", "HISTORY.md", "CHANGELOG.rst")
READS = (Part.code, Part.documents, Part.history)
SECTION = re.compile(r"^##\s+\[?v?(?P<name>[^\]\s(]+)\]?.*$", re.MULTILINE)


@check("release.changelog", reads=READS)
def changelog(project: Project) -> Finding:
    """The changelog lists changes since the last version, in words."""
    path = _changelog(project)
    sections = SECTION.split(path.read_text(encoding="utf-8"))[1:]
    if not sections:
        return failed(f"{path.name} has no section", at=path.name, remedy="add `## Unreleased` with what changed")
    name, body = sections[0], sections[1]
    entries = [text for text in re.findall(r"^\s*[-*] (.*)", body, re.MULTILINE) if says_something(text)]
    tag = last_tag(project)
    released = tag is not None and name.removeprefix("v") == tag.removeprefix("v")
    since = int(query_git(project, "rev-list", "--count", f"{tag}..HEAD" if tag else "HEAD"))
    evidence = [Evidence(name="entries", value=len(entries), at=name), Evidence(name="commits", value=since)]
    if released and since:
        message = f"{since} commits since {tag}, and {path.name} begins with {name}"
        return failed(message, at=path.name, evidence=evidence, remedy="add `## Unreleased` with what changed")
    if not entries:
        return failed(
            f"its section {name} says of no change what it is",
            at=path.name,
            evidence=evidence,
            remedy="say what changed",
        )
    return passed(f"{name} has {len(entries)} entries, of {since} commits", at=path.name, evidence=evidence)


@check("release.version", reads=READS)
def version(project: Project) -> Finding:
    """The version is the same in pyproject.toml and in the code, and no tag is newer."""
    stated: dict[str, str] = {}
    if "version" in (table := table_of(project.pyproject, "project")):
        stated["pyproject.toml"] = str(table["version"])
    for module in library(project):
        if match := re.search(r"""^__version__\s*(?::\s*\w+\s*)?=\s*["']([^"']+)""", module.text, re.MULTILINE):
            stated[module.name] = match[1]
    if not stated:
        return not_available("no version is stated in pyproject.toml or as __version__")
    evidence = [Evidence(name="version", value=value, at=at) for at, value in stated.items()]
    tag, versions = last_tag(project), sorted(set(stated.values()))
    if len(versions) > 1:
        message = ", ".join(f"{at} says {value}" for at, value in stated.items())
        return failed(message, evidence=evidence, remedy="make them one")
    if tag and (newer := _newer(tag, versions[0])):
        return failed(f"the version is {versions[0]}, and {newer} is tagged already", evidence=evidence)
    since = f", the last tag is {tag}" if tag else ", no tag yet"
    return passed(f"{versions[0]}{since}", evidence=evidence)


@check("release.specification", reads=(*READS, Part.memory))
def described(project: Project, *, page: str = "memory-bank/architecture.md") -> Finding:
    """The architecture page has a sentence or a row on every package of the code."""
    path = project.root / page
    if not path.is_file():
        raise AssetMissingError(f"{page} is missing", remedy="describe each package in a sentence")
    text = path.read_text(encoding="utf-8")
    folders = {module.dotted for module in library(project) if module.name.endswith("/__init__.py")}
    parts = sorted({name.rpartition(".")[2] for name in folders if name.count(".") == 1} or folders)
    bare = [name for name in parts if not _is_described(name, text, parts)]
    good, bad = f"all {len(parts)} packages are described", f"{page} does not describe {', '.join(bare)}"
    evidence = [Evidence(name="packages", value=len(parts), at=page)]
    return passed_if(not bare, good, bad, at=page, evidence=evidence, doubtful=True, remedy="describe them")


def _is_described(name: str, text: str, names: list[str]) -> bool:
    """Return whether a line that names it has words besides names."""
    lines = [line for line in text.splitlines() if re.search(rf"\b{re.escape(name)}\b", line)]
    return any(len(words_of(line) - set(names)) > LEAST for line in lines)


def _changelog(project: Project) -> Path:
    for name in NAMES:
        if (path := project.root / name).is_file():
            return path
    raise AssetMissingError("the project has no changelog", remedy="write CHANGELOG.md (https://keepachangelog.com)")


def _newer(tag: str, stated: str) -> str | None:
    try:
        return tag if Version(tag.removeprefix("v")) > Version(stated) else None
    except InvalidVersion:
        return None
