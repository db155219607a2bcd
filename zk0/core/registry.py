"""Find named functions by entry point, and import their module only when a name of it is asked for.

Actions and checks are both named `noun.verb`. The entry point of the noun names the module; importing the module
registers its functions. So `data.prepare` imports `zk0.actions.data` and nothing else, and another distribution
adds its own nouns by declaring an entry point of the same group. A name that lives elsewhere than its noun's others
has an entry point of its own, of the whole name. A project adds its own by `extend`.
"""

import sys
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import lru_cache
from importlib.metadata import EntryPoints, entry_points

from zk0.core.errors import DependencyMissingError, UnknownNameError

_project: list[Callable[[], None]] = []  # one at most: a process works in one project


def extend(load: Callable[[], None]) -> None:
    """Let this import what the project adds; called when no entry point has a name, and when all are listed."""
    _project[:] = [load]


@lru_cache(maxsize=4)
def _all_points(_path: tuple[str, ...]) -> EntryPoints:
    """Return all entry points there are on a path; finding them takes up to 50 ms, and each noun asks."""
    return entry_points()


class Registry[T]:
    """The functions of one kind.

    Args:
        kind: what to call one in a message (`action`, `check`).
        group: the entry-point group whose names are nouns and whose values are modules.
    """

    def __init__(self, kind: str, group: str) -> None:
        self.kind = kind
        self.group = group
        self._items: dict[str, T] = {}

    def add(self, name: str, item: T) -> None:
        """Register one item; a second of the same name is a programming error."""
        if name in self._items:
            raise ValueError(f"{self.kind} {name} is registered twice")
        self._items[name] = item

    def get(self, name: str) -> T:
        """Return the item, importing its module first.

        Raises:
            UnknownNameError: no module registers this name; the remedy lists near ones.
            DependencyMissingError: its module can't be imported.
            ConfigurationError: a module of the project is wrong.
        """
        for point in (name, name.partition(".")[0]):
            if name not in self._items:
                self._import(point)
        if name not in self._items:
            self._import_own()
        if name not in self._items:
            near = get_close_matches(name, list(self.names()), n=3)
            raise UnknownNameError(
                f"there is no {self.kind} named {name!r}",
                remedy=f"did you mean {', '.join(near)}?" if near else f"zk0 {self.kind}s",
            )
        return self._items[name]

    def names(self) -> Iterator[str]:
        """Yield all names, sorted; this imports every module of the group."""
        self._import()
        self._import_own()
        yield from sorted(self._items)

    def versions(self) -> dict[str, str]:
        """Return the distributions that bring modules of the group, with their versions."""
        return {point.dist.name: point.dist.version for point in self._points() if point.dist}

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
