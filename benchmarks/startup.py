"""The time of a command, as a whole process."""

import subprocess
import sys
from collections.abc import Iterator

from benchmarks import milliseconds


def measure() -> Iterator[tuple[str, str]]:
    """Yield the start-up times; `zk0 --version` is promised within 200 ms."""
    for arguments in (["--version"], ["runs"], ["workflows", "list"]):

        def call(arguments: list[str] = arguments) -> None:
            subprocess.run([sys.executable, "-m", "zk0", *arguments], check=True, capture_output=True)  # noqa: S603

        yield f"zk0 {' '.join(arguments)}", f"{milliseconds(call, runs=5):.0f} ms"
