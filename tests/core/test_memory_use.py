"""The peak of memory is this process's own."""

import subprocess
import sys

from zk0.core.memory_use import peak_memory

MIB = 2**20


def test_what_the_parent_held_does_not_count():
    held = bytearray(512 * MIB)
    for at in range(0, len(held), 4096):
        held[at] = 1

    child = subprocess.run(
        [sys.executable, "-c", "from zk0.core.memory_use import peak_memory; print(peak_memory())"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert int(child.stdout) < 256 * MIB
    assert peak_memory() > len(held)
