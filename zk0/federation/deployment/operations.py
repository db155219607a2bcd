"""What is done with a deployment as a whole: bring it up, change who may connect, renew its certificate, take it down.

What fails half-way is undone: `up` leaves either a deployment that the canary came back from, or nothing running.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from zk0.core.errors import DeploymentError, InputError
from zk0.core.process import without_interruption
from zk0.federation.configuration import Client
from zk0.federation.deployment import authority
from zk0.federation.deployment.admission import require_name
from zk0.federation.deployment.deployment import Deployment
from zk0.federation.deployment.folder import EVERYWHERE, LOOPBACK
from zk0.federation.deployment.programs import SUPERLINK

type Say = Callable[[str], None]


def start(deployment: Deployment, listed: Mapping[str, str], clients: Sequence[Client], say: Say) -> None:
    """Start the SuperLink, admit the clients of the list and those of this machine, and start the latter.

    Raises:
        InputError: it would listen on one address only, where its own programs would count as outsiders.
        DeploymentError: a link is broken, or it runs already.
        CertificateError: a certificate or key can't be used.
    """
    if deployment.host not in (LOOPBACK, *EVERYWHERE):
        raise InputError(
            f"the SuperLink can't listen on {deployment.host} alone: its own programs reach it on {LOOPBACK}",
            remedy="give host 0.0.0.0, and open the port in the firewall for the clients only",
        )
    if deployment.is_alive(SUPERLINK):
        raise DeploymentError("the deployment is up already", remedy="zk0 deploy status, or zk0 deploy down")
    for client in clients:
        require_name(client.name)
    say("securing")
    deployment.secure()
    deployment.end()  # what a killed zk0 left
    with undone_on_failure(deployment):
        say("starting the SuperLink")
        deployment.start_superlink()
        say(f"connecting {len(clients)} clients")
        deployment.clients = {client.name: client for client in clients}
        admit(deployment, listed)
        for client in clients:
            deployment.start_client(client)
        deployment.wait_for(client.name for client in clients)
        deployment.save()


def admit(deployment: Deployment, listed: Mapping[str, str]) -> None:
    """Make the clients that may connect those of the list and those of this machine; all others are shut out now."""
    own = {name: deployment.key_of(name) for name in deployment.clients}
    with deployment.control() as control:
        control.admit({**listed, **own})


def add_client(deployment: Deployment, client: Client, listed: Mapping[str, str]) -> None:
    """Add a client on this machine to a running deployment; no other client notices.

    Raises:
        InputError: there is one of this name.
    """
    require_name(client.name)
    if client.name in (*deployment.clients, *listed):
        raise InputError(f"there is a client {client.name} already", remedy="give another name")
    try:
        deployment.clients[client.name] = client
        admit(deployment, listed)
        deployment.start_client(client)
        deployment.wait_for([client.name])
        deployment.prove([client.name])
    except BaseException:
        remove_client(deployment, client.name, listed)
        raise
    deployment.save()


def remove_client(deployment: Deployment, name: str, listed: Mapping[str, str]) -> None:
    """Shut a client out at once, and end it if it is on this machine; `listed` is the list without it."""
    if deployment.is_alive(SUPERLINK):
        local = {key: value for key, value in deployment.clients.items() if key != name}
        deployment.clients = local
        admit(deployment, {key: line for key, line in listed.items() if key != name})
    deployment.end_part(name)
    (deployment.folder / "clients" / name / "key").unlink(missing_ok=True)  # a SuperLink never takes one back
    deployment.save()


def rotate(deployment: Deployment, *, names: Iterable[str] = (), whole: bool = False) -> None:
    """Renew the server's certificate, with more names if given; `whole` makes a new authority too, and old kits void.

    The SuperLink reads certificates when it starts, so a running one is restarted; clients reconnect by themselves.
    """
    deployment.names = tuple(dict.fromkeys((*deployment.names, *names)))
    was_up = deployment.is_alive(SUPERLINK)
    if whole or not deployment.certificate.exists():
        authority.create_authority(deployment.authority)
    authority.issue_server_certificate(deployment.authority, deployment.hosts)
    deployment.save()
    if was_up:
        deployment.end_part(SUPERLINK)
        deployment.start_superlink()
        if whole:  # they still trust the old authority
            for client in deployment.clients.values():
                deployment.end_part(client.name)
                deployment.start_client(client)
        deployment.wait_for(deployment.clients)


@contextmanager
def undone_on_failure(deployment: Deployment) -> Iterator[None]:
    """End all programs of a deployment if the block fails or is interrupted."""
    try:
        yield
    except BaseException:
        take_down(deployment)
        raise


def take_down(deployment: Deployment) -> int:
    """End all programs and return how many there were; a time limit or Ctrl-C meanwhile leaves none either."""
    with without_interruption():
        try:
            return deployment.end()
        finally:
            deployment.end(grace=0)


def forget(deployment: Deployment) -> None:
    """Remove the SuperLink's database and the logs; authority and keys stay."""
    for path in (*(deployment.folder / SUPERLINK).rglob("*"), *(deployment.folder / "logs").glob("*")):
        with suppress(FileNotFoundError):
            if path.is_file():
                path.unlink()


def standing(folder: Path) -> Deployment | None:
    """Return the deployment in a folder if it is up."""
    try:
        deployment = Deployment.load(folder)
    except DeploymentError:
        return None
    return deployment if deployment.is_alive(SUPERLINK) else None
