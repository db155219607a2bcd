"""A federation on Flower's Simulation Runtime: each client in a Ray process, several at a time.

Flower deprecates `run_simulation` in favour of `flwr run`, which needs a SuperLink that keeps running afterwards and
an app that is packed and unpacked. This engine needs only the two app objects of this process. `flwr run .` works
with the same apps.
"""

import importlib.util
from collections.abc import Mapping

from zk0.core.errors import DependencyMissingError
from zk0.federation import client_app, server_app
from zk0.federation.configuration import Observe, Value, resolve


def run(run_config: Mapping[str, Value], observe: Observe) -> None:
    """Run a federation on Ray.

    Raises:
        DependencyMissingError: Ray is not installed.
    """
    if importlib.util.find_spec("ray") is None:
        raise DependencyMissingError("the simulation engine needs Ray", remedy="pip install 'zk0[simulation]'")
    from flwr.simulation import run_simulation

    config = resolve(run_config)
    cuda = config.resolved_device().startswith("cuda")
    run_simulation(
        server_app=server_app.build(run_config, observe=observe),
        client_app=client_app.build(run_config),
        num_supernodes=len(config.clients),
        backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 1.0 if cuda else 0.0}},
    )
