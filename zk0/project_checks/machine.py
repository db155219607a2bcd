"""The machine: memory, disk, accelerator."""

import shutil
from collections.abc import Iterator

from zk0.core.checks import Part, check
from zk0.core.process import find_program, run_program
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, failed, not_applicable, passed

GIB = 1024**3


@check("machine.memory", reads=(Part.machine,))
def memory(project: Project, *, gib: float = 4) -> Iterator[Finding]:  # noqa: ARG001  the machine's, whatever the project
    """The machine has the memory that policy, frames and processes need."""
    import psutil

    yield at_least("memory", psutil.virtual_memory().total, gib, "use a smaller preset, or a larger machine")


@check("machine.disk", reads=(Part.machine,))
def disk(project: Project, *, gib: float = 2) -> Iterator[Finding]:
    """There is room for recordings and checkpoints."""
    yield at_least("free disk", shutil.disk_usage(project.root).free, gib, "free some, or move the project")


@check("machine.accelerator", reads=(Part.machine,))
def accelerator(project: Project, *, gib: float = 8) -> Iterator[Finding]:
    """A GPU, where there is one, has memory enough for the base preset; none is needed for the small ones."""
    if not find_program("nvidia-smi"):
        yield not_applicable("this machine has no NVIDIA GPU: presets tiny and small train on the CPU")
        return
    ended = run_program(
        "nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits", cwd=project.root
    )
    lines = [line.rpartition(", ") for line in ended.out.strip().splitlines() if ", " in line]
    if ended.status or not lines:
        reason = (ended.err or ended.out).strip().partition("\n")[0]
        yield failed(f"nvidia-smi tells of no GPU: {reason}", remedy="install the driver")
    for name, _, mebibytes in lines:
        bytes_there = int(float(mebibytes) * 1024**2)
        yield at_least(f"memory of {name}", bytes_there, gib, "use a smaller batch_size or preset")


def at_least(what: str, there: int, wanted: float, remedy: str) -> Finding:
    """Compare what is there, in bytes, with what is wanted, in GiB."""
    evidence = [Evidence(name=what, value=there, unit="bytes")]
    message = f"{there / GIB:.1f} GiB of {what}, {wanted:g} wanted"
    if there >= wanted * GIB:
        return passed(message, evidence=evidence)
    return failed(message, evidence=evidence, remedy=remedy)
