"""Inspect the machine and the environment before work begins."""

import shutil
import sys
from importlib.metadata import metadata
from pathlib import Path

from zk0.core.errors import MissingError
from zk0.core.extras import requirements
from zk0.core.interpreters import interpreter_at
from zk0.core.project import Project
from zk0.project_checks.dependencies import Environment, read_environment
from zk0.project_checks.machine import GIB
from zk0.project_checks.repository import changed_outside
from zk0.workflow.actions import Context, Inputs, Outputs, action


class InspectInputs(Inputs):
    """The extras of zk0 that the work needs."""

    extras: tuple[str, ...] = ()


class InspectOutputs(Outputs):
    """The machine, the environment and the repository."""

    python: str
    requires_python: str
    packages: dict[str, str]
    missing: list[str]
    conflicting: list[str]
    disk_free: int
    memory: int
    cores: int
    accelerator: str | None
    repository: bool
    changes_outside: list[str]
    table: list[list[str]]


@action("environment.inspect")
def inspect(inputs: InspectInputs, context: Context) -> InspectOutputs:
    """Report Python, the packages that zk0 needs, disk, memory, accelerator and git state."""
    import psutil

    needs = _own_needs(inputs.extras)
    disk, memory = shutil.disk_usage(context.project.root).free, psutil.virtual_memory().total
    found = accelerator()
    repository, outside = _changes_outside(context.project)
    cores = psutil.cpu_count() or 1
    return InspectOutputs(
        **{name: value for name, value in vars(needs).items() if name != "interpreter"},  # it is zk0's own
        disk_free=disk,
        memory=memory,
        cores=cores,
        accelerator=found,
        repository=repository,
        changes_outside=outside,
        table=[
            ["Python", "torch", "LeRobot", "Flower", "cores", "memory", "disk free", "accelerator"],
            [
                needs.python,
                *(needs.packages.get(name, "missing") for name in ("torch", "lerobot", "flwr")),
                str(cores),
                f"{memory / GIB:.0f} GiB",
                f"{disk / GIB:.0f} GiB",
                found or "none",
            ],
        ],
    )


def _own_needs(extras: tuple[str, ...]) -> Environment:
    """Return the environment that zk0 itself needs, with some of its extras."""
    needs = [need for extra in ("", *extras) for need in requirements(extra)]
    return read_environment(needs, metadata("zk0").get("Requires-Python") or "", interpreter_at(Path(sys.executable)))


def accelerator() -> str | None:
    """Return this machine's accelerator in words; None without one."""
    import torch

    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / GIB
        return f"{torch.cuda.get_device_name(0)}, {memory:.0f} GiB"
    return "Apple MPS" if torch.backends.mps.is_available() else None


def _changes_outside(project: Project) -> tuple[bool, list[str]]:
    try:
        return True, changed_outside(project)
    except MissingError:  # no git, or no repository
        return False, []
