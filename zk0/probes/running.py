"""Run a probe in a process of its own, bounded in time and memory, and read what it found.

The code under test is executed as it is: it can read and write what the user can. The process keeps it from hanging
zk0, from filling the memory, from changing zk0's own modules and from writing into the answer; it is not a sandbox.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Any

from zk0.core.errors import ProbeError
from zk0.core.interpreters import project_python
from zk0.core.process import kill_tree, start
from zk0.core.project import Project
from zk0.core.verdicts import Finding, Verdict
from zk0.probes.harness.imports import root_of
from zk0.probes.harness.program import WALL_CLOCK_FACTOR
from zk0.probes.judging import rebuild_error

CODE_SECONDS = 12.0  # of computing, for the code itself; with PyTorch's import a probe stays below 20 s
START_SECONDS = 120.0  # for the import of PyTorch from a cold disk
HARNESS = Path(__file__).parent / "harness"  # a directory that Python runs
SHOWN_LINES = 5  # of what the code printed, where it ended the process


class Probe(StrEnum):
    """A contract."""

    proximal = "proximal"
    aggregation = "aggregation"
    exchange = "exchange"


MAIN_POINTS = {Probe.proximal: "gradient", Probe.aggregation: "mean", Probe.exchange: "round-trip"}


def probe(
    kind: Probe,
    target: str,
    project: Project,
    *,
    strict: bool = False,
    seconds: float = CODE_SECONDS,
    python: str | None = None,
) -> list[Finding]:
    """Return one finding for each point of the contract.

    Args:
        kind: which contract.
        target: `package.module:name`, `package.module.name` or `file.py:name`; a relative file is the project's.
        project: whose code it is; its root is the working directory and importable.
        strict: make a failure of what else would be a warning.
        seconds: how long the code may run, after PyTorch is imported.
        python: the interpreter whose packages the code needs, 3.9 or newer, with NumPy; the project's by default.

    Raises:
        ProbeError: the target can't be found, or not be called.
        DependencyMissingError: it imports a package that is not installed.
    """
    records, status, tail = _harness(kind, target, project, python, seconds, "strict" if strict else "")
    findings = [Finding.model_validate(record["finding"]) for record in records if "finding" in record]
    if not any("done" in record for record in records):
        findings.append(_unfinished_finding(kind, target, status, tail, seconds))
    return findings


def write_adapter(kind: Probe, target: str, project: Project, *, python: str | None = None) -> Path:
    """Write an adapter, a small file that calls the target under a convention that zk0 knows; return its path.

    It is written beside the target, whose imports it shares.

    Raises:
        ProbeError: the target can't be found, or there is an adapter already.
    """
    records, _, tail = _harness(kind, target, project, python, CODE_SECONDS, "adapter")
    adapter = next((record["adapter"] for record in records if "adapter" in record), None)
    if adapter is None:
        raise ProbeError(f"{target} ended the process that looked at it: {' | '.join(tail)}")
    name = re.sub(r"\W", "_", target.rpartition(":")[2].rpartition("/")[2].removesuffix(".py")).lower()
    path = _owner(target, project).root / str(adapter["folder"]) / f"probe_{name}.py"
    if path.exists():
        raise ProbeError(f"{project.shown(path)} exists already", remedy="complete and probe it, or remove it first")
    path.write_text(str(adapter["text"]).replace("THIS_FILE", project.shown(path)), encoding="utf-8")
    return path


def _harness(
    kind: Probe, target: str, project: Project, python: str | None, seconds: float, flag: str
) -> tuple[list[dict[str, Any]], int, list[str]]:
    """Return what the probing process wrote, its exit status, and the end of what the code printed."""
    _refuse_missing_file(target, project.root)
    owner = _owner(target, project)
    with tempfile.TemporaryDirectory() as scratch:
        answer = Path(scratch) / "answer.jsonl"
        printed = Path(scratch) / "printed.txt"
        options = [str(seconds), *filter(None, [flag])]
        interpreter = _interpreter(python, project if python else owner, target)
        command = [interpreter, str(HARNESS), kind, target, str(answer), *options]
        status = _run(command, owner.root, printed, seconds)
        lines = answer.read_text(encoding="utf-8").splitlines() if answer.exists() else []
        records = [json.loads(line) for line in lines if line.endswith("}")]
        tail = printed.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-SHOWN_LINES:]
    for record in records:
        if "error" in record:
            raise rebuild_error(**record["error"])
        if "bug" in record:
            raise RuntimeError(f"the probe of {target} failed by itself:\n{record['bug']}")
    return records, status, tail


def _owner(target: str, project: Project) -> Project:
    """Return the project whose code a target is: this one, or for a file outside of it the one that has the file."""
    file = Path(target.partition(":")[0].partition(",")[0])
    if file.suffix != ".py" or not file.is_absolute() or project.root in file.resolve().parents:
        return project
    found = Project.find(file.resolve().parent)
    return Project(root_of(file.resolve())) if found.root == file.resolve().parent else found


def _interpreter(python: str | None, project: Project, target: str) -> str:
    if python is None:
        # zk0's own code is where zk0 is; all other code is where the project's is.
        return sys.executable if target.startswith("zk0.") else str(project_python(project))
    local = project.path(python)
    found = str(local) if local.is_file() else shutil.which(python)
    if found is None:
        raise ProbeError(f"no interpreter {python}", remedy="--python path/to/bin/python")
    return found


def _refuse_missing_file(target: str, root: Path) -> None:
    """Refuse at once what needs no process to see."""
    file = target.partition(":")[0].partition(",")[0]
    if file.endswith(".py") and not (root / file).is_file():
        raise ProbeError(f"{target}: no file {root / file}", remedy="zk0 probe KIND path/to/file.py:name")


def _run(command: list[str], root: Path, printed: Path, seconds: float) -> int:
    environment = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",  # small tensors; and the same sums every time
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
        "FLWR_TELEMETRY_ENABLED": "0",
    }
    with printed.open("wb") as stream:
        process = start(command, cwd=root, env=environment, stdout=stream)
        try:
            return process.wait(timeout=START_SECONDS + WALL_CLOCK_FACTOR * seconds)
        except subprocess.TimeoutExpired:
            return -signal.SIGALRM
        finally:
            kill_tree(process)


def _unfinished_finding(kind: Probe, target: str, status: int, tail: list[str], seconds: float) -> Finding:
    if status in (-signal.SIGALRM, -signal.SIGPROF):
        waited = status == -signal.SIGALRM
        limit = f"{WALL_CLOCK_FACTOR * seconds:g} s" if waited else f"{seconds:g} s of computing"
        message = f"{target} did not end within {limit}"
        remedy = "probe a smaller part of it: the term or the step, not the whole training"
    else:
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        message = f"{target} ended the probe's process with {how}" + (f": {' | '.join(tail)}" if tail else "")
        remedy = "run it by itself; zk0 allows it 4 GiB more than PyTorch takes"
    return Finding(verdict=Verdict.error, message=message, check=f"probe.{kind}", at=target, remedy=remedy)
