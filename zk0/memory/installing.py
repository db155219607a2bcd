"""Set up a memory bank in a project: its folder, its pages, and git's merge driver for what is rendered."""

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from zk0.core.git import read_git
from zk0.core.project import Project
from zk0.memory.bank import ENTRIES
from zk0.memory.recording import write_pages
from zk0.memory.rendering import CONTEXT, TASKS

DRIVER = "zk0-memory"
ATTRIBUTES = ".gitattributes"


def install(project: Project, now: datetime) -> Iterator[str]:
    """Set up what is not there yet, and yield a sentence for each thing that was done.

    The driver is named in `.gitattributes`, which is committed, and defined in this clone's git config, which is not:
    every clone installs it once. Without it a page that two branches rendered is in conflict until it is rendered.
    """
    if not (project.memory_dir / ENTRIES).is_dir():
        (project.memory_dir / ENTRIES).mkdir(parents=True)
        yield f"made {project.settings.memory}/"
    write_pages(project, now)
    yield f"rendered {CONTEXT} and {TASKS}"
    attributes = project.root / ATTRIBUTES
    known = attributes.read_text(encoding="utf-8") if attributes.is_file() else ""
    wanted = [f"{project.settings.memory}/{page} merge={DRIVER}" for page in (CONTEXT, TASKS)]
    if missing := [line for line in wanted if line not in known.splitlines()]:
        joint = "" if not known or known.endswith("\n") else "\n"
        attributes.write_text(f"{known}{joint}{'\n'.join(missing)}\n", encoding="utf-8")
        yield f"named the merge driver in {ATTRIBUTES}"
    command = f'"{sys.executable}" -m zk0 memory merge-driver %O %A %B'
    if _is_repository(project.root) and _config(project.root, f"merge.{DRIVER}.driver") != command:
        read_git(project.root, "config", f"merge.{DRIVER}.name", "keeps what people wrote in zk0's rendered pages")
        read_git(project.root, "config", f"merge.{DRIVER}.driver", command)
        yield "defined the merge driver in this clone's git config"


def _is_repository(root: Path) -> bool:
    return read_git(root, "rev-parse", "--git-dir") is not None


def _config(root: Path, key: str) -> str:
    return (read_git(root, "config", "--get", key) or "").strip()
