"""The most memory that this process has used."""

import resource
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def peak_memory() -> int:
    """Return the highest resident memory of this process so far, in bytes.

    On Linux it is the kernel's own mark of this program (VmHWM, proc(5)): getrusage(2) also counts what the process
    that started it held at that moment, which may be gigabytes.
    """
    try:
        lines = STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024  # kB
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return highest if sys.platform == "darwin" else highest * 1024
