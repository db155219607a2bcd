"""Units and Compose files say what the deployment is, also with odd names, and publish and mount nothing more."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field
from ruamel.yaml import YAML

from zk0.core.errors import DeploymentError, InputError
from zk0.core.process import find_program
from zk0.federation.configuration import Client
from zk0.federation.deployment.deployment import Deployment
from zk0.federation.deployment.service_files import render_compose, render_unit, services_of, unit_name


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Bind(Strict):
    type: Literal["bind"]
    source: str
    target: str
    read_only: bool = False


class Port(Strict):
    target: int
    published: str
    protocol: Literal["tcp"]


class Healthcheck(Strict):
    test: Annotated[list[str], Field(min_length=2)]
    interval: str
    timeout: str
    retries: int
    start_period: str


class ComposeService(Strict):
    """What the Compose specification allows of what is rendered, no more."""

    image: str
    entrypoint: list[str]
    command: list[str]
    user: str = Field(pattern=r"^\d+:\d+$")
    working_dir: str
    environment: dict[str, str]
    volumes: list[Bind]
    ports: list[Port] = []
    init: Literal[True]
    read_only: Literal[True]
    tmpfs: list[str]
    cap_drop: list[str]
    security_opt: list[str]
    restart: Literal["on-failure"]
    stop_signal: Literal["SIGTERM"]
    stop_grace_period: str
    healthcheck: Healthcheck


class ComposeFile(Strict):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    services: dict[str, ComposeService]


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "My $robot's 100% project"
    root.mkdir()
    return root


def services(root, **record):
    """Return the services of a project with this deployment."""
    folder = root / ".zk0" / "deployment"
    folder.mkdir(parents=True)
    Deployment(folder, **{"port": 8443} | record).save()
    return services_of(root, folder, root / ".zk0" / "sites")


def compose_of(root, found):
    return ComposeFile.model_validate(YAML(typ="safe").load(render_compose(found, root)))


def settings(unit):
    pairs = [line.partition("=") for line in unit.splitlines() if "=" in line and not line.startswith("#")]
    return {name: value for name, _, value in pairs}


def unescaped(text):
    return text.replace("%%", "%").replace("$$", "$")


def test_a_deployment_on_loopback_publishes_no_port(project):
    [server] = compose_of(project, services(project)).services.values()

    assert server.ports == []
    assert [bind.source.replace("$$", "$") for bind in server.volumes] == [str(project)]


def test_the_port_that_was_asked_for_is_the_only_one(project):
    found = services(project, host="0.0.0.0", names=("fl.example.org",))

    [server] = compose_of(project, found).services.values()

    assert [(port.target, port.published) for port in server.ports] == [(8443, "8443")]
    assert server.command[:8] == ["deploy", "up", "--foreground", "--host", "0.0.0.0", "--port", "8443", "--name"]
    assert server.command[8:] == ["fl.example.org", "--yes"]


def test_data_outside_of_the_project_is_mounted_read_only(project):
    clients = {
        "arm-a": Client(0, "arm-a", "/data/cups and $plates"),
        "arm-b": Client(1, "arm-b", f"{project}/data"),
        "lift-left": Client(2, "lift-left", "sim:lift-left"),
    }

    [server] = compose_of(project, services(project, clients=clients)).services.values()

    assert [(bind.source, bind.read_only) for bind in server.volumes[1:]] == [("/data/cups and $$plates", True)]


@pytest.mark.parametrize("system", [True, False])
def test_a_unit_runs_the_same_command_in_the_project(project, system):
    clients = {"arm-a": Client(0, "arm-a", "/data/cups and $plates")}
    [server] = services(project, clients=clients)

    unit = settings(render_unit(server, project, system=system))

    command = [unescaped(word) for word in shlex.split(unit["ExecStart"])]
    assert Path(command[0]).is_file()
    assert command[1:3] == ["-m", "zk0"]
    assert command[3:] == list(server.arguments)
    assert command[-1] == "arm-a=/data/cups and $plates"
    assert unescaped(unit["WorkingDirectory"]) == str(project)
    assert ("User" in unit, unit["WantedBy"]) == (system, "multi-user.target" if system else "default.target")
    hardened = {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "Restart": "on-failure", "KillMode": "mixed"}
    assert hardened.items() <= unit.items()
    assert unit_name(server, project) == "zk0-my-robot-s-100-project-server.service"


def test_a_private_tmp_does_not_hide_a_project_that_lies_there(project):
    [server] = services(project)

    assert settings(render_unit(server, Path("/tmp/here"), system=True))["PrivateTmp"] == "no"
    assert settings(render_unit(server, Path("/srv/here"), system=True))["PrivateTmp"] == "yes"


def test_what_a_unit_carries_of_the_environment_is_no_secret(project, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("ZK0_CACHE", "/var/cache/my models")
    [server] = services(project)

    unit = render_unit(server, project, system=True)

    assert 'Environment="ZK0_CACHE=/var/cache/my models"' in unit
    assert 'ReadWritePaths="-/var/cache/my models"' in unit
    assert "hf_secret" not in unit + render_compose([server], project)


def test_a_name_that_would_add_a_line_to_a_unit_is_refused(project):
    [server] = services(project)

    with pytest.raises(InputError, match="can't stand in a unit"):
        render_unit(server, Path("/srv/here\nExecStartPre=/bin/sh"), system=True)


def test_without_a_deployment_there_is_nothing_to_write(tmp_path):
    with pytest.raises(DeploymentError, match="nothing was deployed") as caught:
        services_of(tmp_path, tmp_path / "deployment", tmp_path / "sites")

    assert "zk0 deploy up" in caught.value.remedy


@pytest.mark.skipif(not find_program("check-jsonschema"), reason="check-jsonschema, with Compose's schema, is not here")
def test_the_compose_file_keeps_the_official_schema(project, tmp_path):
    found = services(project, host="0.0.0.0", names=("fl.example.org",), clients={"a": Client(0, "a", "/data/a")})
    path = tmp_path / "compose.yaml"

    def check(text):
        path.write_text(text)
        argv = [find_program("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(path)]
        return subprocess.run(argv, capture_output=True, check=False).returncode

    text = render_compose(found, project)
    assert check(text) == 0
    assert check(text.replace("cap_drop", "cap_drops")) != 0


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not on this machine")
@pytest.mark.parametrize("system", [True, False])
def test_systemd_finds_no_fault_with_a_unit_also_with_odd_names(project, system):
    [server] = services(project, clients={"arm-a": Client(0, "arm-a", "/data/cups and $plates")})
    path = project.parent / unit_name(server, project)

    def verify(text):
        path.write_text(text)
        argv = ["systemd-analyze", "verify", *([] if system else ["--user"]), path]
        variables = os.environ | {"XDG_RUNTIME_DIR": str(project)}
        done = subprocess.run(argv, capture_output=True, text=True, env=variables, check=False)
        return done.returncode, [line for line in done.stderr.splitlines() if path.name in line]

    unit = render_unit(server, project, system=system)
    assert verify(unit) == (0, [])
    assert "KilMode" in verify(unit.replace("KillMode", "KilMode"))[1][0]
