"""Three ways to run the same two apps: inline, simulation and deployment."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from zk0.federation.configuration import Observe, Value

ENGINES = ("inline", "simulation", "deployment")
FLOWER_LOG = "flower.log"


def run(engine: str, run_config: Mapping[str, Value], observe: Observe, **options: Any) -> None:
    """Run a federation on an engine, with the engine's own options; Flower's log is written into its `output`."""
    module = import_module(f"zk0.federation.engines.{engine}")
    with _flower_log(Path(str(run_config["output"])) / FLOWER_LOG):
        module.run(run_config, observe, **options)


@contextmanager
def _flower_log(path: Path) -> Iterator[None]:
    """Send Flower's log to a file: on a terminal it would hide the progress."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flower = logging.getLogger("flwr")
    before, propagated, level = flower.handlers[:], flower.propagate, flower.level
    to_file = logging.FileHandler(path, encoding="utf-8")
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    flower.handlers, flower.propagate = [to_file], False
    flower.setLevel(logging.INFO)
    try:
        yield
    finally:
        flower.handlers, flower.propagate = before, propagated
        flower.setLevel(level)
        to_file.close()
