"""Ports of this machine."""

import socket

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Return a port of loopback that no program uses."""
    with socket.create_server((LOOPBACK, 0)) as server:
        return int(server.getsockname()[1])
