"""Judge code in this process: what tests of a project do, whose objects can't be named from outside.

for finding in judge("proximal", train): ...
"""

from collections.abc import Iterator
from pathlib import Path

from zk0.core.errors import DependencyMissingError, ProbeError, Zk0Error
from zk0.core.verdicts import Finding
from zk0.probes.harness.errors import HarnessError

ERRORS: dict[str, type[Zk0Error]] = {"PackageMissingError": DependencyMissingError, "TargetError": ProbeError}


def rebuild_error(kind: str, message: str, remedy: str | None) -> Zk0Error:
    """Return zk0's error for one of the harness."""
    return ERRORS.get(kind, ProbeError)(message, remedy=remedy)


def judge(kind: str, target: object, root: Path | None = None, *, strict: bool = False) -> Iterator[Finding]:
    """Yield one finding for each point of a contract, of code in this process.

    Args:
        kind: a `Probe`, as text.
        target: the code itself, a tuple of two functions for an exchange, or a text that names it.
        root: the project's directory; the working directory by default.
        strict: make a failure of what else would be a warning.

    Raises:
        ProbeError: the code can't be found, or not be called.
        DependencyMissingError: it calls a package that is not installed.
    """
    from zk0.probes.harness.contracts import findings_of  # imports PyTorch, where the contract needs it

    try:
        for finding in findings_of(kind, target, root or Path.cwd(), strict=strict):
            yield Finding.model_validate(finding.as_json())
    except HarnessError as error:
        raise rebuild_error(type(error).__name__, error.message, error.remedy) from error
