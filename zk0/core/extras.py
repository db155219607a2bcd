"""Name the extra of zk0 that brings a missing package.

zk0's core installs without torch, Flower and LeRobot; its extras bring them (`[project.optional-dependencies]`).
"""

from functools import cache
from importlib.metadata import PackageNotFoundError, metadata, requires
from typing import TYPE_CHECKING

from zk0.core.errors import DependencyMissingError

if TYPE_CHECKING:
    from packaging.requirements import Requirement


@cache
def extra_of(module: str) -> str | None:
    """Return the extra of zk0 that brings a module's package; None if no extra does."""
    from packaging.utils import canonicalize_name  # with its requirements it takes 30 ms, and little fails

    package = canonicalize_name(module.partition(".")[0])
    try:
        extras: list[str] = metadata("zk0").get_all("Provides-Extra") or []
    except PackageNotFoundError:  # a source tree that is not installed
        return None
    provided = {extra: {canonicalize_name(need.name) for need in requirements(extra)} for extra in extras}
    return next((extra for extra, packages in provided.items() if package in packages), None)


def requirements(extra: str = "") -> "list[Requirement]":
    """Return what one of zk0's extras adds; of no extra, what the core needs.

    Raises:
        PackageNotFoundError: zk0 is a source tree that is not installed.
    """
    from packaging.requirements import Requirement

    needs = map(Requirement, requires("zk0") or ())
    if not extra:
        return [need for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    return [need for need in needs if need.marker and need.marker.evaluate({"extra": extra})]


def missing_extra(error: BaseException) -> DependencyMissingError | None:
    """Return the error for a failed import of a package that an extra of zk0 brings; None for other failures."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return None
    extra = extra_of(error.name)
    if extra is None:
        return None
    package = error.name.partition(".")[0]
    return DependencyMissingError(f"this needs {package}, which is not installed", remedy=f"pip install 'zk0[{extra}]'")
