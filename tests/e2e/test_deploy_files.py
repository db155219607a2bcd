"""What `zk0 deploy files` writes is valid, and the command lines in it come up and end as a service manager expects."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from zk0.core.ports import free_port
from zk0.federation.configuration import Client
from zk0.federation.deployment.admission import CLIENTS, admitted, approve, create_kit, create_request
from zk0.federation.deployment.deployment import Deployment
from zk0.federation.deployment.programs import running
from zk0.federation.deployment.site import Site

pytestmark = pytest.mark.slow


@pytest.fixture
def deployed(project):
    """Return the project of a server with one client here, and of a client from elsewhere; nothing of it runs."""
    deployment = Deployment(
        project / ".zk0/deployment", port=free_port(), clients={"arm-a": Client(0, "arm-a", "well")}
    )
    deployment.secure()
    deployment.save()
    site = Site(project / ".zk0/sites/arm-b")
    approve(create_request("arm-b", site.key), project / CLIENTS)
    create_kit("arm-b", deployment.address, deployment.certificate, admitted(project / CLIENTS)).save(site.kit)
    (site.folder / "ca.crt").write_bytes(deployment.certificate.read_bytes())
    (site.folder / "data").write_text("well")
    return project


def left_of(project: Path) -> list[list[str]]:
    """Return the commands of the programs of a project's deployment and sites."""
    places = (project / ".zk0/deployment", project / ".zk0/sites/arm-b")
    return [process.cmdline() for place in places for process in running(str(place.resolve()))]


class Running:
    """A unit's ExecStart, started with nothing but what the unit gives."""

    def __init__(self, unit: Path, said: str) -> None:
        lines = [line.partition("=") for line in unit.read_text().splitlines() if "=" in line and line[0] != "#"]
        settings = [(name, value) for name, _, value in lines]
        [command] = [shlex.split(value) for name, value in settings if name == "ExecStart"]
        [directory] = [value for name, value in settings if name == "WorkingDirectory"]
        given = dict(shlex.split(value)[0].split("=", 1) for name, value in settings if name == "Environment")
        assert Path(command[0]).is_absolute()
        self.log = unit.with_suffix(".log")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=directory,
                env={"PATH": os.defpath, "HOME": os.environ["HOME"]} | given,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.wait_for(said)

    def wait_for(self, said: str) -> None:
        deadline = time.monotonic() + 180
        while said not in self.log.read_text():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.2)


def healthy(compose: Path, service: str) -> bool:
    """Run the health check of a service, with this Python in place of the image's."""
    _, python, *arguments = YAML(typ="safe").load(compose)["services"][service]["healthcheck"]["test"]
    assert python == "python"
    return subprocess.run([sys.executable, *arguments], capture_output=True, check=False).returncode == 0


def test_the_units_commands_come_up_prove_themselves_and_end_without_a_trace(deployed, zk0):
    written = zk0("deploy", "files", "-o", "service")
    assert written.returncode == 0, written.stderr
    folder = deployed / "service"
    assert sorted(path.name for path in folder.iterdir()) == [
        "compose.yaml",
        "zk0-alerts.yaml",
        "zk0-project-client-arm-b.service",
        "zk0-project-server.service",
    ]
    assert "PRIVATE KEY" not in "".join(path.read_text() for path in folder.iterdir())
    programs = []
    try:
        assert not healthy(folder / "compose.yaml", "server")
        server = Running(folder / "zk0-project-server.service", "1 clients connected")
        programs.append(server.process)
        client = Running(folder / "zk0-project-client-arm-b.service", "arm-b is connected to")
        programs.append(client.process)
        assert healthy(folder / "compose.yaml", "server")
        assert healthy(folder / "compose.yaml", "client-arm-b")
        proved = zk0("deploy", "prove", "--json")
        assert proved.returncode == 0, proved.stderr
        assert sorted(json.loads(proved.stdout)["data"]["clients"]) == ["arm-a", "arm-b"]

        assert zk0("deploy", "leave", "arm-b").returncode == 0
        assert client.process.wait(30) == 0, client.log.read_text()
        assert running(str((deployed / ".zk0/sites/arm-b").resolve())) == []

        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0, server.log.read_text()
        print(f"ended in {time.monotonic() - began:.1f} s")  # noqa: T201
        assert left_of(deployed) == []
    finally:
        for program in programs:
            program.kill()
            program.wait()
        zk0("deploy", "leave", "arm-b")
        zk0("deploy", "down")
    assert left_of(deployed) == []
