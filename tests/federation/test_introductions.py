import pytest
from flwr.app import ConfigRecord, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.supercore.task_identity import TaskIdentity

from zk0.core.errors import ConfigurationError, RoundFailedError
from zk0.federation.configuration import resolve
from zk0.federation.engines.grid import InlineGrid
from zk0.federation.introductions import meet_clients, require_same_frozen
from zk0.federation.messages import REPORT, Introduction, pack
from zk0.ledger import ClientData

CONFIG = resolve({"data": "arm-a=/a;arm-b=/b", "unseen": "", "wait-seconds": 0.3})


def introduction(name, frozen="f"):
    keys = ("dataset", "digest")
    empty = ("held_out_episodes", "tasks", "cameras", "state_range")
    data = ClientData(
        client=name,
        partition=0,
        episodes=1,
        training_frames=1,
        fps=10.0,
        robot_type=None,
        **dict.fromkeys(keys, "d"),
        **{key: [] for key in empty},
    )
    return Introduction(data=data, statistics={}, frozen_digest=frozen)


def grid_of(*answers):
    """Return a grid whose clients answer so: an introduction, an error's text, or anything else as it is."""
    app = ClientApp()
    TaskIdentity.run_id = TaskIdentity.task_id = TaskIdentity.node_id = 1

    @app.query()
    def query(message, context):
        answer = answers[int(context.node_config["partition-id"])]
        if isinstance(answer, str):
            return Message(Error(code=0, reason=answer), reply_to=message)
        record = pack(answer) if isinstance(answer, Introduction) else ConfigRecord({"json": "{}"})
        return Message(content=RecordDict({REPORT: record}), reply_to=message)

    return InlineGrid(app, len(answers))


def test_clients_are_met_by_node():
    met = meet_clients(grid_of(introduction("arm-a"), introduction("arm-b")), CONFIG)

    assert [one.data.client for one in met.values()] == ["arm-a", "arm-b"]


def test_too_few_are_waited_for_to_the_limit():
    with pytest.raises(RoundFailedError, match=r"1 of at least 2 clients came within 0\.3 s"):
        meet_clients(grid_of(introduction("arm-a")), CONFIG)


@pytest.mark.parametrize(
    ("answer", "message"), [("no camera", "can't take part: no camera"), (None, "sent an invalid introduction")]
)
def test_one_that_can_not_take_part_is_named(answer, message):
    with pytest.raises(RoundFailedError, match=f"client at node 3 {message}"):
        meet_clients(grid_of(introduction("arm-a"), answer), CONFIG)


def test_one_that_says_nothing_is_named(monkeypatch):
    grid = grid_of(introduction("arm-a"), introduction("arm-b"))
    whole = grid.send_and_receive
    monkeypatch.setattr(grid, "send_and_receive", lambda messages, timeout: list(whole(messages, timeout=timeout))[:1])

    with pytest.raises(RoundFailedError, match=r"no introduction in 0\.3 s from at node 3"):
        meet_clients(grid, CONFIG)


def test_two_of_one_name_are_refused():
    with pytest.raises(ConfigurationError, match="two clients have one name: arm-a, arm-a"):
        meet_clients(grid_of(introduction("arm-a"), introduction("arm-a")), CONFIG)


def test_another_backbone_is_refused():
    require_same_frozen([introduction("arm-a")], "f")
    with pytest.raises(ConfigurationError, match="client arm-b has other frozen weights"):
        require_same_frozen([introduction("arm-a"), introduction("arm-b", "g")], "f")
