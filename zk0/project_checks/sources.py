"""The tables of pyproject.toml, and the Python files of a project, parsed: the library and the tests."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from zk0.core.errors import AssetMissingError, RequestError
from zk0.core.project import Project

BESIDE = frozenset({"tests", "test", "docs", "doc", "benchmarks", "examples", "scripts", "tools"})
BESIDE_NAMES = frozenset({"noxfile.py", "setup.py", "conftest.py"})
FLOWER_CONFIG = ("tool", "flwr", "app", "config")  # where pyproject.toml has the run configuration


@dataclass(frozen=True)
class Module:
    """One Python file; `name` is its path relative to the project's root."""

    name: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed file.

        Raises:
            RequestError: it is not Python.
        """
        try:
            return ast.parse(self.text, self.name)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or 1
            raise RequestError(f"{self.name}:{line} is not Python: {error}", remedy="correct it") from error

    @property
    def dotted(self) -> str:
        """The name it is imported by, when the root (or `src`) is on the path."""
        parts = list(Path(self.name.removeprefix("src/")).with_suffix("").parts)
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def at(self, node: ast.AST) -> str:
        """Return the place of a node, as `file:line`."""
        return f"{self.name}:{getattr(node, 'lineno', 1)}"

    @cached_property
    def nodes(self) -> dict[type[ast.AST], list[ast.AST]]:
        """All nodes of the parsed file by their kind."""
        by_kind: dict[type[ast.AST], list[ast.AST]] = {}
        for node in ast.walk(self.tree):
            by_kind.setdefault(type(node), []).append(node)
        return by_kind

    def walk[Kind: ast.AST](self, kind: type[Kind]) -> Iterator[Kind]:
        """Yield the nodes of one kind."""
        return (node for node in self.nodes.get(kind, ()) if isinstance(node, kind))

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Yield all functions, methods and inner ones too."""
        yield from self.walk(ast.FunctionDef)
        yield from self.walk(ast.AsyncFunctionDef)


def table_of(pyproject: Mapping[str, object], *keys: str) -> dict[str, Any]:
    """Return a table of a pyproject.toml, such as `"tool", "flwr", "app"`; empty where there is none."""
    table: object = pyproject
    for key in keys:
        table = table.get(key) if isinstance(table, Mapping) else None
    return table if isinstance(table, dict) else {}


def name_of(node: ast.expr) -> str:
    """Return the dotted name that an expression is, such as `os.system`; empty where it is another expression."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def modules(project: Project) -> list[Module]:
    """Return all Python files of a project."""
    tree = project.tree()
    names = tuple(path.relative_to(project.root).as_posix() for path in tree.named(".py"))
    return list(_read(project.root, names, tree.code))


@lru_cache(maxsize=1)  # several checks in one process parse the code once
def _read(root: Path, names: tuple[str, ...], _digest: str) -> tuple[Module, ...]:
    return tuple(Module(name, (root / name).read_text(encoding="utf-8", errors="replace")) for name in names)


def library(project: Project) -> list[Module]:
    """Return the files that others import or run: neither tests nor documentation nor tools.

    Raises:
        AssetMissingError: there is none.
    """
    if found := [module for module in modules(project) if _is_library(module.name)]:
        return found
    raise AssetMissingError(f"no Python code in {project.root} besides tests and tools")


def suite(project: Project) -> list[Module]:
    """Return the files that hold tests, and what they share.

    Raises:
        AssetMissingError: there is none.
    """
    if found := [module for module in modules(project) if _is_test(module.name)]:
        return found
    raise AssetMissingError(f"no tests in {project.root}", remedy="write tests/test_….py")


def packages(project: Project) -> set[str]:
    """Return the names that the library is imported by."""
    return {module.dotted.partition(".")[0] for module in library(project)}


def _is_library(name: str) -> bool:
    first, *_ = name.split("/")
    beside = first in BESIDE or first.startswith(".") or Path(name).name in BESIDE_NAMES
    return not beside and not _is_test(name)


def _is_test(name: str) -> bool:
    parts = name.split("/")
    return bool({"tests", "test"} & set(parts[:-1])) or parts[-1].startswith("test_") or parts[-1].endswith("_test.py")
