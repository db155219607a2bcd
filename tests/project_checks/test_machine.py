import os
import socket
import stat

from zk0.project_checks.machine import _wanted_gpu


def test_memory_and_disk_are_compared_with_what_is_wanted(small):
    assert small.verdicts("machine.memory", gib=0.01) == {"pass"}
    assert small.verdicts("machine.memory", gib=10**6) == {"fail"}
    assert small.verdicts("machine.disk", gib=0.0001) == {"pass"}
    assert small.verdicts("machine.disk", gib=10**9) == {"fail"}


def test_a_gpu_of_a_federation_that_is_not_used_is_not_asked_for(small):
    federations = "[tool.flwr.federations]\ndefault = '{}'\n[tool.flwr.federations.cpu]\noptions.num-gpus = 0.0\n"
    federations += "[tool.flwr.federations.gpu]\noptions.num-gpus = 0.25\n"

    assert _wanted_gpu(small.write({"pyproject.toml": federations.format("cpu")}).project) is None
    assert _wanted_gpu(small.write({"pyproject.toml": federations.format("gpu")}).project) == "num-gpus = 0.25"


def gpu(tmp_path, monkeypatch, script: str) -> None:
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


def test_a_gpu_is_judged_by_its_memory(small, tmp_path, monkeypatch):
    gpu(tmp_path, monkeypatch, "echo 'NVIDIA H100, 81559'")

    [finding] = small.ask("machine.accelerator")

    assert (finding.verdict, finding.message) == ("pass", "79.6 GiB of memory of NVIDIA H100, 8 wanted")
    assert small.verdicts("machine.accelerator", gib=100) == {"fail"}


def test_a_gpu_without_its_driver_fails(small, tmp_path, monkeypatch):
    gpu(tmp_path, monkeypatch, "echo 'no driver'; exit 9")

    assert small.ask("machine.accelerator")[0].message == "nvidia-smi finds no GPU: no driver"


def test_this_machine_reaches_itself(small):
    [finding] = small.ask("network.loopback")

    assert finding.verdict == "pass"
    assert finding.evidence[0].unit == "ms"


def test_the_server_that_the_project_names_is_reached_or_not(small):
    assert small.verdicts("network.server") == {"not-applicable"}

    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        small.write({"pyproject.toml": f'[tool.flwr.federations.remote]\naddress = "{address}"\n'})
        assert small.verdicts("network.server") == {"pass"}

    assert small.verdicts("network.server") == {"fail"}
    assert small.verdicts("network.server", address="nowhere") == {"fail"}
