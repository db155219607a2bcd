"""What a Flower server or node hands to code, of the old interface and the new; Flower is imported where it is used."""

from __future__ import annotations

from typing import Any


def context_of(run_config: dict[str, Any], node_config: dict[str, Any], node: int) -> Any:
    """Return Flower's context of a server (node 0) or a client."""
    try:
        from flwr.app import Context, RecordDict
    except ImportError:  # Flower before 1.20
        from flwr.common import Context
        from flwr.common import RecordSet as RecordDict

    try:
        return Context(run_id=1, node_id=node, node_config=node_config, state=RecordDict(), run_config=run_config)
    except TypeError:  # Flower before 1.13 has no run_id
        return Context(node_id=node, node_config=node_config, state=RecordDict(), run_config=run_config)  # type: ignore[call-arg]
