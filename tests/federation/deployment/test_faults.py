"""What can go wrong with a deployment, on real ones: each fault ends with the part, the cause and the remedy named.

One SuperLink serves most tests; its two clients are started anew with the fault that a test gives them.
"""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from zk0.core.errors import CertificateError, DeploymentError, RoundFailedError
from zk0.federation.configuration import Client
from zk0.federation.deployment import authority
from zk0.federation.deployment import deployment as deployment_module
from zk0.federation.deployment.control import Control, is_healthy, wait_until
from zk0.federation.deployment.deployment import Deployment
from zk0.federation.deployment.operations import admit, start, take_down
from zk0.federation.deployment.programs import SUPERLINK, running
from zk0.federation.deployment.training import train
from zk0.ledger import Ledger, read_ledger

from .conftest import small_app

pytestmark = pytest.mark.slow

NAMES = ("arm-a", "arm-b")


class Fleet:
    """A deployment whose two clients do what a test says."""

    def __init__(self, folder: Path) -> None:
        self.deployment = Deployment(folder, preload="")
        start(self.deployment, {}, [Client(place, name, "well") for place, name in enumerate(NAMES)], print)
        self.behaviour = dict.fromkeys(NAMES, "well")
        self.notes: list[str] = []

    def behave(self, **wanted: str) -> None:
        """Make each client do this, starting again those that are dead or do something else."""
        for place, name in enumerate(NAMES):
            behaviour = wanted.get(name.replace("-", "_"), "well")
            if behaviour != self.behaviour[name] or not self.deployment.is_alive(name):
                self.deployment.end_part(name)
                assert wait_until(lambda name=name: name not in self.online(), 90)  # a minute, if it was killed
                self.deployment.start_client(Client(place, name, behaviour))
                self.behaviour[name] = behaviour
        self.deployment.wait_for(NAMES)
        self.deployment.starts = dict.fromkeys(self.deployment.starts, 1)

    def online(self) -> set[str]:
        """Return the clients that the SuperLink takes for connected."""
        with self.deployment.control() as control:
            return {node.name for node in control.nodes() if node.is_online}

    def train(self, config: dict[str, Any]) -> Ledger:
        """Train and return the ledger."""
        self.notes.clear()
        train(self.deployment, config, lambda done, total, note: self.notes.append(note), app=small_app)
        return read_ledger(Path(config["output"]) / "ledger.jsonl")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    made = Fleet(tmp_path_factory.mktemp("fleet"))
    yield made
    take_down(made.deployment)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("nan@1", "tensor a has 1 values that are not finite"),
        ("shape@1", "tensor b is (3,) float32, not (4,) float32"),
        ("dtype@1", "tensor a is (2, 3) float64, not (2, 3) float32"),
        ("raise@1", "the camera is gone"),
    ],
)
def test_a_bad_reply_is_refused_with_client_and_reason_and_the_round_goes_on(fleet, small_config, fault, reason):
    fleet.behave(arm_b=fault)

    ledger = fleet.train(small_config(rounds=1))

    [aggregation] = ledger.aggregations
    assert [one.client for one in aggregation.accepted] == ["arm-a"]
    [rejected] = aggregation.rejected
    assert rejected.client == "arm-b"
    assert reason in rejected.reason


def test_a_slow_client_is_named_and_the_round_ends_at_its_limit(fleet, small_config):
    fleet.behave(arm_b="slow@1")

    ledger = fleet.train(small_config(rounds=1, round_seconds=20.0))

    [aggregation] = ledger.aggregations
    assert [(one.client, one.reason) for one in aggregation.rejected] == [("arm-b", "no reply in 20 s")]
    assert aggregation.resources.seconds < 20 + 30


def test_a_client_that_dies_in_a_round_is_started_again_for_the_next(fleet, small_config):
    fleet.behave(arm_b="die@1")
    fleet.deployment.clients["arm-b"] = Client(1, "arm-b", "well")  # what it does when it is started again

    ledger = fleet.train(small_config(rounds=10, round_seconds=25.0))

    fleet.behaviour["arm-b"] = "well"
    assert [len(one.accepted) for one in ledger.aggregations][:1] == [1]
    assert len(ledger.aggregations[-1].accepted) == 2
    assert any("arm-b" in note for note in fleet.notes)


def test_if_all_clients_die_the_run_stops_and_names_them(fleet, small_config):
    fleet.behave(arm_a="die@2", arm_b="die@2")

    with pytest.raises(RoundFailedError, match=r"round 2 has no valid reply \(arm-a: .*arm-b: ") as caught:
        fleet.train(small_config(round_seconds=25.0))

    assert "resume=true" in caught.value.remedy
    output = small_config()["output"]
    assert [one.round for one in read_ledger(Path(output) / "ledger.jsonl").aggregations if one.accepted] == [1]


def test_a_superlink_that_is_killed_comes_back_and_no_accepted_round_is_lost(fleet, small_config):
    fleet.behave()
    killed = []

    def kill_after_round_one(done, total, note):
        fleet.notes.append(note)
        if note.startswith("round 1") and not killed:
            killed.append(fleet.deployment.children[SUPERLINK].pid)
            os.kill(killed[0], signal.SIGKILL)

    config = small_config(rounds=3)
    train(fleet.deployment, config, kill_after_round_one, app=small_app)

    rounds = read_ledger(Path(config["output"]) / "ledger.jsonl").aggregations
    assert [one.round for one in rounds] == [1, 2, 3]
    assert [one.digest_in for one in rounds[1:]] == [one.digest_out for one in rounds[:-1]]
    assert any("going on" in note for note in fleet.notes)


def test_a_server_app_that_fails_says_why(fleet, small_config):
    fleet.behave()

    with pytest.raises(RoundFailedError, match="the server has no policy"):
        fleet.train(small_config(unseen="never"))


def test_a_server_app_that_never_starts_is_found_while_all_health_is_green(fleet, monkeypatch):
    fleet.behave()
    for process in running(fleet.deployment.mark, SUPERLINK):
        if "flower-superexec" in " ".join(process.cmdline()):
            process.kill()
    monkeypatch.setattr("zk0.federation.deployment.canary.START_SECONDS", 10.0)
    assert is_healthy(fleet.deployment.address, fleet.deployment.certificate) == ""

    with pytest.raises(DeploymentError, match="the ServerApp does not start") as caught:
        fleet.deployment.prove(NAMES)

    assert caught.value.remedy == "zk0 deploy logs superlink"
    fleet.deployment.end_part(SUPERLINK)
    fleet.deployment.start_superlink()


def test_a_client_that_is_removed_is_shut_out_at_once_and_the_others_go_on(fleet, small_config):
    fleet.behave()
    with fleet.deployment.control() as control:
        [node] = [one for one in control.nodes() if one.name == "arm-b"]
        control.unregister(node.number)

        assert wait_until(lambda: not fleet.deployment.is_alive("arm-b"), 60)
        assert [one.name for one in control.nodes() if one.is_online] == ["arm-a"]
    fleet.deployment.start_client(fleet.deployment.clients["arm-b"])
    with pytest.raises(DeploymentError, match=r"client arm-b .*: its key is not registered"):
        fleet.deployment.wait_for(NAMES)
    with pytest.raises(DeploymentError, match="the key of arm-b was removed before"):
        admit(fleet.deployment, {})
    (fleet.deployment.folder / "clients" / "arm-b" / "key").unlink()
    admit(fleet.deployment, {})
    fleet.behave()


def test_from_another_address_clients_reach_the_fleet_interface_alone(fleet, tmp_path):
    import http.client
    import ssl

    address = next(
        (
            one.address
            for addresses in psutil.net_if_addrs().values()
            for one in addresses
            if one.family == socket.AF_INET and not one.address.startswith("127.")
        ),
        None,
    )
    if address is None:
        pytest.skip("this machine has no address but loopback")
    outside = Deployment(tmp_path / "outside", host="0.0.0.0", names=(address,))
    outside.secure()
    try:
        outside.start_superlink()
        context = ssl.create_default_context(cafile=str(outside.certificate))

        def ask(host, path):
            connection = http.client.HTTPSConnection(host, outside.port, context=context, timeout=10)
            connection.request("POST", path, b"", {"content-type": "application/x-protobuf"})
            status = connection.getresponse().status
            connection.close()
            return status

        assert ask(address, "/v1/control/list-nodes") == 403
        assert ask(address, "/v1/control/register-node") == 403
        assert ask(address, "/v1/runtime/acquire-task") == 403
        assert ask("127.0.0.1", "/v1/control/list-nodes") != 403
        assert ask(address, "/v1/fleet/pull-messages") not in (200, 403)  # without a signature
        with (
            pytest.raises(DeploymentError, match="refused"),
            Control(f"{address}:{outside.port}", outside.certificate) as control,
        ):
            control.nodes()
    finally:
        take_down(outside)


@pytest.fixture
def apart(tmp_path, fleet) -> Callable[..., DeploymentError]:
    """Return a function that starts a SuperNode against the fleet's SuperLink, and gives the error it ends in."""

    def connect(certificate: Path | None = None, address: str | None = None) -> DeploymentError:
        site = Deployment(tmp_path / "site", port=fleet.deployment.port, preload="")
        site.folder.mkdir(parents=True, exist_ok=True)
        site.authority.mkdir(parents=True, exist_ok=True)
        shutil.copy(certificate or fleet.deployment.certificate, site.certificate)
        if address:
            site.host, _, port = address.rpartition(":")
            site.port = int(port)
        site.key_of("arm-c")
        site.start_client(Client(2, "arm-c", "well"))
        try:
            with fleet.deployment.control() as control:

                def settled() -> bool:
                    there = {one.name for one in control.nodes() if one.is_online}
                    return "arm-c" in there or not site.is_alive("arm-c") or bool(site.reason("arm-c").message)

                assert wait_until(settled, 30)
                assert "arm-c" not in {one.name for one in control.nodes()}
            return site.broken("arm-c", "does not connect")
        finally:
            take_down(site)

    return connect


def test_an_unregistered_key_is_refused_and_named(apart):
    error = apart()

    assert "its key is not registered" in error.message
    assert "zk0 deploy approve" in error.remedy


def test_a_client_with_another_authority_is_told_so(apart, tmp_path):
    error = apart(certificate=authority.create_authority(tmp_path / "other"))

    assert "the server's certificate is of another authority" in error.message
    assert "zk0 deploy kit" in error.remedy


def test_an_unknown_server_name_is_told_apart(apart):
    error = apart(address="no-such-host.invalid:8000")

    assert "the name no-such-host.invalid is unknown" in error.message


def test_a_server_that_is_not_there_is_told_apart(apart):
    error = apart(address=f"127.0.0.1:{deployment_module.free_port()}")

    assert "the server can't be reached" in error.message


@pytest.mark.parametrize(
    ("hosts", "days", "found"),
    [
        (["other.example.org"], 10, "names another host"),
        ([], 10, "names another host"),
        (["127.0.0.1", "localhost"], -1, "expired"),
    ],
)
def test_a_certificate_that_does_not_fit_is_told_before_anything_waits(tmp_path, monkeypatch, hosts, days, found):
    monkeypatch.setattr(deployment_module, "READY_SECONDS", 25.0)
    other = Deployment(tmp_path / "other")
    other.secure()
    authority.issue_server_certificate(other.authority, hosts, days=days)
    if days < 0:
        with pytest.raises(CertificateError, match="expired"):
            other.secure()
    try:
        with pytest.raises(DeploymentError, match=found) as caught:
            other.start_superlink()
        assert "zk0 deploy rotate" in caught.value.remedy
    finally:
        take_down(other)


def test_a_port_that_is_taken_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        other = Deployment(tmp_path / "other", port=server.getsockname()[1])
        other.secure()
        try:
            with pytest.raises(DeploymentError, match="its port is taken") as caught:
                other.start_superlink()
            assert "--port" in caught.value.remedy
        finally:
            take_down(other)


def test_a_full_disk_on_the_server_stops_the_run_and_is_named(fleet, small_config, tmp_path):
    fleet.behave()
    full = tmp_path / "full"
    full.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(full)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may make a small disk")
    try:
        with pytest.raises(RoundFailedError, match="No space left on device"):
            fleet.train(small_config(rounds=4, output=str(full)))
    finally:
        subprocess.run(["umount", str(full)], check=True)


def test_a_second_program_with_the_key_of_a_client_is_refused(fleet, tmp_path):
    fleet.behave()
    second = Deployment(tmp_path / "second", port=fleet.deployment.port, preload="")
    for name in ("authority", "clients"):
        shutil.copytree(fleet.deployment.folder / name, second.folder / name)
    second.start_client(Client(1, "arm-b", "well"))
    try:
        assert wait_until(lambda: not second.is_alive("arm-b"), 60)
        assert "in use by another program" in second.broken("arm-b", "ended").message
        assert fleet.online() == set(NAMES)
    finally:
        take_down(second)
