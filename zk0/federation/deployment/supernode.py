"""Flower's SuperNode, asking for messages every quarter of a second where Flower's asks every 3 s.

Run as `python -m zk0.federation.deployment.supernode`, with the options of `flower-supernode`.
"""

import time
from types import SimpleNamespace

from flwr.supernode import start_client_internal as flower
from flwr.supernode.cli import flower_supernode

POLL_SECONDS = 0.25


def main() -> None:
    """Run the SuperNode."""
    flower.time = SimpleNamespace(sleep=lambda seconds: time.sleep(min(seconds, POLL_SECONDS)))  # type: ignore[attr-defined]
    flower_supernode()


if __name__ == "__main__":
    main()
