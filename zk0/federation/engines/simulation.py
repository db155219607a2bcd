"""A federation on Flower's Simulation Runtime: each client in a Ray process, several at a time.

Flower deprecates `run_simulation` in favour of `flwr run`, which needs a SuperLink that goes on running afterwards
and an app that is packed and unpacked. Here the two app objects of this process are what is wanted. `flwr run .`
works with the same apps beside it.
"""

import importlib.util
from collections.abc import Mapping

from zk0.core.errors import DependencyMissingError
from zk0.federation import client_app, server_app
from zk0.federation.configuration import Value, resolve
from zk0.federation.engines import Observe


def run(given: Mapping[str, Value], observe: Observe) -> None:
    """Run a federation with this configuration on Ray.

    Raises:
        DependencyMissingError: Ray is not installed.
    """
    if importlib.util.find_spec("ray") is None:
        raise DependencyMissingError("the simulation engine needs Ray", remedy="pip install 'zk0[simulation]'")
    from flwr.simulation import run_simulation

    config = resolve(given)
    cuda = config.resolved_device().startswith("cuda")
    run_simulation(
        server_app=server_app.build(given, observe=observe),
        client_app=client_app.build(given),
        num_supernodes=len(config.clients),
        backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 1.0 if cuda else 0.0}},
    )
