"""Look at the machine and the project before anything is spent on them."""

import platform
import shutil
from collections.abc import Iterator
from importlib.metadata import requires

from packaging.requirements import Requirement

from zk0.core.checks import check
from zk0.core.errors import MissingError
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, failed, not_applicable, passed, warned
from zk0.project_checks.dependencies import compared
from zk0.project_checks.machine import GIB, at_least
from zk0.project_checks.repository import changed_outside
from zk0.workflow.actions import Context, Inputs, Outputs, action


class InspectInputs(Inputs):
    """What the work will need."""

    extras: tuple[str, ...] = ()


class InspectOutputs(Outputs):
    """What is there."""

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
    """Report Python, packages, disk, memory, accelerator and git state."""
    import psutil

    found, missing, conflicting = _packages(inputs.extras)
    disk, memory = shutil.disk_usage(context.project.root).free, psutil.virtual_memory().total
    accelerator = _accelerator()
    repository, outside = _changes_outside(context.project)
    cores = psutil.cpu_count() or 1
    return InspectOutputs(
        python=platform.python_version(),
        requires_python=">=3.12,<3.14",
        packages=found,
        missing=missing,
        conflicting=conflicting,
        disk_free=disk,
        memory=memory,
        cores=cores,
        accelerator=accelerator,
        repository=repository,
        changes_outside=outside,
        table=[
            ["Python", "torch", "LeRobot", "Flower", "cores", "memory", "disk free", "accelerator"],
            [
                platform.python_version(),
                *(found.get(name, "missing") for name in ("torch", "lerobot", "flwr")),
                str(cores),
                f"{memory / GIB:.0f} GiB",
                f"{disk / GIB:.0f} GiB",
                accelerator or "none",
            ],
        ],
    )


@check("environment.python")
def python_fits(outputs: InspectOutputs) -> Iterator[Finding]:
    """The Python that runs is one this version of zk0 supports."""
    evidence = [Evidence(name="python", value=outputs.python, at="this process")]
    if (3, 12) <= tuple(int(part) for part in outputs.python.split(".")[:2]) < (3, 14):
        yield passed(f"Python {outputs.python}", evidence=evidence)
    else:
        yield failed(
            f"Python {outputs.python}; zk0 needs {outputs.requires_python}", evidence=evidence, remedy="uv venv -p 3.12"
        )


@check("environment.packages")
def packages_fit(outputs: InspectOutputs) -> Iterator[Finding]:
    """Every package zk0 declares is installed in a version it allows."""
    evidence = [Evidence(name=name, value=number) for name, number in outputs.packages.items()]
    problems = [f"{name} is missing" for name in outputs.missing] + outputs.conflicting
    if problems:
        yield failed(
            "; ".join(problems), evidence=evidence, remedy="uv pip install -c constraints.txt 'zk0[simulator]'"
        )
    else:
        yield passed(f"{len(outputs.packages)} packages in versions that fit", evidence=evidence)


@check("environment.disk")
def disk_suffices(outputs: InspectOutputs, *, gib: float = 2) -> Iterator[Finding]:
    """There is room for recordings and checkpoints."""
    yield at_least("free disk", outputs.disk_free, gib, "free some, or move the project")


@check("environment.memory")
def memory_suffices(outputs: InspectOutputs, *, gib: float = 4) -> Iterator[Finding]:
    """There is memory for the policy, the frames and the processes."""
    yield at_least("memory", outputs.memory, gib, "use a smaller preset, or a larger machine")


@check("git.inside-project")
def changes_inside(outputs: InspectOutputs) -> Iterator[Finding]:
    """No uncommitted change of the repository lies outside the project's directory."""
    if not outputs.repository:
        yield not_applicable("this is no git repository")
    elif outputs.changes_outside:
        yield warned(
            f"changed outside the project: {', '.join(outputs.changes_outside[:5])}",
            evidence=[Evidence(name="changed", value=path) for path in outputs.changes_outside],
            remedy="commit or undo them first",
        )
    else:
        yield passed("all changes lie inside the project")


def _packages(extras: tuple[str, ...]) -> tuple[dict[str, str], list[str], list[str]]:
    """Return installed versions, missing names and versions that do not fit, of what zk0 declares for these extras."""
    needs = [
        need
        for need in map(Requirement, requires("zk0") or ())
        if not need.marker or any(need.marker.evaluate({"extra": extra}) for extra in ("", *extras))
    ]
    found, missing, unfit = compared(needs)
    conflicting = [f"{need.name} is {found[need.name]}, {need.specifier} is wanted" for need in unfit]
    return found, [need.name for need in missing], conflicting


def _accelerator() -> str | None:
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
