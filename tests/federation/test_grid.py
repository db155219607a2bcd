"""The grid in this process behaves as Flower's would: replies, errors as replies, state kept a node."""

import pytest
from flwr.app import Message, MessageType, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.supercore.task_identity import TaskIdentity

from zk0.core.errors import DatasetError
from zk0.federation.engines.grid import InlineGrid


@pytest.fixture
def grid():
    app = ClientApp()

    @app.query()
    def query(message, context):
        if context.node_config["partition-id"] == 1:
            raise DatasetError("the data set is gone")
        before = context.state.metric_records.get("seen", MetricRecord({"times": 0}))["times"]
        context.state["seen"] = MetricRecord({"times": before + 1})
        return Message(content=RecordDict({"seen": context.state["seen"]}), reply_to=message)

    TaskIdentity.run_id = TaskIdentity.task_id = TaskIdentity.node_id = 1
    return InlineGrid(app, 3)


def ask(grid, *nodes):
    return list(
        grid.send_and_receive(
            [Message(content=RecordDict(), message_type=MessageType.QUERY, dst_node_id=node) for node in nodes]
        )
    )


def test_each_node_answers_in_the_order_asked_and_keeps_its_state(grid):
    first, _, third = grid.get_node_ids()

    replies = ask(grid, third, first, third)

    assert [reply.metadata.src_node_id for reply in replies] == [third, first, third]
    assert [reply.content["seen"]["times"] for reply in replies] == [1, 1, 2]


def test_an_error_of_a_client_is_a_reply_with_its_reason(grid):
    _, second, _ = grid.get_node_ids()

    [reply] = ask(grid, second)

    assert reply.has_error()
    assert reply.error.reason == "the data set is gone"


def test_replies_name_the_messages_they_answer(grid):
    first, *_ = grid.get_node_ids()

    one, two = ask(grid, first, first)

    assert one.metadata.reply_to_message_id != two.metadata.reply_to_message_id


def test_afterwards_this_process_is_the_server_again(grid):
    ask(grid, *grid.get_node_ids())

    assert TaskIdentity.node_id == 1
