"""Find the code that a target names.

A target is `file.py:name`, `package.module:name` or `package.module.name`; a name may have dots (`Client.fit`). Of
a file in a package the whole package is made importable, so that its relative imports work.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import HarnessError, TargetError
from .imports import import_with_stand_ins
from .stand_ins import StandIn, missing_package


@dataclass(frozen=True)
class Target:
    """Named code: `owner` is the class where the name is `Class.method`, `module` is where it was found."""

    text: str
    value: Any
    module: ModuleType
    root: Path
    owner: type | None = None

    @property
    def import_error(self) -> str | None:
        """What ended the import of its file after the lines that define it; None where nothing did."""
        return getattr(self.module, ENDED_BY, None)

    @property
    def name(self) -> str:
        """The name without the module or file."""
        return self.text.rpartition(":")[2]

    @property
    def attribute(self) -> str:
        """The last part of the name: what its owner calls it, whatever decorates it."""
        return self.name.rpartition(".")[2]

    @property
    def at(self) -> str:
        """`file:line`, with the file relative to the project where it is inside."""
        return location(self.value, self.root) or self.text

    @property
    def folder(self) -> Path:
        """Where its file is."""
        file = getattr(self.module, "__file__", None)
        return Path(file).parent if file else self.root


def refuse_value(target: Target, what: str) -> TargetError:
    """Return the error for a target that can't be called; for a module, it names what is in it."""
    value, message = target.value, f"{target.text} is a {type(target.value).__name__}, {what}"
    if not inspect.ismodule(value):
        return TargetError(message)
    own = (name for name, each in vars(value).items() if getattr(each, "__module__", "") == value.__name__)
    names = [name for name in own if callable(getattr(value, name)) and not name.startswith("_")]
    return TargetError(message, remedy=f"{target.text}:NAME, of {', '.join(names[:MOST_NAMES])}" if names else None)


def location(value: Any, root: Path) -> str | None:
    """Return `file:line` of a function, a class or an instance of one; None for what has no source."""
    code = value if inspect.isroutine(value) or inspect.isclass(value) or inspect.ismodule(value) else type(value)
    code = inspect.unwrap(code) if inspect.isroutine(code) else code  # not the decorator's own lines
    try:
        file = Path(inspect.getsourcefile(code) or "")
        line = inspect.getsourcelines(code)[1]
    except (OSError, TypeError):
        return None
    return f"{shown(file, root)}:{max(line, 1)}"


def shown(file: Path, root: Path) -> str:
    """Return a file's name as a reader of the project knows it."""
    return str(file.relative_to(root)) if root in file.parents else str(file)


def find_target(target: object, root: Path) -> Target:
    """Import the module and look the name up; what is no text is the code itself.

    Raises:
        TargetError: there is no such file, module or name, or it can't be imported.
        PackageMissingError: it can't be imported without a package that is not installed.
    """
    if not isinstance(target, str):
        return _target_of(target, root)
    for folder in (root / "src", root):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    place, colon, name = target.partition(":")
    file = root / place
    if place.endswith(".py"):
        module = _first_import(target, root, _loads_of_file(target, file, root), file.parent)
    elif colon:
        module = _first_import(target, root, [lambda: importlib.import_module(place)], root)
    else:
        module, name = _longest_module(target, root)
    value, owner = _look_up(target, module, name)
    return Target(target, value, module, root, owner)


def _target_of(value: Any, root: Path) -> Target:
    """Return the target that an object is: a function, a class, a method of one, or an instance."""
    code = value if hasattr(value, "__qualname__") else type(value)
    module = sys.modules.get(getattr(code, "__module__", None) or "") or ModuleType("nowhere")
    path, name, owner = code.__qualname__, getattr(code, "__name__", "it"), None
    if inspect.isfunction(value) and "." in path and "<locals>" not in path:
        owner = module
        for part in path.split(".")[:-1]:
            owner = getattr(owner, part, None)
    return Target(f"{module.__name__}:{name}", value, module, root, owner if inspect.isclass(owner) else None)


def _loads_of_file(text: str, file: Path, root: Path) -> list[Callable[[], ModuleType]]:
    """Return the ways to import a file: alone or in its package, then with the folders above it as packages."""
    if not file.is_file():
        raise TargetError(f"{text}: no file {file}", remedy="zk0 probe KIND path/to/file.py:name")
    depth = 0
    while (file.parents[depth] / "__init__.py").is_file():
        depth += 1
    return [lambda levels=levels: _load(text, file, root, levels) for levels in range(depth, depth + 4)]  # type: ignore[misc]


def _load(text: str, file: Path, root: Path, levels: int) -> ModuleType:
    if len(file.parents) <= levels:
        raise TargetError(f"{text}: {file} imports from beyond its folders")
    parts = [folder.name for folder in reversed(list(file.parents)[:levels])]
    sys.path.insert(0, str(file.parents[levels]))
    if parts:
        return importlib.import_module(".".join([*parts, file.stem]).replace(".__init__", ""))
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise TargetError(f"{text}: {file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(file.stem)
    sys.modules[file.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        if _defines_target(text, module, error):
            setattr(module, ENDED_BY, describe(error, root))
            return module
        if before is None:
            del sys.modules[file.stem]
        else:
            sys.modules[file.stem] = before
        raise
    return module


def _defines_target(text: str, module: ModuleType, error: BaseException) -> bool:
    """Return whether a script had defined what is asked for, when the work that follows in it failed."""
    name = text.partition(":")[2].partition(".")[0].partition(",")[0]
    code = vars(module).get(name)
    own = (inspect.isfunction(code) or inspect.isclass(code)) and code.__module__ == module.__name__
    return own and not isinstance(error, (HarnessError, ImportError, SyntaxError, KeyboardInterrupt))


def _first_import(text: str, root: Path, loads: list[Callable[[], ModuleType]], folder: Path) -> ModuleType:
    """Import in the first way in which relative imports have a package."""
    for load in loads:
        try:
            return _import(text, root, load, folder)
        except TargetError as error:  # noqa: PERF203  there are four ways at most
            if "relative import" not in str(error.__cause__) or load is loads[-1]:
                raise
    raise TargetError(f"{text} can't be imported")


def _longest_module(text: str, root: Path) -> tuple[ModuleType, str]:
    parts = text.split(".")
    for count in range(len(parts), 0, -1):
        name = ".".join(parts[:count])
        if _exists(name):
            found = _import(text, root, lambda name=name: importlib.import_module(name), root)  # type: ignore[misc]
            return found, ".".join(parts[count:])
    raise _no_module(text, parts[0], root)


def _no_module(text: str, name: str | None, root: Path) -> TargetError:
    return TargetError(
        f"{text}: no module {name!r} in {root} or among the installed packages",
        remedy="name it as package.module:name or path/to/file.py:name",
    )


def _exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):  # a parent is not a package, or fails when it is imported
        return False


def _import(text: str, root: Path, load: Callable[[], ModuleType], folder: Path) -> ModuleType:
    arguments, sys.argv = sys.argv, [text.partition(":")[0]]  # modules that parse arguments get none
    try:
        place = text.partition(":")[0]
        return import_with_stand_ins(load, folder, root, "" if place.endswith(".py") else place)
    except HarnessError:
        raise
    except ModuleNotFoundError as error:
        if (error.name or "") in (text.partition(":")[0], text.partition(":")[0].partition(".")[0]):
            raise _no_module(text, error.name, root) from error
        raise TargetError(
            f"{text} can't be imported: {describe(error, root)}", remedy="mend the import first"
        ) from error
    except (Exception, SystemExit) as error:
        raise TargetError(
            f"{text} can't be imported: {describe(error, root)}", remedy="mend the import first"
        ) from error
    finally:
        sys.argv = arguments


def _look_up(text: str, module: ModuleType, name: str) -> tuple[Any, type | None]:
    value, owner = module, None
    for part in filter(None, name.split(".")):
        owner = value if inspect.isclass(value) else None
        if not hasattr(value, part):
            known = [known for known in dir(value) if not known.startswith("_")]
            near = get_close_matches(part, known, n=3)
            raise TargetError(
                f"{text}: {getattr(value, '__name__', value)} has no {part!r}",
                remedy=f"did you mean {', '.join(near)}?" if near else f"it has {', '.join(known[:12]) or 'nothing'}",
            )
        value = getattr(value, part)
    if isinstance(value, StandIn):
        raise missing_package(value.stands_for)
    return value, owner


MOST_NAMES = 12  # of a module, in a message
ENDED_BY = "__zk0_ended_by__"  # of a module whose import ended early
OURS = (str(Path(__file__).parent), "<frozen")
_FRAMEWORK = re.compile(r"[/\\](?:flwr|torch|torchvision|ray|numpy|transformers|lib[/\\]python3[.\d]*)[/\\]")


def describe(error: BaseException, root: Path) -> str:
    """Return an exception in one line, with the place in the foreign code that raised it."""
    place = where_raised(error, root)
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" + (f" ({place})" if place else "")


def foreign_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Return the frames of an exception that are not zk0's, the outermost first."""
    return [each for each in traceback.extract_tb(error.__traceback__) if not each.filename.startswith(OURS)]


def where_raised(error: BaseException, root: Path) -> str:
    """Return `file:line` of the innermost frame inside the project, else of the innermost outside the frameworks."""
    frames = foreign_frames(error)
    inside = list(frames_inside(frames, root)) or [one for one in frames if not _FRAMEWORK.search(one.filename)]
    return f"{shown(Path(inside[-1].filename), root)}:{inside[-1].lineno}" if inside else ""


def frames_inside(frames: list[traceback.FrameSummary], root: Path) -> Iterator[traceback.FrameSummary]:
    """Yield the frames in the project's own files."""
    for frame in frames:
        if root in Path(frame.filename).parents and "site-packages" not in frame.filename:
            yield frame
