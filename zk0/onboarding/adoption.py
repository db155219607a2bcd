"""Apply what zk0 adds to a project, and take it away again.

Nothing that somebody else wrote is overwritten or removed: what is in the way is named.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil

from zk0.agents.layouts import LAYOUTS
from zk0.agents.sync import AGENTS_FILE, FileStatus, remove
from zk0.agents.sync import agent_files as files_of_agents
from zk0.core.errors import InputError
from zk0.core.project import Project
from zk0.core.receipts import write_atomically
from zk0.memory.adding import EntryDraft, add_entry
from zk0.memory.bank import Bank
from zk0.memory.entries import INIT, Kind
from zk0.memory.page_seal import PAGES
from zk0.memory.recording import install
from zk0.onboarding.additions import WORKFLOW, Addition, Fact, is_unedited, without_table

PROCESS = "process:"  # the author of what zk0 itself wrote
SHOWN = 5


@dataclass(frozen=True)
class Removal:
    """Something to remove, or why it is left."""

    path: str
    left: str = ""


def apply(project: Project, added: Sequence[Addition], known: Sequence[Fact], now: datetime) -> Iterator[str]:
    """Write the files and the first entries of the memory bank, and yield a line for each thing that was done."""
    for addition in added:
        path = project.root / addition.path
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, addition.after)
        yield f"{'changed' if addition.before is not None else 'wrote'} {addition.path}"
    fresh = Project(project.root)  # with the settings that were just written
    if fresh.memory_dir.is_dir():
        yield f"left {fresh.settings.memory}/ as it is"
        return
    yield from install(fresh, now)
    for fact in known:
        with suppress(InputError):  # a source that git ignores can't be cited
            add_entry(fresh, EntryDraft(Kind.fact, fact.title, INIT, sources=fact.sources), now)
            yield f"remembered: {fact.title}"


def removals(project: Project) -> Iterator[Removal]:
    """Yield what `zk0 uninit` removes, and what it leaves because somebody edited or added to it."""
    settings = project.settings
    workflow = project.workflows_dir / f"{WORKFLOW}.yaml"
    if workflow.exists():
        edited = "" if is_unedited(workflow) else "it was edited"
        yield Removal(project.shown(workflow), edited)
    for file in files_of_agents(project, tuple(LAYOUTS.values())):
        if file.status not in (FileStatus.missing, FileStatus.foreign):
            yield Removal(file.path, "it was edited by hand" if file.status is FileStatus.edited else "")
    if project.memory_dir.is_dir():
        yield Removal(f"{settings.memory}/", _written_in(project))
    if (project.root / "pyproject.toml").is_file() and project.settings_are_written:
        yield Removal("[tool.zk0] in pyproject.toml")
    if project.state_dir.is_dir():
        yield Removal(f"{settings.state}/", _used_by(project.state_dir))


def _written_in(project: Project) -> str:
    """Return what people and agents have written in the memory bank; empty where all of it is zk0's own."""
    entries = [one.id for one in Bank.of(project).read().entries if not one.generated.by.startswith(PROCESS)]
    pages = [path.name for path in project.memory_dir.glob("*.md") if path.name not in PAGES]
    return f"people or agents wrote in it: {', '.join([*pages, *entries][:SHOWN])}" if entries or pages else ""


def _used_by(folder: Path) -> str:
    """Return why a folder can't be removed: a program works in it, such as the server of a deployment."""
    for process in psutil.process_iter(["pid", "cwd"]):
        if (cwd := process.info["cwd"]) and Path(cwd).is_relative_to(folder):
            return f"process {process.info['pid']} works in it; zk0 deploy down ends a deployment"
    return ""


def uninstall(project: Project) -> None:
    """Remove what `removals` names and does not leave."""
    found = [one for one in removals(project) if not one.left]
    paths = {one.path for one in found}
    remove(project)
    for path in paths - {AGENTS_FILE}:
        target = project.root / path
        if path.startswith("[tool.zk0]"):
            pyproject = project.root / "pyproject.toml"
            write_atomically(pyproject, without_table(pyproject.read_bytes().decode()))
        elif target.is_dir():
            shutil.rmtree(target)
        elif target.is_file():
            target.unlink()
            with suppress(OSError):  # not empty
                target.parent.rmdir()
