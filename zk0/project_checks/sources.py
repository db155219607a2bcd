"""The Python files of a project, parsed: the library and the tests."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from zk0.core.errors import AssetMissingError, RequestError
from zk0.core.project import Project
from zk0.core.python_source import parse_quietly

BESIDE = frozenset({"tests", "test", "docs", "doc", "benchmarks", "examples", "scripts", "tools"})
BESIDE_NAMES = frozenset({"noxfile.py", "setup.py", "conftest.py"})


@dataclass(frozen=True)
class Module:
    """One Python file; `name` is its path relative to the project's root."""

    name: str
    text: str
    within: str = ""  # the folder that is on the path, such as `src/`

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed file.

        Raises:
            RequestError: it is not Python.
        """
        try:
            return parse_quietly(self.text, self.name)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or 1
            raise RequestError(f"{self.name}:{line} is not Python: {error}", remedy="correct it") from error

    @property
    def dotted(self) -> str:
        """The name it is imported by, when the root is on the path, or `src` if that is no package itself."""
        parts = list(Path(self.name.removeprefix(self.within)).with_suffix("").parts)
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
    source = "" if source_root(root) == root else "src/"
    texts = {name: (root / name).read_text(encoding="utf-8", errors="replace") for name in names}
    return tuple(Module(name, text, source if name.startswith(source) else "") for name, text in texts.items())


def source_root(root: Path) -> Path:
    """Return the folder whose packages are imported: `src`, unless that is a package itself, else the root."""
    folder = root / "src"
    return folder if folder.is_dir() and not (folder / "__init__.py").exists() else root


def library(project: Project) -> list[Module]:
    """Return the files that others import or run: neither tests nor documentation nor tools.

    Raises:
        AssetMissingError: there is none.
    """
    if found := [module for module in modules(project) if _is_library(module.name)]:
        return found
    raise AssetMissingError("the project has no Python code besides tests and tools")


def suite(project: Project) -> list[Module]:
    """Return the files that hold tests, and what they share.

    Raises:
        AssetMissingError: there is none.
    """
    if found := [module for module in modules(project) if _is_test(module.name)]:
        return found
    raise AssetMissingError("the project has no tests", remedy="write tests/test_….py")


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
