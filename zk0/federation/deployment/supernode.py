"""Flower's SuperNode, with a warm SuperExec, and asking for messages every quarter of a second, not every 3 s.

Run as `python -m zk0.federation.deployment.supernode`, with the options of `flower-supernode`.
"""

import subprocess
import sys
import time
from types import SimpleNamespace

from flwr.supernode import start_client_internal as flower
from flwr.supernode.cli import flower_supernode

POLL_SECONDS = 0.25


def main() -> None:
    """Run the SuperNode."""
    superexec = [sys.executable, "-m", f"{__package__}.superexec"]
    flower.subprocess = SimpleNamespace(  # type: ignore[attr-defined,assignment]
        Popen=lambda argv: subprocess.Popen([*superexec, *argv[1:]])  # noqa: S603  Flower's own argv
    )
    flower.time = SimpleNamespace(sleep=lambda seconds: time.sleep(min(seconds, POLL_SECONDS)))  # type: ignore[attr-defined,assignment]
    flower_supernode()


if __name__ == "__main__":
    main()
