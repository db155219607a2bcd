"""Run a probe in a process of its own, bounded in time and memory, and read what it found.

The code under test is executed as it is: it can read and write what the user can. The process keeps it from hanging
zk0, from filling the memory, from changing zk0's own modules and from writing into the answer; it is not a sandbox.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from enum import StrEnum
from pathlib import Path

from zk0.core import errors
from zk0.core.errors import ProbeError, Zk0Error
from zk0.core.process import kill_tree, start
from zk0.core.project import Project
from zk0.core.verdicts import Finding, Verdict

CODE_SECONDS = 12.0  # of computing, for the code itself; with PyTorch's import a probe stays below 20 s
WALL_CLOCK_FACTOR = 5  # times as long it may take by the clock, where it waits or the machine is busy
START_SECONDS = 120.0  # for the import of PyTorch from a cold disk
SHOWN_LINES = 5  # of what the code printed, where it ended the process


class Probe(StrEnum):
    """A contract."""

    proximal = "proximal"
    aggregation = "aggregation"
    exchange = "exchange"


def probe(
    kind: Probe, target: str, project: Project, *, strict: bool = False, seconds: float = CODE_SECONDS
) -> list[Finding]:
    """Return one finding for each point of the contract.

    Args:
        kind: which contract.
        target: `package.module:name`, `package.module.name` or `file.py:name`; a relative file is the project's.
        project: whose code it is; its root is the working directory and importable.
        strict: make a failure of what else would be a warning.
        seconds: how long the code may run, after PyTorch is imported.

    Raises:
        ProbeError: the target can't be found, or not be called.
        DependencyMissingError: it imports a package that is not installed.
    """
    _refuse_missing_file(target, project.root)
    with tempfile.TemporaryDirectory() as scratch:
        answer = Path(scratch) / "answer.jsonl"
        printed = Path(scratch) / "printed.txt"
        status = _run(kind, target, project, answer, printed, strict=strict, seconds=seconds)
        lines = answer.read_text(encoding="utf-8").splitlines() if answer.exists() else []
        records = [json.loads(line) for line in lines if line.endswith("}")]
        tail = printed.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-SHOWN_LINES:]
    findings = [Finding.model_validate(record["finding"]) for record in records if "finding" in record]
    for record in records:
        if "error" in record:
            raise _rebuild_error(record["error"])
    if not any("done" in record for record in records):
        findings.append(_unfinished_finding(kind, target, status, tail, seconds))
    return findings


def _refuse_missing_file(target: str, root: Path) -> None:
    """Refuse at once what needs no process to see."""
    file = target.partition(":")[0].partition(",")[0]
    if file.endswith(".py") and not (root / file).is_file():
        raise ProbeError(f"{target}: no file {root / file}", remedy="zk0 probe KIND path/to/file.py:name")


def _run(
    kind: Probe, target: str, project: Project, answer: Path, printed: Path, *, strict: bool, seconds: float
) -> int:
    # -P and the absolute path keep a project's own `zk0` or `json.py` from standing in for ours.
    command = [sys.executable, "-P", "-m", "zk0.probes.harness", kind, target, str(answer), str(seconds)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(
            filter(None, (str(Path(errors.__file__).parents[2]), os.environ.get("PYTHONPATH")))
        ),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",  # small tensors; and the same sums every time
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
        "FLWR_TELEMETRY_ENABLED": "0",
    }
    with printed.open("wb") as stream:
        process = start([*command, *(["strict"] if strict else [])], cwd=project.root, env=environment, stdout=stream)
        try:
            return process.wait(timeout=START_SECONDS + WALL_CLOCK_FACTOR * seconds)
        except subprocess.TimeoutExpired:
            return -signal.SIGALRM
        finally:
            kill_tree(process)


def _rebuild_error(record: dict[str, str | None]) -> Zk0Error:
    kind: type[Zk0Error] = getattr(errors, str(record["kind"]), ProbeError)
    return kind(str(record["message"]), remedy=record["remedy"])


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
