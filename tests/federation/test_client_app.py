import pytest
from flwr.app import Context, RecordDict

from zk0.core.errors import ConfigurationError
from zk0.federation.client_app import _client_at
from zk0.federation.configuration import resolve


def context(**node_config):
    return Context(run_id=1, node_id=2, node_config=node_config, state=RecordDict(), run_config={})


CONFIG = resolve({"data": "arm-a=/data/a;/data/b"})


def test_a_node_gets_the_data_set_of_its_partition():
    assert _client_at(context(**{"partition-id": 0}), CONFIG) == (0, "arm-a", "/data/a")
    assert _client_at(context(**{"partition-id": 1}), CONFIG) == (1, "b", "/data/b")


def test_a_nodes_own_data_set_comes_before_the_runs_list():
    found = _client_at(context(**{"partition-id": 0, "dataset": "/mine", "name": "me"}), CONFIG)

    assert found == (0, "me", "/mine")


def test_two_nodes_never_share_a_data_set_unawares():
    with pytest.raises(ConfigurationError, match="node 2 has no data set"):
        _client_at(context(**{"partition-id": 2}), CONFIG)
