"""Registries of named functions, found by entry point and imported on first use.

Actions and checks are both named `noun.verb`. The entry point of the noun names the module; importing the module
registers its functions. So `data.prepare` imports `zk0.actions.data` and nothing else, and another distribution
adds its own nouns by declaring an entry point of the same group. A name that lives in another module than the rest of
its noun has an entry point for the whole name. A project adds its own by `extend`.
"""

import sys
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import lru_cache
from importlib.metadata import EntryPoints, entry_points

from zk0.core.errors import DependencyMissingError, UnknownNameError

_project: list[Callable[[], None]] = []  # at most one: a process works in one project


def extend(load: Callable[[], None]) -> None:
    """Set the function that imports a project's own modules; called for unknown names and for listings."""
    _project[:] = [load]


@lru_cache(maxsize=4)
def _all_points(_path: tuple[str, ...]) -> EntryPoints:
    """Return all entry points on a path; finding them takes up to 50 ms, and every lookup needs them."""
    return entry_points()


class Registry[T]:
    """The registered functions of one kind.

    Args:
        kind: the word for one of them in messages (`action`, `check`).
        group: the entry-point group whose names are nouns and whose values are modules.
    """

    def __init__(self, kind: str, group: str) -> None:
        self.kind = kind
        self.group = group
        self._items: dict[str, T] = {}

    def add(self, name: str, item: T) -> None:
        """Register an item; registering a name twice is a programming error."""
        if name in self._items:
            raise ValueError(f"{self.kind} {name} is registered twice")
        self._items[name] = item

    def get(self, name: str) -> T:
        """Return an item, importing its module first.

        Raises:
            UnknownNameError: no module registers this name; the remedy suggests similar ones.
            DependencyMissingError: its module can't be imported.
            ConfigurationError: a module of the project can't be imported.
        """
        for point in (name, name.partition(".")[0]):
            if name not in self._items:
                self._import(point)
        if name not in self._items:
            self._import_own()
        if name not in self._items:
            near = get_close_matches(name, list(self.names()), n=3)
            raise UnknownNameError(
                f"unknown {self.kind}: {name}",
                remedy=f"did you mean {', '.join(near)}?" if near else f"zk0 {self.kind}s",
            )
        return self._items[name]

    def names(self) -> Iterator[str]:
        """Yield all names, sorted; imports every module of the group."""
        self._import()
        self._import_own()
        yield from sorted(self._items)

    def versions(self) -> dict[str, str]:
        """Return the versions of the distributions that provide modules of the group, by name."""
        # One distribution has many entry points, and each attribute of it parses its whole METADATA.
        found = {id(point.dist): point.dist for point in self._points() if point.dist}
        return {metadata["Name"]: metadata["Version"] for metadata in (dist.metadata for dist in found.values())}

    def _points(self) -> EntryPoints:
        return _all_points(tuple(sys.path)).select(group=self.group)

    def _import_own(self) -> None:
        for load in _project:
            load()

    def _import(self, point: str | None = None) -> None:
        found = self._points()
        for module in found if point is None else found.select(name=point):
            try:
                module.load()
            except ImportError as error:
                raise DependencyMissingError(
                    f"the {self.kind}s of {module.name!r} ({module.value}) can't be imported: {error}",
                    remedy=f"pip install {module.dist.name if module.dist else 'zk0'}",
                ) from error
