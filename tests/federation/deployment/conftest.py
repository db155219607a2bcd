"""Deployments on loopback: real SuperLinks and SuperNodes, and an app whose training is an addition."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zk0.federation.configuration import RunConfig
from zk0.federation.deployment.apps import app_files

APP = Path(__file__).parent / "small_app"


def small_app() -> dict[str, bytes]:
    """Return the files of the small app."""
    files = app_files("zk0-small", "zk0", "zk0", RunConfig().plain())
    return files | {f"zk0_app/{name}.py": (APP / f"{name}.py").read_bytes() for name in ("server", "client")}


@pytest.fixture
def small_config(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return a function that makes a run configuration of the small app, for two clients."""

    def make(**changes: Any) -> dict[str, Any]:
        config: dict[str, Any] = {
            "data": "arm-a=well;arm-b=well",
            "unseen": "",
            "rounds": 2,
            "round-seconds": 60.0,
            "output": str(tmp_path / "output"),
        }
        return config | {key.replace("_", "-"): value for key, value in changes.items()}

    return make
