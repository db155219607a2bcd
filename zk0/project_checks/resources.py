"""The resources of the last runs: memory, accelerator, time, and what they left behind (`resources.*`)."""

import os
from collections.abc import Iterator
from pathlib import Path

from zk0.core.app_subject import first_run
from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError, JournalError
from zk0.core.process import find_program
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, failed, not_applicable, not_available, passed_if
from zk0.ledger import Ledger
from zk0.project_checks.machine import GIB
from zk0.project_checks.recorded_runs import training_receipts
from zk0.workflow.lock import MARK, owner
from zk0.workflow.run import run_directories
from zk0.workflow.state import RunStatus

SHARE = 0.9  # of the memory: the system and the other programs need the rest


@check("resources.memory", reads=(Part.runs, Part.machine))
def memory(ledger: Ledger) -> Finding:
    """The last federation's memory fits this machine."""
    import psutil

    peaks = [training.resources.peak_memory for training in ledger.trainings]
    known = [peak for peak in peaks if peak is not None]
    if not known:
        return not_available("the ledger of the last run has no memory use")
    peak, total = max(known), psutil.virtual_memory().total
    sizes = {"peak memory": peak, "memory": total}
    evidence = [Evidence(name=name, value=size, unit="bytes") for name, size in sizes.items()]
    message = f"{peak / GIB:.2f} GiB at most, of {total / GIB:.1f}"
    remedy = "use a smaller batch_size, or fewer loader_workers"
    return passed_if(peak <= SHARE * total, message, evidence=evidence, remedy=remedy)


@check("resources.accelerator", reads=(Part.runs, Part.machine))
def accelerator(ledger: Ledger) -> Finding:
    """A GPU that the last federation trained on was kept busy."""
    opened = ledger.opened
    device = opened.configuration.get("device") if opened else None
    wanted = str(device.value) if device else "auto"
    if wanted == "cpu" or (wanted == "auto" and not find_program("nvidia-smi")):
        return not_applicable("the last federation trained on the CPU")
    return not_available("the ledger does not say how busy the GPU was: watch nvidia-smi during a run")


@check("resources.duration", reads=(Part.runs,))
def duration(project: Project, *, minutes: float) -> Finding:
    """The last training of the project's app took no longer than required."""
    receipt = training_receipts(project)[0]
    if receipt.verdict.stops:
        return not_available(f"the last training failed after {receipt.seconds:.0f} s, so its time says nothing")
    evidence = [Evidence(name="duration", value=round(receipt.seconds, 1), unit="s", at=receipt.run)]
    message = f"{receipt.title} took {receipt.seconds / 60:.1f} min, at most {minutes:g} are allowed"
    in_time = receipt.seconds <= minutes * 60
    return passed_if(in_time, message, at=receipt.run, evidence=evidence, remedy="zk0 show latest")


@check("resources.released", reads=(Part.runs, Part.machine))
def released(project: Project) -> Iterator[Finding]:
    """No process, lock or half-written file of a run that is over is left."""
    if not run_directories(project):
        raise AssetMissingError("no workflow has run yet", remedy=first_run(project))
    for run in run_directories(project):
        try:
            over = run.state().status is not RunStatus.unfinished
        except JournalError:
            over = True
        if over and owner(run) is not None:
            yield failed("it is over, and a process still holds it", at=run.id, remedy=f"zk0 cancel {run.id}")
    left = [f"process {one}" for one in _processes(project)]
    left += [project.shown(path) for path in project.runs_dir.glob("*/**/.*.[0-9]*") if _is_left(path)]
    good, bad = "no process and no half-written file is left", f"left over: {', '.join(left[:5])}"
    yield passed_if(not left, good, bad, remedy="end the processes, remove the files")


def _processes(project: Project) -> list[int]:
    import psutil

    own, found = os.getpid(), []
    runs = {str(run.path) for run in run_directories(project) if owner(run) is None}
    for process in psutil.process_iter():
        try:
            if process.pid != own and process.environ().get(MARK) in runs:
                found.append(process.pid)
        except (psutil.Error, OSError):  # another user's, or gone meanwhile
            continue
    return found


def _is_left(path: Path) -> bool:
    """Return whether the writer of a temporary file of `write_atomically` is gone."""
    number = path.name.rpartition(".")[2]
    return number.isdigit() and not Path(f"/proc/{number}").exists()
