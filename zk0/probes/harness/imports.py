"""Import a target's module as it stands: modules of the project are found, and missing packages are stood in for."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from .stand_ins import StandIn, importing, stand_in_for

MOST_RETRIES = 60  # imports that may be missing; each try goes further than the one before
MOST_FOLDERS = 2000  # of a project that are searched for a module
SEARCHED_OUT = {"node_modules", "site-packages", "__pycache__", "build", "dist"}


def import_with_stand_ins(load: Callable[[], ModuleType], folder: Path, root: Path, wanted: str = "") -> ModuleType:
    """Import, and again with what was missing.

    Args:
        load: imports the module.
        folder: where its file is; modules beside it or above it are its own.
        root: the project.
        wanted: the module itself, which no stand-in can be.
    """
    with importing():
        for _ in range(MOST_RETRIES):
            try:
                return load()
            except ImportError as error:  # noqa: PERF203  each try goes further
                name = error.name or ""
                if wanted == name or wanted.startswith(f"{name}.") or not _provide(error, folder, root):
                    raise
    return load()


def _provide(error: ImportError, folder: Path, root: Path) -> bool:
    """Make available what an import lacked; return whether there is hope."""
    name = error.name or ""
    top = name.partition(".")[0]
    if not isinstance(error, ModuleNotFoundError):
        return _provide_name(error, root)
    if not top:
        return False
    own = _folder_of(top, folder, root)
    if own is not None and str(own) not in sys.path:
        sys.path.insert(0, str(own))
        loaded = sys.modules.get(top)
        if loaded is not None and getattr(loaded, "__file__", None) is None:
            del sys.modules[top]  # a namespace that was found elsewhere
        return True
    if own is not None or _is_projects(top, root):
        return False  # the project lacks a module of its own: that is its mistake
    stand_in_for(name if _is_installed(top) and name != top else top)
    return True


def _provide_name(error: ImportError, root: Path) -> bool:
    """Stand in for a name that an installed package does not have, or not any more."""
    found = re.match(r"cannot import name '(\w+)' from '([\w.]+)'", str(error))
    module = sys.modules.get(found[2]) if found else None
    file = getattr(module, "__file__", None)
    if found is None or module is None or (file and root in Path(file).parents and "site-packages" not in file):
        return False
    setattr(module, found[1], StandIn(f"{found[2]}.{found[1]}"))
    stand_in_for(f"{found[2]}.{found[1]}")
    return True


def _folder_of(top: str, folder: Path, root: Path) -> Path | None:
    """Return the folder of the project that has a module of this name: beside the target, above it, or the only one."""
    above = [folder, *(each for each in folder.parents if each == root or root in each.parents)]
    named = [each.parent for each in (folder, *folder.parents) if each.name == top]  # the file is in what it imports
    for place in (*above, *named):
        if _has(place, top):
            return place
    found = []
    for count, (directory, names, _) in enumerate(os.walk(root)):
        names[:] = [name for name in names if not name.startswith(".") and name not in SEARCHED_OUT]
        if _has(Path(directory), top):
            found.append(Path(directory))
        if count > MOST_FOLDERS:
            break
    return found[0] if len(found) == 1 else None


def root_of(file: Path) -> Path:
    """Return the folder that a file's own imports start from, where nothing marks a project: its own, or one above.

    `src/client/fedprox.py` that imports `src.client.fedavg` belongs to the folder that has `src`.
    """
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return file.parent
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level]
    names = {node.module or "" for node in nodes}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    roots = [folder for name in names for folder in list(file.parents)[:-1] if _has_module(folder, name)]
    return min([file.parent, *roots], key=lambda folder: len(folder.parts))


def _has_module(folder: Path, name: str) -> bool:
    """Return whether a folder has exactly this module; a folder of one name alone may be anything."""
    place = folder.joinpath(*name.split("."))
    return place.with_name(f"{place.name}.py").is_file() or ("." in name and place.is_dir())


def _has(place: Path, top: str) -> bool:
    return (place / f"{top}.py").is_file() or any(any((place / top).glob(f"{depth}*.py")) for depth in ("", "*/"))


def _is_projects(top: str, root: Path) -> bool:
    module = sys.modules.get(top)
    places = [getattr(module, "__file__", None) or "", *(getattr(module, "__path__", None) or [])]
    return any(root in Path(place).parents for place in places if place and "site-packages" not in place)


def _is_installed(top: str) -> bool:
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False
