"""Errors of a probe that are no finding; `zk0.probes.running` makes zk0's own errors of them."""

from __future__ import annotations


class HarnessError(Exception):
    """A probe that can't be performed: what is wrong, where, and what helps."""

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class TargetError(HarnessError):
    """The code to probe can't be found, or can't be called with the arguments that zk0 has."""


class PackageMissingError(HarnessError):
    """The code needs a package that its interpreter does not have."""
