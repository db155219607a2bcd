"""The program of the probing process: `python -m zk0.probes.harness KIND TARGET ANSWER SECONDS [strict]`."""

import gc
import json
import os
import resource
import signal
import sys
from pathlib import Path

from zk0.core.errors import Zk0Error
from zk0.probes.running import WALL_CLOCK_FACTOR

MEMORY = 4 * 1024**3  # bytes the code may take beyond what PyTorch takes


def main(arguments: list[str]) -> None:
    """Probe one target and write each finding as soon as it is known, one JSON object a line."""
    kind, target, answer, seconds, *flags = arguments
    with Path(answer).open("w", encoding="utf-8") as stream:

        def write(**record: object) -> None:
            stream.write(json.dumps(record) + "\n")
            stream.flush()

        try:
            from zk0.probes.harness.contracts import findings_of  # an error of its imports is written too

            _limit_resources(float(seconds))
            for finding in findings_of(kind, target, Path.cwd(), strict="strict" in flags):
                write(finding=finding.model_dump(mode="json"))
            write(done=True)
        except Zk0Error as error:
            write(error={"kind": type(error).__name__, "message": error.message, "remedy": error.remedy})


def _limit_resources(seconds: float) -> None:
    """Limit memory and time, now that PyTorch is imported; what the timers do by default is to end the process.

    What counts is the time it computes, so that a machine that does other work meanwhile gives the same answer; code
    that waits is given some times as long.
    """
    gc.freeze()  # what PyTorch brings is not garbage; code that calls gc.collect() would wait for it
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for number in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(number, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, WALL_CLOCK_FACTOR * seconds)


if __name__ == "__main__":
    main(sys.argv[1:])
