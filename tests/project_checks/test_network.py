import socket


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
