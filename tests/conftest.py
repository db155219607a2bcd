"""What all tests share: no network, a cache of their own, two small recordings and a tiny policy, each made once."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# A shell that starts the tests in its background ignores Ctrl-C for them, and their programs would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):  # CI runs these tests, and output is different there
    os.environ.pop(name, None)
os.environ["HF_HUB_OFFLINE"] = "1"  # read when the hub's client is imported

# The same examples on every machine, however busy: a test that fails in CI fails here too, and no clock decides.
settings.register_profile(
    "zk0", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile("zk0")

TASKS = ("lift-left", "touch-far")


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep recordings and backbones of the tests apart from the user's; all workers of one session share them."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZK0_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def recordings(cache: Path) -> dict[str, Path]:
    """Return two recorded data sets of three episodes each, by task."""
    from zk0.simulator.recorder import cached_recording
    from zk0.simulator.tasks import task

    return {name: cached_recording(task(name), episodes=3, seed=0, cache=cache / "recordings") for name in TASKS}


@pytest.fixture(scope="session")
def run_config(recordings: dict[str, Path]) -> Callable[..., dict[str, Any]]:
    """Return a function that makes the run configuration of a federation that takes seconds."""

    def make(**changes: Any) -> dict[str, Any]:
        config: dict[str, Any] = {
            "data": ";".join(str(path) for path in recordings.values()),
            "unseen": "",
            "rounds": 2,
            "local-steps": 4,
            "batch-size": 8,
            "warmup-steps": 1,
            "measure-every": 1,
            "device": "cpu",
        }
        return config | {key.replace("_", "-"): value for key, value in changes.items()}

    return make
