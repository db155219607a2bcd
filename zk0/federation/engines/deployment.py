"""A federation on Flower's Deployment Runtime, all of it on this machine: the rehearsal of a real deployment.

The same SuperLink, SuperNodes, certificates and keys as across machines, on loopback and free ports, in a folder that
is deleted at the end. Keys never lie in the run's folder, which may be shown to others; logs are kept there.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from zk0.federation.configuration import Observe, Value, resolve
from zk0.federation.deployment.apps import training_app
from zk0.federation.deployment.deployment import CLIENT_CODE, Deployment
from zk0.federation.deployment.operations import start, take_down, undone_on_failure
from zk0.federation.deployment.training import App, train

LOGS = "logs"


def run(
    run_config: Mapping[str, Value], observe: Observe, *, app: App = training_app, standing: Deployment | None = None
) -> None:
    """Bring a deployment up, prove it by a canary, train on it, and take it down; or train on one that is up.

    Raises:
        DeploymentError: a link is broken.
        RoundFailedError: the training stopped.
    """
    if standing is not None:
        _train_on(standing, run_config, observe, app)
        return
    config = resolve(run_config)
    clients = list(config.partitions)
    with TemporaryDirectory(prefix="zk0-deployment-") as folder:
        deployment = Deployment(Path(folder), preload=CLIENT_CODE if app is training_app else "")
        try:
            start(deployment, {}, clients, lambda note: observe(0, config.rounds, note))
            observe(0, config.rounds, "sending the canary")
            deployment.prove(deployment.clients)
            train(deployment, run_config, observe, app=app)
        finally:
            take_down(deployment)
            _keep_logs(deployment, Path(config.output))


def _train_on(deployment: Deployment, run_config: Mapping[str, Value], observe: Observe, app: App) -> None:
    """Train on a deployment that is up, and that stays up unless this is interrupted."""
    config = resolve(run_config)
    try:
        with undone_on_failure(deployment):
            deployment.wait_for(name for name, _ in config.clients)
            train(deployment, run_config, observe, app=app)
    finally:
        _keep_logs(deployment, Path(config.output))


def _keep_logs(deployment: Deployment, output: Path) -> None:
    if (logs := deployment.folder / LOGS).is_dir():
        shutil.copytree(logs, output / LOGS, dirs_exist_ok=True)
