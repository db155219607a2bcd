"""A federation on Flower's Deployment Runtime, all of it on this machine: the rehearsal of a real deployment.

The same SuperLink, SuperNodes, certificates and keys as across machines, on loopback and free ports, in a folder that
is deleted at the end. Keys never lie in the run's folder, which may be shown to others; logs are kept there.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from zk0.core.process import without_interruption
from zk0.federation.configuration import Client, Observe, Value, resolve
from zk0.federation.deployment.apps import training_app
from zk0.federation.deployment.deployment import Deployment, admit
from zk0.federation.deployment.training import App, train

LOGS = "logs"


def run(run_config: Mapping[str, Value], observe: Observe, *, app: App = training_app) -> None:
    """Bring a deployment up, prove it by a canary, train on it, and take it down.

    Raises:
        DeploymentError: a link is broken.
        RoundFailedError: the training stopped.
    """
    config = resolve(run_config)
    clients = [Client(partition, *named) for partition, named in enumerate(config.clients)]
    names = [client.name for client in clients]
    with TemporaryDirectory(prefix="zk0-deployment-") as folder:
        deployment = Deployment(Path(folder))
        try:
            observe(0, config.rounds, "starting the SuperLink")
            deployment.secure()
            deployment.start_superlink()
            admit(deployment, {name: deployment.key_of(name) for name in names})
            observe(0, config.rounds, f"connecting {len(names)} clients")
            for client in clients:
                deployment.start_client(client)
            deployment.wait_for(names)
            observe(0, config.rounds, "sending the canary")
            deployment.prove(names)
            train(deployment, run_config, observe, app=app)
        finally:
            with without_interruption():
                try:
                    deployment.end()
                finally:  # a step's time limit may interrupt the first
                    deployment.end(grace=0)
                    shutil.copytree(deployment.folder / LOGS, Path(config.output) / LOGS, dirs_exist_ok=True)
