"""Serve MCP over HTTP: on loopback only, and only to a caller that has the token.

Another user of the machine, or a page in a browser, reaches a loopback port too; so every request needs the token, and
the SDK refuses other hosts' names (DNS rebinding).
"""

import hmac
import os
import secrets
from pathlib import Path

import uvicorn
from mcp.server import MCPServer
from starlette.types import ASGIApp, Receive, Scope, Send

from zk0.core.errors import StorageError

HOST = "127.0.0.1"
TOKEN = "ZK0_MCP_TOKEN"  # noqa: S105  the name of the variable that has it


class RequireToken:
    """Refuse every request without `Authorization: Bearer TOKEN` (401)."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app = app
        self.expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on if it has the token."""
        given = dict(scope.get("headers", ())).get(b"authorization", b"")
        if scope["type"] == "lifespan" or hmac.compare_digest(given, self.expected):
            await self.app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 401, "headers": [(b"www-authenticate", b"Bearer")]})
        await send({"type": "http.response.body", "body": b"the token is missing or wrong\n"})


def token_of(state: Path) -> tuple[str, Path | None]:
    """Return the token: that of the environment, else the one kept in the project's state, made where there is none.

    Raises:
        StorageError: it can't be kept.
    """
    if given := os.environ.get(TOKEN):
        return given, None
    path = state / "mcp-token"
    try:
        state.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(32))
        return path.read_text(encoding="utf-8").strip(), path
    except OSError as error:
        raise StorageError(f"{path}: {error}", remedy=f"set {TOKEN}") from error


def serve_http(server: MCPServer, port: int, token: str) -> None:
    """Serve until interrupted."""
    app = RequireToken(server.streamable_http_app(host=HOST), token)
    uvicorn.run(app, host=HOST, port=port, log_level="warning")
