"""The processor time of a command, as a whole process."""

import subprocess
import sys
from collections.abc import Iterator

from benchmarks import Measured, processor_seconds, seconds

GOALS = {"--version": 0.1, "runs": 0.3, "workflows list": 0.3}  # seconds


def measure() -> Iterator[Measured | tuple[str, str]]:
    """Yield the time of each command, and of importing the two libraries that all but `--version` need."""
    libraries = ["-c", "import typer, pydantic; type('Model', (pydantic.BaseModel,), {})"]
    commands = [*(["-m", "zk0", *arguments.split()] for arguments in GOALS), libraries]

    def call(command: list[str]) -> None:
        subprocess.run([sys.executable, *command], check=True, capture_output=True)  # noqa: S603

    taken = processor_seconds(*(lambda command=command: call(command) for command in commands), runs=7)
    for (arguments, goal), times in zip(GOALS.items(), taken, strict=False):
        yield seconds(f"zk0 {arguments}, processor time", times, goal)
    yield "of that, Python, Typer and pydantic alone", f"{sorted(taken[-1])[len(taken[-1]) // 2]:.2f} s"
