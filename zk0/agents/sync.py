"""Write, compare and remove the files that coding agents read: skills, commands, and a block in AGENTS.md.

What somebody edited by hand is never overwritten or removed; it is named instead.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from zk0.agents.hooks import HOOK_FILES, remove_hooks
from zk0.agents.layouts import LAYOUTS, Layout, layouts_in_use
from zk0.agents.rendering import PREFIX, render_block, render_workflow
from zk0.core.errors import ConfigurationError, UnknownNameError
from zk0.core.project import Project
from zk0.core.receipts import write_atomically
from zk0.core.seal import BLOCK, is_generated, is_sealed
from zk0.workflow.loading import Library, examine
from zk0.workflow.names import workflow_files
from zk0.workflow.spec import WorkflowSpec

AGENTS_FILE = "AGENTS.md"


class FileStatus(StrEnum):
    """How a file compares with what the workflows say now."""

    current = "current"
    missing = "missing"
    stale = "stale"  # rendered from an earlier state of its workflow
    surplus = "surplus"  # its workflow is gone
    edited = "edited"  # by hand
    foreign = "foreign"  # somebody else's file of this name


@dataclass(frozen=True)
class AgentFile:
    """A file, relative to the project's root, what it should hold, and how that compares; no text is a surplus file."""

    path: str
    text: str | None
    status: FileStatus


def agent_files(project: Project, layouts: Sequence[Layout] = ()) -> list[AgentFile]:
    """Return the files of these layouts, or of those in use, with their status; reads only.

    Raises:
        ConfigurationError: a file can't be read.
    """
    chosen = tuple(layouts) or used_layouts(project)
    specs = _specs(project)
    wanted = {
        layout.file(PREFIX + name): render_workflow(spec, layout.form) for layout in chosen for name, spec in specs
    }
    found = [_compared(project, path, text) for path, text in wanted.items()]
    every = (path for layout in chosen for path in project.root.glob(layout.pattern()))
    extra = (path.relative_to(project.root).as_posix() for path in sorted(every))
    surplus = [_surplus(project, path) for path in extra if path not in wanted]
    return [_block(project), *found, *filter(None, surplus)]


def used_layouts(project: Project) -> tuple[Layout, ...]:
    """Return the layouts that zk0 has written files of, and those of the agents that the project is worked on with."""
    written = [layout for layout in LAYOUTS.values() if any(project.root.glob(layout.pattern()))]
    return tuple(dict.fromkeys([*written, *layouts_in_use(project.root)]))


def named_layouts(names: Iterable[str]) -> tuple[Layout, ...]:
    """Return layouts by name; `all` is every one.

    Raises:
        UnknownNameError: there is none of a name.
    """
    chosen: list[Layout] = []
    for name in names:
        if name != "all" and name not in LAYOUTS:
            raise UnknownNameError(f"no agent named {name!r}", remedy=f"one of {', '.join([*LAYOUTS, 'all'])}")
        chosen += LAYOUTS.values() if name == "all" else [LAYOUTS[name]]
    return tuple(dict.fromkeys(chosen))


def sync(project: Project, layouts: Sequence[Layout] = ()) -> list[AgentFile]:
    """Write what is missing or stale, remove what is surplus, and return all files as they were before."""
    files = agent_files(project, layouts)
    for file in files:
        path = project.root / file.path
        if file.status in (FileStatus.missing, FileStatus.stale):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, file.text or "")
        elif file.status is FileStatus.surplus:
            _remove(project, path)
    return files


def remove(project: Project) -> list[AgentFile]:
    """Remove every file that zk0 wrote and nobody edited, its block in AGENTS.md and its hooks; return what was found.

    Raises:
        ConfigurationError: a file can't be read.
    """
    for hooks in HOOK_FILES.values():
        remove_hooks(project.root, hooks)
    files = [file for file in agent_files(project, tuple(LAYOUTS.values())) if file.status is not FileStatus.missing]
    for file in files:
        path = project.root / file.path
        if file.status in (FileStatus.edited, FileStatus.foreign):
            continue
        if file.path != AGENTS_FILE:
            _remove(project, path)
        elif rest := BLOCK.sub("", _read(path)).strip():
            write_atomically(path, f"{rest}\n")
        else:
            path.unlink()
    return files


def _specs(project: Project) -> list[tuple[str, WorkflowSpec]]:
    files = workflow_files(project)
    loaded = {name: examine(path, library=Library(files, (name,)))[0] for name, path in files.items()}
    return [(name, one.spec) for name, one in loaded.items() if one is not None]


def _compared(project: Project, path: str, text: str) -> AgentFile:
    there = _read(project.root / path)
    return AgentFile(path, text, _status(there, text))


def _status(there: str, text: str) -> FileStatus:
    if not there:
        return FileStatus.missing
    if there == text:
        return FileStatus.current
    if is_sealed(there):
        return FileStatus.stale
    return FileStatus.edited if is_generated(there) else FileStatus.foreign


def _surplus(project: Project, path: str) -> AgentFile | None:
    there = _read(project.root / path)
    if not is_generated(there):
        return None  # somebody's own skill, which happens to begin with our prefix
    return AgentFile(path, None, FileStatus.surplus if is_sealed(there) else FileStatus.edited)


def _block(project: Project) -> AgentFile:
    """Return AGENTS.md with zk0's block in it; the rest is left as it is."""
    there, block = _read(project.root / AGENTS_FILE), render_block()
    found = BLOCK.search(there)
    if found is None:
        return AgentFile(AGENTS_FILE, f"{there.rstrip()}\n\n{block}" if there.strip() else block, FileStatus.missing)
    text = there[: found.start()] + block + there[found.end() :]
    return AgentFile(AGENTS_FILE, text, _status(found[0] if found[0].endswith("\n") else f"{found[0]}\n", block))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} can't be read: {error}", remedy="correct or remove it") from error


def _remove(project: Project, path: Path) -> None:
    """Remove a file and the folders that it leaves empty."""
    path.unlink()
    for folder in path.parents:
        if folder == project.root or any(folder.iterdir()):
            break
        folder.rmdir()


def problems(files: Iterable[AgentFile]) -> Iterator[str]:
    """Yield what is not as the workflows say, with what to do about it."""
    for file in files:
        match file.status:
            case FileStatus.missing | FileStatus.stale | FileStatus.surplus:
                yield f"{file.path} is {file.status}: zk0 agents sync"
            case FileStatus.edited:
                yield f"{file.path} was edited by hand: move your words elsewhere and remove it; zk0 agents sync"
            case FileStatus.foreign:
                yield f"{file.path} is not zk0's: rename it, or leave out this agent"
