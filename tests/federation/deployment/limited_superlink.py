"""zk0's SuperLink behind a limit for the size of requests, as a proxy has one: 100 kB while a file `limited` exists."""

import os

from zk0.federation.deployment import superlink

MOST_BYTES = 100_000


class Limited(superlink.LocalOnly):
    """Answers 413 to what is too large."""

    async def __call__(self, scope, receive, send):
        size = int(dict(scope.get("headers", ())).get(b"content-length", 0))
        if size <= MOST_BYTES or not os.path.exists("limited"):  # noqa: ASYNC240, PTH110  in the SuperLink's FLWR_HOME
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 413, "headers": []})
        await send({"type": "http.response.body", "body": b""})


superlink.LocalOnly = Limited
superlink.main()
