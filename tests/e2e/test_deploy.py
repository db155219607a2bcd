"""The deployment as a user has it: workflows, `zk0 deploy`, and nothing left at the end."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from zk0.federation.deployment.programs import MARK

pytestmark = pytest.mark.slow

SMALL = ("-i", "clients=2", "-i", "rounds=2", "-i", "local_steps=10", "-i", "episodes=4")


def left_of(project: Path) -> list[list[str]]:
    """Return the commands of programs of deployments in a project."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK, "").startswith(str(project)) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.cmdline())
        except psutil.Error:
            continue
    return found


def test_the_workflow_deploys_proves_trains_and_leaves_nothing(project, zk0):
    done = zk0("run", "deploy", "-i", "clients=4", "-i", "rounds=2", "--json", timeout=900)

    assert done.returncode == 0, done.stdout + done.stderr
    steps = {step["id"]: step for step in json.loads(done.stdout)["data"]["steps"]}
    assert steps["exposure"]["status"] == "skipped"
    assert steps["health_checks"]["verdict"] == "pass"
    assert steps["shutdown"]["verdict"] == "pass"
    assert left_of(project) == []
    [ledger] = (project / ".zk0/runs").rglob("federation/ledger.jsonl")
    assert "PRIVATE KEY" not in "".join(
        path.read_text(errors="replace") for path in (project / ".zk0/runs").rglob("*") if path.is_file()
    )
    events = map(json.loads, ledger.read_text().splitlines())
    assert [len(event["accepted"]) for event in events if event["event"] == "aggregation"] == [4, 4]


def test_beyond_this_machine_a_person_decides_first(project, zk0):
    done = zk0("run", "deploy", *SMALL, "-i", "host=0.0.0.0", "-i", "names=fl.example.org")

    assert done.returncode == 3, done.stdout + done.stderr
    assert "0.0.0.0" in next((project / ".zk0/runs").rglob("handover.md")).read_text()
    assert left_of(project) == []


def test_a_deployment_from_up_to_down(project, zk0):
    """One client here, one whose key comes by a request, as from another machine."""
    up = zk0("deploy", "up", "--data", "arm-a=sim:lift-left", "--json")
    assert up.returncode == 0, up.stderr
    address = json.loads(up.stdout)["data"]["address"]
    try:
        for command in (
            ("deploy", "request", "arm-b"),
            ("deploy", "approve", "arm-b.request.json"),
            ("deploy", "kit", "arm-b"),
            ("deploy", "join", "arm-b.kit.json", "--data", "sim:touch-far"),
            ("deploy", "add-client", "arm-c", "--data", "sim:lift-right"),
        ):
            done = zk0(*command)
            assert done.returncode == 0, (command, done.stderr)
        assert (project / "deployment/clients/arm-b.pub").is_file()

        status = json.loads(zk0("deploy", "status", "--json").stdout)["data"]
        assert {client["name"]: client["status"] for client in status["clients"]} == {
            "arm-a": "online",
            "arm-b": "online",
            "arm-c": "online",
        }
        assert status["trouble"] == ""
        assert "zk0_clients_online 3" in zk0("deploy", "status", "--metrics").stdout

        done = zk0("deploy", "remove-client", "arm-b")
        assert done.returncode == 0, done.stderr
        assert not (project / "deployment/clients/arm-b.pub").exists()
        done = zk0("deploy", "rotate", "--name", "fl.example.org")
        assert done.returncode == 0, done.stderr
        status = json.loads(zk0("deploy", "status", "--json").stdout)["data"]
        assert [client["name"] for client in status["clients"] if client["status"] == "online"] == ["arm-a", "arm-c"]
    finally:
        zk0("deploy", "leave", "arm-b")
        down = zk0("deploy", "down")

    assert down.returncode == 0, down.stderr
    assert left_of(project) == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) != 0


def test_server_and_client_are_set_up_each_in_its_own_project(project, zk0, cache, tmp_path):
    """The two workflows meet over TLS; only a request and a kit travel."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "pyproject.toml").write_text('[project]\nname = "site"\nversion = "1"\n')
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    def at(place, *arguments):
        return subprocess.Popen(
            [sys.executable, "-m", "zk0", *arguments],
            cwd=place,
            env=os.environ | {"ZK0_CACHE": str(cache), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def end_of(program):
        out, _ = program.communicate(timeout=600)
        return program.returncode, out

    assert end_of(at(site, "deploy", "request", "arm-b"))[0] == 0
    (site / "arm-b.request.json").rename(project / "arm-b.request.json")
    assert zk0("deploy", "approve", "arm-b.request.json").returncode == 0
    assert zk0("deploy", "kit", "arm-b", "--server", f"127.0.0.1:{port}").returncode == 0
    (project / "arm-b.kit.json").rename(site / "arm-b.kit.json")
    small = ("-i", "rounds=1", "-i", "local_steps=4", "-i", "batch_size=8", "-i", "episodes=4", "-i", "unseen=")
    server = at(project, "run", "server-setup", "-i", "clients=arm-b", "-i", f"port={port}", *small)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.3)
    kit = ("-i", "kit=arm-b.kit.json", "-i", "name=arm-b", "-i", "data=sim:lift-left", "-i", "episodes=4")
    try:
        status, out = end_of(at(site, "run", "client-setup", *kit, "-i", "batch_size=8", "-i", "replies=3"))
        assert status == 0, out
        status, out = end_of(server)
        assert status == 0, out
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
        end_of(at(site, "deploy", "leave", "arm-b"))
        zk0("deploy", "down")

    [ledger] = (project / ".zk0/runs").rglob("federation/ledger.jsonl")
    events = map(json.loads, ledger.read_text().splitlines())
    [aggregation] = [event for event in events if event["event"] == "aggregation"]
    assert [one["client"] for one in aggregation["accepted"]] == ["arm-b"]
    assert not [path for path in project.rglob("*key") if "arm-b" in str(path)]
    assert left_of(project) == left_of(site) == []
