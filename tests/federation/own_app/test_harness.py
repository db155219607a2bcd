"""What passes between a server and its clients is written down, whichever of Flower's ways they speak."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from zk0.federation.own_app import harness
from zk0.federation.own_app.observations import Observed

LEGACY_SERVER = """
import numpy as np
from flwr.common import ndarrays_to_parameters
from flwr.server import ServerApp, ServerAppComponents, ServerConfig
from flwr.server.strategy import FedAvg

def server_fn(context):
    start = ndarrays_to_parameters([np.zeros(3)])
    return ServerAppComponents(strategy=FedAvg(initial_parameters=start), config=ServerConfig(num_rounds=2))

app = ServerApp(server_fn=server_fn)
"""
LEGACY_CLIENT = """
from flwr.client import ClientApp, NumPyClient

class Client(NumPyClient):
    def __init__(self, partition):
        self.partition = partition
    def fit(self, parameters, config):
        return [parameters[0] + 0.1 * (self.partition + 1)], 10 * (self.partition + 1), {"train_loss": 1.0}
    def evaluate(self, parameters, config):
        return float(1 / (1 + parameters[0].sum())), 5, {}

app = ClientApp(client_fn=lambda context: Client(context.node_config["partition-id"]).to_client())
"""
# A server of its own making: no strategy, no number of a round, and replies asked for later.
BARE_SERVER = """
import numpy as np
from flwr.app import ArrayRecord, Message, RecordDict
from flwr.serverapp import ServerApp

app = ServerApp()

@app.main()
def main(grid, context):
    arrays = ArrayRecord([np.zeros(2)])
    for _ in range(2):
        content = RecordDict({"arrays": arrays})
        sent = grid.push_messages(Message(content, node, "train") for node in grid.get_node_ids())
        replies = list(grid.pull_messages(sent))
        assert len(replies) == 2
        arrays = replies[0].content["arrays"]
"""
BARE_CLIENT = """
import numpy as np
from flwr.app import ArrayRecord, Message, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()

@app.train()
def train(message, context):
    [weights] = message.content["arrays"].to_numpy_ndarrays()
    message.content["arrays"] = ArrayRecord([weights + 1])  # of a message that other clients get, too
    return Message(message.content, reply_to=message)
"""


@pytest.fixture
def observe(tmp_path):
    """Run an app of two modules, and return what was observed, and the process."""

    def run(server: str, client: str):
        root = tmp_path / "app"
        root.mkdir()
        (root / "server.py").write_text(server)
        (root / "client.py").write_text(client)
        plan = {"root": str(root), "events": str(tmp_path / "events"), "config": {}, "clients": 2}
        file = tmp_path / "plan.json"
        file.write_text(json.dumps({**plan, "serverapp": "server:app", "clientapp": "client:app"}))
        command = [sys.executable, "-P", harness.__file__, str(file)]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
        return Observed.read(tmp_path / "events"), done

    return run


def test_clients_and_strategies_of_the_older_kind_are_observed(observe):
    found, done = observe(LEGACY_SERVER, LEGACY_CLIENT)

    assert (found.ended, found.rounds, found.clients) == (True, [1, 2], 2), done.stderr
    trained = [one for one in found.messages if one["kind"] == "train"]
    assert sorted(one["reply"]["examples"] for one in trained) == [10, 10, 20, 20]
    assert {one["reply"]["values"]["loss"] for one in found.messages if one["kind"] == "evaluate"} == {0.5, 2 / 3}
    assert {"client.py:Client.fit", "server.py:server_fn"} <= set(found.executed)
    assert "client.py:Client" not in found.executed  # that was only imported
    assert "Traceback" not in done.stderr


def test_rounds_that_no_message_numbers_are_counted_and_a_client_owns_what_it_gets(observe):
    found, done = observe(BARE_SERVER, BARE_CLIENT)

    assert found.ended, done.stderr
    assert [(one["round"], one["node"]) for one in found.messages] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    [start] = {one["sent"]["digest"] for one in found.messages[:2]}
    [after] = {one["reply"]["digest"] for one in found.messages[:2]}
    assert {one["sent"]["digest"] for one in found.messages[2:]} == {after} != {start}
    assert found.messages[0]["reply"]["moved"] == pytest.approx(2**0.5)


@pytest.mark.parametrize(
    ("server", "kind", "at"),
    [
        ("app = 1 +\n", "SyntaxError", "server.py:1"),
        ("import json\njson.loads('{')\n", "JSONDecodeError", "server.py:2"),
        ("try:\n    1 / 0\nfinally:\n    [][1]\n", "ZeroDivisionError", "server.py:2"),
        ("app = None\n", "TypeError", None),
    ],
    ids=["syntax", "in-a-library", "the-first-of-a-chain", "no-app"],
)  # fmt: skip
def test_an_exception_is_written_down_with_the_last_line_of_the_projects_own(observe, server, kind, at):
    found, done = observe(server, BARE_CLIENT)

    [error] = found.errors
    assert (error.type, done.returncode) == (kind, 1)
    assert at is None or error.at == at
    assert not found.ended


def test_what_runs_while_the_interpreter_ends_is_not_disturbed(observe):
    at_exit = (
        "import logging, weakref\nclass Late:\n    pass\nlate = Late()\nweakref.finalize(late, logging.getLogger)\n"
    )

    _, done = observe(at_exit + BARE_SERVER, BARE_CLIENT)

    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr


def test_a_plan_is_not_left_for_the_app_to_read(observe, tmp_path):
    observe("app = None\n", BARE_CLIENT)

    assert not (tmp_path / "plan.json").exists()


def test_digests_tell_values_shapes_types_and_names_apart():
    arrays = [
        {"a": np.zeros(4)},
        {"a": np.zeros((2, 2))},
        {"a": np.zeros(4, "f4")},
        {"b": np.zeros(4)},
        {"a": np.ones(4)},
    ]

    assert len({harness._digest(one) for one in arrays}) == len(arrays)
    assert harness._digest({"a": np.asfortranarray(np.eye(3))}) == harness._digest({"a": np.eye(3)})
    assert harness._digest({}) == ""


def test_a_distance_needs_the_same_shapes_and_finite_numbers():
    one = {"a": np.zeros(4, "f4"), "b": np.ones(1)}

    assert harness._distance({"a": np.ones(4, "f4"), "b": np.ones(1)}, one) == 2.0
    assert harness._distance({"a": np.zeros(3), "b": np.ones(1)}, one) is None
    assert harness._distance({"a": np.full(4, np.nan), "b": np.ones(1)}, one) is None
    assert harness._distance({"a": b"tree"}, {"a": b"tree"}) is None


def test_the_harness_needs_nothing_of_zk0(tmp_path):
    text = Path(harness.__file__).read_text()

    assert "zk0." not in "".join(line for line in text.splitlines() if line.startswith(("import", "from")))
