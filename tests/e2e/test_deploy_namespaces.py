"""Three machines, as far as one can be three: network namespaces with addresses of their own, the clients apart."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SERVER, CLIENTS = "zk0-server", {"arm-a": 1, "arm-b": 2}
PORT = "8443"
# What somebody on a client's machine may try: the interfaces that ask for no credential.
KNOCK = """
import http.client, ssl, sys
for path in ("/v1/control/list-nodes", "/v1/control/start-run", "/v1/runtime/acquire-task", "/health"):
    context = ssl.create_default_context(cafile=sys.argv[2])
    connection = http.client.HTTPSConnection(sys.argv[1], context=context, timeout=10)
    connection.request("GET" if path == "/health" else "POST", path, b"")
    print(connection.getresponse().status)
"""


def ip(*arguments):
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)


def remove():
    for name in (SERVER, *(f"zk0-{client}" for client in CLIENTS)):
        ip("netns", "del", name)


@pytest.fixture
def machines():
    """Make a namespace for the server and one for each client, which is connected with the server alone."""
    if os.getuid() != 0 or not shutil.which("ip"):
        pytest.skip("only root may make network namespaces")
    remove()
    if ip("netns", "add", SERVER).returncode:
        pytest.skip("network namespaces are not allowed here")
    ip("-n", SERVER, "link", "set", "lo", "up")
    for client, number in CLIENTS.items():
        space = f"zk0-{client}"
        ip("netns", "add", space)
        ip("-n", SERVER, "link", "add", f"to{number}", "type", "veth", "peer", "name", "eth0", "netns", space)
        for where, device, address in ((SERVER, f"to{number}", 1), (space, "eth0", 2)):
            ip("-n", where, "addr", "add", f"10.77.{number}.{address}/24", "dev", device)
            ip("-n", where, "link", "set", device, "up")
        ip("-n", space, "link", "set", "lo", "up")
    yield
    remove()


def test_the_same_commands_on_three_machines(machines, project, cache, tmp_path):
    folders = {"server": project} | {client: tmp_path / client for client in CLIENTS}
    for client in CLIENTS:
        folders[client].mkdir()
        (folders[client] / "pyproject.toml").write_text(f'[project]\nname = "{client}"\nversion = "1"\n')

    def at(machine, *command):
        done = subprocess.run(
            ["ip", "netns", "exec", f"zk0-{machine}", sys.executable, *command],
            cwd=folders[machine],
            env=os.environ | {"ZK0_CACHE": str(cache), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, (machine, command[-6:], done.stdout, done.stderr)
        print(f"{machine}$ {' '.join(command[1:])}\n{done.stderr}{done.stdout}")  # noqa: T201  the log in docs/deployment.md
        return done.stdout

    def zk0(machine, *arguments):
        return at(machine, "-m", "zk0", "deploy", *arguments)

    names = [argument for number in CLIENTS.values() for argument in ("--name", f"10.77.{number}.1")]
    try:
        zk0("server", "up", "--host", "0.0.0.0", "--port", PORT, *names, "--yes")
        for client, number in CLIENTS.items():
            zk0(client, "request", client)
            shutil.move(folders[client] / f"{client}.request.json", project)
            zk0("server", "approve", f"{client}.request.json")
            zk0("server", "kit", client, "--server", f"10.77.{number}.1:{PORT}")
            shutil.move(project / f"{client}.kit.json", folders[client])
            zk0(client, "join", f"{client}.kit.json", "--data", "sim:lift-left")

        found = json.loads(zk0("server", "prove", "--json"))["data"]

        assert set(found["clients"]) == set(CLIENTS)
        authority = Path(".zk0/sites/arm-a/ca.crt")
        assert at("arm-a", "-c", KNOCK, f"10.77.1.1:{PORT}", str(authority)).split() == ["403", "403", "403", "200"]
    finally:
        for client in CLIENTS:
            zk0(client, "leave", client)
        zk0("server", "down")
