import pytest

from zk0.federation.deployment.superlink import is_allowed

LOCAL, OTHER = ("127.0.0.1", 1), ("192.0.2.7", 1)


@pytest.mark.parametrize(
    ("path", "client", "allowed"),
    [
        ("/v1/fleet/pull-messages", OTHER, True),
        ("/health", OTHER, True),
        ("/v1/control/start-run", OTHER, False),
        ("/v1/control/register-node", OTHER, False),
        ("/v1/runtime/acquire-task", OTHER, False),
        ("/docs", OTHER, False),
        ("/v1/control/start-run", None, False),
        ("/v1/control/start-run", LOCAL, True),
        ("/v1/control/start-run", ("::1", 1), True),
        ("/v1/runtime/acquire-task", LOCAL, True),
    ],
)
def test_other_machines_reach_the_clients_interface_alone(path, client, allowed):
    assert is_allowed(path, client) is allowed
