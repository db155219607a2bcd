"""Patterns of `reads` and `makes`: files, folders and globs, relative to the project's root.

`*` and `?` match within a name, hidden names too, `**` matches folders at any depth. A pattern that names something
that exists, such as `a[1].csv`, names just that. What zk0 itself writes is matched only by a pattern that begins there.
"""

import os
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from zk0.core.contents import Excluded
from zk0.core.pages import as_text
from zk0.core.project import Project

MAGIC = re.compile(r"[*?\[]")
ANY_DEPTH = "**"
DERIVED = frozenset(
    {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
)  # written by tools from what is there


def argument_texts(values: Iterable[object]) -> Iterator[str]:
    """Return what a list fills in: an item that is a list fills as many places as it has items."""
    for value in values:
        yield from map(as_text, value) if isinstance(value, list | tuple) else (as_text(value),)


def pattern_problem(pattern: str, *, makes: bool) -> str:
    """Return what is wrong with a pattern; empty if nothing is."""
    outside = pattern.startswith(("/", "~")) or ".." in Path(pattern).parts
    if makes and outside:
        return f"makes names {pattern!r}; a step makes what is inside of the project: give a path below its root"
    if ANY_DEPTH in pattern and ANY_DEPTH not in pattern.split("/"):
        return f"{pattern!r}: ** stands for folders, between slashes"
    return ""


def excluded_from(start: Path, project: Project, own: frozenset[str] = frozenset()) -> Excluded:
    """Return what a digest of a folder leaves out: caches, what zk0 writes, and `own`."""
    written = {os.fspath(place) for place in (project.state_dir, project.memory_dir) if not start.is_relative_to(place)}
    runs = os.fspath(project.runs_dir)

    def excluded(path: str) -> bool:
        above, _, name = path.rpartition("/")
        return (
            name in DERIVED
            or name == ".git"
            or path in written
            or path in own
            or (name == "lock" and above.rpartition("/")[0] == runs)
        )

    return excluded


def matches(pattern: str, project: Project) -> list[Path]:
    """Return the files and folders that a pattern matches, sorted; of a pattern with `**`, the files."""
    whole = Path(os.path.normpath(project.root / pattern))
    if os.path.lexists(whole):
        return [whole]
    parts = whole.parts
    fixed = next((place for place, part in enumerate(parts) if MAGIC.search(part)), None)
    if fixed is None:
        return []
    start = Path(*parts[:fixed])
    found = set(_glob(os.fspath(start), parts[fixed:], excluded_from(start, project), frozenset()))
    return [Path(path) for path in sorted(found) if ANY_DEPTH not in parts or not os.path.isdir(path)]  # noqa: PTH112


def _glob(
    directory: str, parts: tuple[str, ...], excluded: Excluded, above: frozenset[tuple[int, int]]
) -> Iterator[str]:
    if not parts:
        yield directory
        return
    head, rest = parts[0], parts[1:]
    if head == ANY_DEPTH:
        yield from _at_any_depth(directory, parts, excluded, above)
        return
    names = _names(directory) if MAGIC.search(head) else [head]
    for name in names:
        path = f"{directory}/{name}"
        if (name == head or fnmatchcase(name, head)) and os.path.lexists(path) and not excluded(path):
            yield from _glob(path, rest, excluded, above)


def _at_any_depth(
    directory: str, parts: tuple[str, ...], excluded: Excluded, above: frozenset[tuple[int, int]]
) -> Iterator[str]:
    """Yield what matches in a folder and in all below it; one that leads into itself is entered once."""
    yield from _glob(directory, parts[1:], excluded, above)
    try:
        state = os.stat(directory)  # noqa: PTH116
    except OSError:  # a link that leads nowhere
        return
    place = (state.st_dev, state.st_ino)
    if place in above:
        return
    for path in (f"{directory}/{name}" for name in _names(directory)):
        if not excluded(path):
            yield from _at_any_depth(path, parts, excluded, above | {place})


def _names(directory: str) -> list[str]:
    """Return the names in a folder; none of a file, or of a folder that can't be read."""
    try:
        return sorted(os.listdir(directory))  # noqa: PTH208
    except OSError:
        return []
