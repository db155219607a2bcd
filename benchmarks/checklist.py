"""The time to verify the comprehensive checklist of this project, without its tests."""

import subprocess
import sys
import time
from collections.abc import Iterator


def measure() -> Iterator[tuple[str, str]]:
    """Yield the times of asking every check and of asking none; the first should be within 60 s."""
    for what, arguments in (("every check", ["--anew"]), ("nothing changed", [])):
        before = time.perf_counter()
        command = [sys.executable, "-m", "zk0", "checklist", "verify", "comprehensive", "--json", *arguments]
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603  its status depends on open items
        yield f"zk0 checklist verify comprehensive, {what}", f"{time.perf_counter() - before:.1f} s"
