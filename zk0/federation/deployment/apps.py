"""The apps that are submitted to a SuperLink: a few lines that import zk0, which is installed at every site.

So what runs at a site is the zk0 that its owner installed; a run brings configuration, and no code to speak of.
"""

import json
from collections.abc import Mapping

from zk0.federation.configuration import RunConfig, Value


def training_app() -> dict[str, bytes]:
    """Return the files of the app that trains."""
    return app_files("zk0-training", "zk0.federation.server_app", "zk0.federation.client_app", RunConfig().plain())


def canary_app(config: Mapping[str, Value]) -> dict[str, bytes]:
    """Return the files of the app that proves a deployment."""
    return app_files("zk0-canary", f"{__package__}.canary_server", f"{__package__}.canary_client", config)


def app_files(name: str, server: str, client: str, config: Mapping[str, Value]) -> dict[str, bytes]:
    """Return the files of an app whose two halves are the `app` of two installed modules."""
    values = "\n".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in config.items())
    pyproject = f"""\
[project]
name = "{name}"
version = "1.0.0"
license = "Apache-2.0"
dependencies = []

[tool.flwr.app]
publisher = "zk0"

[tool.flwr.app.components]
serverapp = "zk0_app.server:app"
clientapp = "zk0_app.client:app"

[tool.flwr.app.config]
{values}
"""
    # Flower reads the files without importing them, and looks for an assignment to `app`.
    return {
        "pyproject.toml": pyproject.encode(),
        "zk0_app/__init__.py": b"",
        "zk0_app/server.py": f"import {server} as server\n\napp = server.app\n".encode(),
        "zk0_app/client.py": f"import {client} as client\n\napp = client.app\n".encode(),
    }
