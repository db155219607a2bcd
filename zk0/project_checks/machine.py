"""The machine: memory, disk, accelerator (`machine.*`)."""

import shutil
from collections.abc import Iterator, Mapping
from typing import Any

from zk0.core.checks import Part, check
from zk0.core.process import find_program, run_program
from zk0.core.project import FLOWER_CONFIG, Project, table_of
from zk0.core.verdicts import Evidence, Finding, failed, not_applicable, passed_if

GIB = 1024**3
READS = (Part.machine, Part.code)


@check("machine.memory", reads=READS, aliases={"environment.memory": {}})
def memory(project: Project, *, gib: float = 4) -> Finding:  # noqa: ARG001  the machine's, whatever the project
    """The machine has the memory that policy, frames and processes need."""
    import psutil

    return _at_least("memory", psutil.virtual_memory().total, gib, "use a smaller preset, or a larger machine")


@check("machine.disk", reads=READS, aliases={"environment.disk": {}})
def disk(project: Project, *, gib: float = 2) -> Finding:
    """There is room for recordings and checkpoints."""
    return _at_least("free disk", shutil.disk_usage(project.root).free, gib, "free some, or move the project")


@check("machine.accelerator", reads=READS)
def accelerator(project: Project, *, gib: float = 8) -> Iterator[Finding]:
    """A GPU has enough memory for the base preset; where there is none, the run configuration asks for none."""
    if not find_program("nvidia-smi"):
        if device := _wanted_gpu(project):
            yield failed(
                f"the run configuration asks for {device}, and this machine has no NVIDIA GPU",
                remedy="run it on a machine with one, or configure the CPU",
            )
            return
        yield not_applicable("this machine has no NVIDIA GPU: presets tiny and small train on the CPU")
        return
    query = ("--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
    ended = run_program("nvidia-smi", *query, cwd=project.root)
    lines = [line.rpartition(", ") for line in ended.out.strip().splitlines() if ", " in line]
    if ended.status or not lines:
        yield failed(f"nvidia-smi finds no GPU: {ended.reason}", remedy="install the driver")
    for name, _, mebibytes in lines:
        size = int(float(mebibytes) * 1024**2)
        yield _at_least(f"memory of {name}", size, gib, "use a smaller batch_size or preset")


def _wanted_gpu(project: Project) -> str | None:
    """Return the GPU that the project's configuration or the federation that it uses names."""
    federations = table_of(project.pyproject, "tool", "flwr", "federations")
    used = [federations[federations["default"]]] if federations.get("default") in federations else federations.values()
    tables = [table_of(project.pyproject, *FLOWER_CONFIG), *(one for one in used if isinstance(one, dict))]
    for table in tables:
        for key, value in _leaves(table):
            if (key.endswith("device") and str(value).startswith("cuda")) or (key.endswith("gpus") and value):
                return f"{key} = {value}"
    return None


def _leaves(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        yield from _leaves(value) if isinstance(value, Mapping) else [(key, value)]


def _at_least(what: str, size: int, wanted: float, remedy: str) -> Finding:
    """Compare a size in bytes with the wanted one in GiB."""
    evidence = [Evidence(name=what, value=size, unit="bytes")]
    return passed_if(
        size >= wanted * GIB, f"{size / GIB:.1f} GiB of {what}, {wanted:g} wanted", evidence=evidence, remedy=remedy
    )
