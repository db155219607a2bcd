"""Flower's SuperLink with one addition: who is not on this machine reaches the clients' interface alone.

Flower 1.42 serves three interfaces on one port. Clients use `/v1/fleet`, where each request is signed with a registered
key. `/v1/control` (register a client, run an app) and `/v1/runtime` (take the task of a ServerApp) ask for no
credential at all, so whoever reaches the port could admit himself and run code on every client. Here they answer to
connections from this machine only.

Run as `python -m zk0.federation.deployment.superlink`, with the options of `flower-superlink`.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from ipaddress import ip_address
from typing import Any

from flwr.superlink import main as flower
from flwr.superlink.cli import flower_superlink

OPEN = ("/v1/fleet/", "/health")  # what clients on other machines use

type Scope = MutableMapping[str, Any]
type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
type Application = Callable[[Scope, Any, Send], Awaitable[None]]


class LocalOnly:
    """An ASGI middleware that refuses requests from other machines, except for what clients use."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        """Answer 403, or pass the request on."""
        if scope["type"] == "lifespan" or is_allowed(scope["path"], scope.get("client")):
            await self.app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"only from the server itself"})


def is_allowed(path: str, client: tuple[str, int] | None) -> bool:
    """Return whether a path may be asked for from this address; an address that is not known is another machine's."""
    return path.startswith(OPEN) or (client is not None and ip_address(client[0]).is_loopback)


def main() -> None:
    """Run the SuperLink."""
    create = flower.create_app

    def create_guarded(*arguments: Any, **options: Any) -> Any:
        app = create(*arguments, **options)
        app.add_middleware(LocalOnly)
        return app

    flower.create_app = create_guarded
    flower_superlink()


if __name__ == "__main__":
    main()
