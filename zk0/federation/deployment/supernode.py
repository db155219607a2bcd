"""Flower's SuperNode, with a warm SuperExec, and asking for messages more often, as long as messages come.

Flower's own asks every 3 s, and for the reply of its ClientApp every half second.

Run as `python -m zk0.federation.deployment.supernode`, with the options of `flower-supernode`.
"""

import subprocess
import sys
from types import SimpleNamespace

from flwr.supernode import start_client_internal as flower
from flwr.supernode.cli import flower_supernode

from zk0.federation.polling import Pauses, retry_soon


def main() -> None:
    """Run the SuperNode."""
    superexec = [sys.executable, "-m", f"{__package__}.superexec"]
    flower.subprocess = SimpleNamespace(  # type: ignore[attr-defined,assignment]
        Popen=lambda argv: subprocess.Popen([*superexec, *argv[1:]])  # noqa: S603  Flower's own argv
    )
    # Flower's pause tells what it waits for: 3 s for a message, half a second for the reply of its ClientApp.
    flower.time = SimpleNamespace(sleep=Pauses().sleep)  # type: ignore[attr-defined,assignment]
    retry_soon()
    flower_supernode()


if __name__ == "__main__":
    main()
