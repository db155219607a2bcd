"""zk0: federated robot learning as workflows with checks, diagnostics and a memory.

The names below are the public API for actions, checks and scripts. Each is imported on first use, so `import zk0`
and `zk0 --version` import nothing heavy.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zk0.core.checks import check
    from zk0.core.errors import Zk0Error
    from zk0.core.project import Project
    from zk0.core.verdicts import Evidence, Finding, Verdict, failed, not_applicable, not_available, passed, warned
    from zk0.diagnostics.diagnosis import Diagnosis, diagnose
    from zk0.ledger import Ledger, LedgerWriter, read_ledger
    from zk0.ledger.importers import import_ledgers
    from zk0.probes import Probe, probe
    from zk0.workflow.actions import Context, Inputs, Outputs, action

__version__ = "0.1.0"
__all__ = [
    "Context",
    "Diagnosis",
    "Evidence",
    "Finding",
    "Inputs",
    "Ledger",
    "LedgerWriter",
    "Outputs",
    "Probe",
    "Project",
    "Verdict",
    "Zk0Error",
    "action",
    "check",
    "diagnose",
    "failed",
    "import_ledgers",
    "not_applicable",
    "not_available",
    "passed",
    "probe",
    "read_ledger",
    "warned",
]

_MODULES = {
    "zk0.core.checks": ("check",),
    "zk0.core.errors": ("Zk0Error",),
    "zk0.core.project": ("Project",),
    "zk0.core.verdicts": (
        *("Evidence", "Finding", "Verdict"),
        *("failed", "not_applicable", "not_available", "passed", "warned"),
    ),
    "zk0.diagnostics.diagnosis": ("Diagnosis", "diagnose"),
    "zk0.ledger": ("Ledger", "LedgerWriter", "read_ledger"),
    "zk0.ledger.importers": ("import_ledgers",),
    "zk0.probes": ("Probe", "probe"),
    "zk0.workflow.actions": ("Context", "Inputs", "Outputs", "action"),
}


def __getattr__(name: str) -> object:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
