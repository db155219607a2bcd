"""Talk to a running SuperLink: is it there, who is connected, submit a run, follow it, stop it.

The same interface as `flwr`, in this process: a command of `flwr` takes seconds to start, and its errors are prose.
"""

import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.cli.build import build_fab_from_files
from flwr.common.serde import fab_to_proto, user_config_to_proto
from flwr.proto.control_pb2 import (
    ListNodesRequest,
    ListRunsRequest,
    RegisterNodeRequest,
    StartRunRequest,
    StopRunRequest,
    UnregisterNodeRequest,
)
from flwr.proto.fleet_pb2 import DeactivateNodeRequest
from flwr.supercore.control import ControlHttpClient
from flwr.supercore.date import now
from flwr.supercore.fab import Fab
from flwr.supercore.interceptors import RuntimeVersionHttpInterceptor
from flwr.supercore.primitives.asymmetric import public_key_to_bytes
from flwr.supercore.protobuf.client import ProtobufClientInterceptor
from flwr.supernode.fleet_http_client import FleetHttpClient
from flwr.supernode.node_auth_http_interceptor import NodeAuthHttpInterceptor

from zk0.core.errors import DeploymentError
from zk0.federation.configuration import Value
from zk0.federation.deployment.authority import read_public_line

HEALTH_SECONDS = 5.0  # for one connection
POLL_SECONDS = 0.1
CERTIFICATE_REFUSED = "its certificate is refused"
# Flower's SuperLink takes a client's signature whose time is at most 5 s after and 305 s before its own.
MOST_AHEAD, MOST_BEHIND = 4.0, 300.0


@dataclass(frozen=True)
class Node:
    """A registered client as the SuperLink sees it."""

    number: int  # Flower's node id
    name: str
    status: str  # registered, online, offline, unregistered
    key: bytes

    @property
    def is_online(self) -> bool:
        """Whether it is connected: its heartbeats arrive."""
        return self.status == "online"


@dataclass(frozen=True)
class FlowerRun:
    """How a run stands: `status` is pending, starting, running or finished, `outcome` completed, failed or stopped."""

    number: int  # Flower's run id
    status: str
    outcome: str
    details: str

    @property
    def has_started(self) -> bool:
        """Whether its ServerApp executes or has executed."""
        return self.status in ("running", "finished")

    @property
    def is_finished(self) -> bool:
        """Whether it has ended, well or not."""
        return self.status == "finished"


class Control:
    """A connection to the control interface of the SuperLink at `address` (host:port)."""

    def __init__(self, address: str, authority: Path) -> None:
        self.address = address
        self._authority = authority.read_bytes()
        self._client = ControlHttpClient.from_server_address(
            address,
            False,
            self._authority,
            interceptors=[RuntimeVersionHttpInterceptor(component_name="flwr CLI")],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._client.close()

    def nodes(self) -> list[Node]:
        """Return the clients that are registered, by name."""
        found = self._call(self._client.ListNodes, ListNodesRequest()).nodes_info
        nodes = [Node(one.node_id, one.name or str(one.node_id), one.status, one.public_key) for one in found]
        return sorted((one for one in nodes if one.status != "unregistered"), key=lambda one: one.name)

    def register(self, name: str, public_line: str) -> int:
        """Register a client's public key under its name, and return its node id."""
        key = public_key_to_bytes(read_public_line(public_line, source=f"the key of {name}"))
        request = RegisterNodeRequest(public_key=key, name=name)
        try:
            return int(self._call(self._client.RegisterNode, request).node_id)
        except DeploymentError as error:
            if "already in use" not in error.message:
                raise
            raise DeploymentError(
                f"the key of {name} was removed before, and a SuperLink never takes one back",
                remedy=f"at the site, delete .zk0/sites/{name}/key, then zk0 deploy request {name}",
            ) from error

    def unregister(self, node: int) -> None:
        """Shut a client out: its next request is refused, also while it is connected."""
        self._call(self._client.UnregisterNode, UnregisterNodeRequest(node_id=node))

    def sign_off(self, name: str, key: ec.EllipticCurvePrivateKey) -> None:
        """Say for a client that was killed, with its own key, that it is gone: a SuperLink waits a minute for it.

        Its open message is answered with an error at once, and it may connect again.
        """
        node = next((one for one in self.nodes() if one.name == name and one.is_online), None)
        if node is None:
            return
        signed: list[ProtobufClientInterceptor] = [
            RuntimeVersionHttpInterceptor(component_name="SuperNode"),
            NodeAuthHttpInterceptor(key, key.public_key()),
        ]
        with FleetHttpClient.from_server_address(self.address, False, self._authority, interceptors=signed) as fleet:
            self._call(fleet.DeactivateNode, DeactivateNodeRequest(node_id=node.number))

    def admit(self, clients: Mapping[str, str]) -> None:
        """Make the registered clients these (name, public line): shut out all others, and all with another key."""
        wanted = {name: public_key_to_bytes(read_public_line(line, source=name)) for name, line in clients.items()}
        registered = self.nodes()
        for node in registered:
            if wanted.get(node.name) != node.key:
                self.unregister(node.number)
        there = {node.name for node in registered if wanted.get(node.name) == node.key}
        for name in sorted(set(wanted) - there):
            self.register(name, clients[name])

    def submit(self, files: Mapping[str, bytes], run_config: Mapping[str, Value]) -> int:
        """Submit an app, given as its files, with this run configuration, and return the run's id."""
        content, _ = build_fab_from_files(dict(files))
        fab = fab_to_proto(Fab("", content, {}))
        request = StartRunRequest(fab=fab, override_config=user_config_to_proto(dict(run_config)))
        reply = self._call(self._client.StartRun, request)
        if not reply.HasField("run_id"):
            raise DeploymentError("the SuperLink refused the app", remedy="look at its log: zk0 deploy logs superlink")
        return int(reply.run_id)

    def run(self, number: int) -> FlowerRun:
        """Return how a run stands."""
        found = self._call(self._client.ListRuns, ListRunsRequest(run_id=number)).run_dict[number]
        return FlowerRun(number, found.status.status, found.status.sub_status, found.status.details)

    def runs(self) -> list[FlowerRun]:
        """Return all runs, the newest first."""
        found = self._call(self._client.ListRuns, ListRunsRequest()).run_dict
        newest = sorted(found.items(), key=lambda item: str(item[1].pending_at), reverse=True)
        return [FlowerRun(key, one.status.status, one.status.sub_status, one.status.details) for key, one in newest]

    def stop(self, number: int) -> None:
        """Stop a run."""
        self._call(self._client.StopRun, StopRunRequest(run_id=number))

    def _call(self, method: Callable[[Any], Any], request: object) -> Any:
        try:
            return method(request)
        except httpx.HTTPStatusError as error:
            raise DeploymentError(f"the SuperLink at {self.address} refused: {_reason(error.response)}") from error
        except httpx.HTTPError as error:
            raise DeploymentError(
                f"the SuperLink at {self.address} does not answer: {error}", remedy="zk0 deploy status"
            ) from error


def is_healthy(address: str, authority: Path) -> str:
    """Return why the SuperLink at `address` can't be used by who trusts `authority`; empty where it can.

    This is the connection that a client makes: name resolution, TCP, TLS with the authority, and an HTTP answer; whose
    date tells whether the two clocks agree as far as signatures need it.
    """
    host, _, port = address.rpartition(":")
    try:
        context = ssl.create_default_context(cafile=str(authority))
        connection = http.client.HTTPSConnection(host.strip("[]"), int(port), timeout=HEALTH_SECONDS, context=context)
        try:
            connection.request("GET", "/health")
            answer = connection.getresponse()
        finally:
            connection.close()
    except ssl.SSLCertVerificationError as error:
        return f"{CERTIFICATE_REFUSED}: {error.verify_message}"
    except socket.gaierror:
        return f"the name {host} is unknown"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return str(error) or type(error).__name__
    if answer.status != http.HTTPStatus.OK:
        return f"/health answers {answer.status}"
    return clock_trouble(answer.getheader("date"), now())


def clock_trouble(date: str | None, here: datetime) -> str:
    """Return what is wrong with this machine's clock, by the Date header of a server's answer (whole seconds)."""
    if date is None:
        return ""
    ahead = (here - parsedate_to_datetime(date)).total_seconds()
    if ahead - 1 > MOST_AHEAD:  # the header may be a second behind
        return f"this machine's clock is {ahead:.0f} s ahead of the server's"
    if -ahead > MOST_BEHIND:
        return f"this machine's clock is {-ahead:.0f} s behind the server's"
    return ""


def wait_until(done: Callable[[], bool], seconds: float) -> bool:
    """Ask again and again, at most for some seconds, and return whether it came to be."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _reason(response: httpx.Response) -> str:
    try:
        content = response.json()
    except (json.JSONDecodeError, httpx.ResponseNotRead):
        return f"HTTP status {response.status_code}"
    return ". ".join(str(content[key]) for key in ("message", "detail", "public_details") if content.get(key)) or str(
        content
    )
