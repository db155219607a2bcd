"""The files of workflows by name, and the names that would take something over.

A workflow of the project stands before one of the same name that comes with zk0. Those that come with zk0 still perform
each other, since they were written and tested together. The sessions of a noxfile are read and never imported.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

from zk0.core.foreign import FileKind, foreign_files, is_foreign
from zk0.core.project import Project

SUFFIX = ".yaml"
OTHER_SUFFIXES = (".yaml", ".yml")  # in any case; a file that ends with one of these was meant to be a workflow
NOXFILE = "noxfile.py"
WORKFLOW = FileKind(
    known=frozenset(
        ("name", "title", "purpose", "inputs", "secrets", "steps", "outputs", "checklist", "notes", "issues")
    ),
    common=frozenset({"name", "inputs", "outputs"}),
)
# What a noxfile by zk0's example has besides one session for each workflow, and other projects call the same.
SESSIONS = ("bench", "engines", "environment", "lint", "tests", "types")


class WorkflowFiles(dict[str, Path]):
    """The files by name; `shipped` are those that come with zk0, also where the project has one of the same name."""

    shipped: Mapping[str, Path]

    def __init__(self, own: Mapping[str, Path], shipped: Mapping[str, Path]) -> None:
        super().__init__(sorted({**shipped, **own}.items()))
        self.shipped = shipped

    def seen_from(self, name: str) -> Self:
        """Return the files as the one of this name finds them."""
        is_shipped = name in self.shipped and self.get(name) == self.shipped[name]
        return type(self)({**self, **self.shipped}, self.shipped) if is_shipped else self


def workflow_files(project: Project) -> WorkflowFiles:
    """Return the workflows by name; the project's own stand before those that come with zk0."""
    own: dict[str, Path] = {}
    shipped: dict[str, Path] = {}
    for directory in project.resources("workflows"):
        files = own if directory == project.workflows_dir else shipped
        for path in sorted(directory.glob(f"*{SUFFIX}")):
            if files is shipped or not is_foreign(path, WORKFLOW):
                files.setdefault(path.stem, path)
    return WorkflowFiles(own, shipped)


def unread_files(project: Project) -> dict[str, Path]:
    """Return by name the project's files that were meant to be workflows and are not read, because of their suffix."""
    paths = sorted(project.workflows_dir.glob("*")) if project.workflows_dir.is_dir() else []
    return {path.stem: path for path in paths if is_unread(path) and not is_foreign(path, WORKFLOW)}


def foreign_workflow_files(project: Project) -> dict[str, Path]:
    """Return by name the files in the project's folder of workflows that are another program's."""
    return {path.stem: path for path in foreign_files(project.workflows_dir, WORKFLOW)}


def is_unread(path: Path) -> bool:
    """Whether a file was meant to be a workflow, and its suffix is not the one that zk0 reads."""
    return path.suffix != SUFFIX and path.suffix.lower() in OTHER_SUFFIXES


def why_reserved(name: str, project: Project) -> str | None:
    """Return why no workflow of a project can have a name; None if it can."""
    path = project.root / NOXFILE
    try:
        sessions = nox_sessions(path.read_bytes()) if path.is_file() else {}
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        sessions = {}  # a noxfile that cannot be parsed has no session that a workflow could take over
    if name in sessions:
        return f'{NOXFILE}:{sessions[name]} has a session "{name}", and a workflow is a session of its name'
    return f'"{name}" is the usual name of a nox session, and a workflow is one too' if name in SESSIONS else None


def nox_sessions(source: bytes) -> dict[str, int]:
    """Return the names that a noxfile gives to its sessions, with their lines; a computed name is not known.

    Raises:
        SyntaxError: it is not Python.
        ValueError: it contains null bytes.
    """
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for name in _session_names(node):
                found[name] = node.lineno
    return found


def _session_names(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if getattr(called, "attr", getattr(called, "id", "")) != "session":  # @nox.session, or @session
            continue
        keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
        given = next((keyword.value for keyword in keywords if keyword.arg == "name"), ast.Constant(function.name))
        if isinstance(given, ast.Constant) and isinstance(given.value, str):
            yield given.value
