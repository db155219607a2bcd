"""What the probing process does: limit itself, probe one target, and write each finding as soon as it is known."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import traceback
from importlib.util import find_spec
from pathlib import Path

from .errors import HarnessError, PackageMissingError
from .scratch import enter_copy

WALL_CLOCK_FACTOR = 5  # times as long it may take by the clock, where it waits or the machine is busy
MEMORY = 4 * 1024**3  # bytes the code may take beyond what PyTorch takes


def main(arguments: list[str]) -> None:
    """Probe one target and write each finding, one JSON object a line."""
    kind, target, answer, seconds, *flags = arguments
    root = Path.cwd()
    with Path(answer).open("w", encoding="utf-8") as stream:

        def write(**record: object) -> None:
            stream.write(json.dumps(record) + "\n")
            stream.flush()

        try:
            enter_copy(root, Path(answer).parent / "copy")
            if "adapter" in flags:
                from .adapters import adapter_of

                write(adapter=adapter_of(kind, target, root))
            else:
                _require_numpy()
                from .contracts import findings_of, import_contract  # an error of its imports is written too

                import_contract(kind)
                _limit_resources(float(seconds))
                for finding in findings_of(kind, target, root, strict="strict" in flags):
                    write(finding=finding.as_json())
            write(done=True)
        except HarnessError as error:
            write(error={"kind": type(error).__name__, "message": error.message, "remedy": error.remedy})
        except Exception:  # noqa: BLE001  an error of the harness itself: told as such, never as one of the target
            write(bug=traceback.format_exc())


def _require_numpy() -> None:
    if find_spec("numpy") is None:
        message = f"a probe needs numpy, which {sys.executable} does not have"
        pip = f"{sys.executable} -m pip install" if find_spec("pip") else f"uv pip install --python {sys.executable}"
        raise PackageMissingError(message, remedy=f"{pip} numpy")


def _limit_resources(seconds: float) -> None:
    """Limit memory and time, now that PyTorch is imported; what the timers do by default is to end the process.

    What counts is the time it computes, so that a machine that does other work meanwhile gives the same answer; code
    that waits is given some times as long.
    """
    gc.freeze()  # what PyTorch brings is not garbage; code that calls gc.collect() would wait for it
    if sys.platform == "linux":
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for number in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(number, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, WALL_CLOCK_FACTOR * seconds)
