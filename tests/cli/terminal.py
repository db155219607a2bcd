"""A terminal of its own for a command, where somebody answers what it asks."""

import os
import pty
import select
import subprocess
import sys
import time

from .conftest import Program

# Environment variables that an agent sets for what it starts, and the mark of a run.
MARKS = ("CLAUDECODE", "CODEX_SANDBOX", "CURSOR_AGENT", "GEMINI_CLI", "KILO_AGENT", "OPENCODE", "ZK0_MCP", "ZK0_RUN")


def in_terminal(program: Program, *arguments: str, asked: str, answer: str, **more: str) -> tuple[int, str]:
    """Run a command, answer where `asked` appears, and return its exit status and all it said."""
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in program.environment.items() if name not in MARKS}
    process = subprocess.Popen(
        [sys.executable, "-m", "zk0", *arguments],
        cwd=program.root,
        env={**environment, **more},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    said, typed, deadline = "", False, time.monotonic() + 30
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                said += os.read(ours, 4096).decode(errors="replace")
            except OSError:  # the other side is closed
                break
        if asked in said and not typed:
            os.write(ours, f"{answer}\n".encode())
            typed = True
    os.close(ours)
    return process.wait(10), said
