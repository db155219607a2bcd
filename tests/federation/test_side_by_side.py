"""Clients side by side: the same replies in the same order as one after the other, whatever becomes of a worker."""

import os
from collections.abc import Iterator

import pytest
from flwr.app import ConfigRecord, Message, MessageType, RecordDict
from flwr.supercore.task_identity import TaskIdentity

from zk0.core.process_marks import ON_LINUX
from zk0.core.worker_pool import WorkerPool, pool_of
from zk0.federation import engines
from zk0.federation.configuration import resolve
from zk0.federation.engines.grid import identity_of
from zk0.federation.engines.side_by_side import SideBySideGrid, workers_for
from zk0.federation.threads import threads_for
from zk0.ledger import read_ledger

from . import worker_apps

pytestmark = pytest.mark.skipif(not ON_LINUX, reason="workers exist on Linux alone")


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with pool_of(2, [worker_apps.__name__]) as made, identity_of(1):
        yield made


def grid_of(pool, **faults):
    return SideBySideGrid(pool, faults, 4, build=worker_apps.build)


def ask(grid, *nodes, **content):
    record = RecordDict({name: ConfigRecord() for name in content})
    return list(
        grid.send_and_receive(
            [Message(content=record, message_type=MessageType.QUERY, dst_node_id=node) for node in nodes]
        )
    )


def times(replies):
    return [reply.content["seen"]["times"] for reply in replies]


def test_each_node_answers_in_the_order_asked_and_keeps_its_state_in_whatever_worker(pool):
    grid = grid_of(pool)
    first, second, third, fourth = grid.get_node_ids()

    replies = ask(grid, third, first, fourth, second, third)
    later = ask(grid, *grid.get_node_ids())

    assert [reply.metadata.src_node_id for reply in replies] == [third, first, fourth, second, third]
    assert times(replies) == [1, 1, 1, 1, 2]
    assert times(later) == [2, 2, 3, 2]
    assert len({reply.content["seen"]["process"] for reply in later} - {os.getpid()}) == 2
    assert len({reply.metadata.reply_to_message_id for reply in replies}) == 5
    assert TaskIdentity.node_id == 1


def test_an_error_of_a_client_is_a_reply_of_its_own_with_the_reason(pool):
    grid = grid_of(pool, raises=1)
    nodes = list(grid.get_node_ids())

    replies = ask(grid, *nodes)

    assert [reply.has_error() for reply in replies] == [False, True, False, False]
    assert replies[1].error.reason == "the data set is gone"
    assert replies[1].metadata.src_node_id == nodes[1]


def test_a_worker_that_dies_is_a_failure_of_its_client_which_can_answer_again(pool):
    grid = grid_of(pool, dies=2)
    nodes = list(grid.get_node_ids())

    replies = ask(grid, *nodes, once=True)
    later = ask(grid, *nodes)

    assert [reply.has_error() for reply in replies] == [False, False, True, False]
    assert "its process ended without an answer" in replies[2].error.reason
    assert replies[2].metadata.src_node_id == nodes[2]
    assert times(later) == [2, 2, 1, 2]


@pytest.mark.parametrize(
    ("changes", "workers"),
    [
        ({}, 3),
        ({"fraction-train": 0.5}, 2),
        ({"preset": "base-shape"}, 0),  # one policy uses all cores
        ({"policy": "lerobot/smolvla_base"}, 0),
        ({"device": "cuda"}, 0),
    ],
)
def test_a_small_policy_on_a_cpu_gets_workers_up_to_the_clients_asked(changes, workers, monkeypatch):
    monkeypatch.setenv("ZK0_WORKERS", "3")

    assert workers_for(resolve({"device": "cpu", "unseen": ""} | changes)) == workers


def test_a_start_policy_of_many_bytes_is_not_small(tmp_path, monkeypatch):
    monkeypatch.setenv("ZK0_WORKERS", "3")
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.truncate(2**30)

    assert workers_for(resolve({"device": "cpu", "policy": str(tmp_path)})) == 0


def test_a_small_policy_computes_with_one_thread_and_others_with_theirs():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with threads_for(resolve({"device": "cpu"})):
            assert torch.get_num_threads() == 1
        with threads_for(resolve({"device": "cpu", "preset": "base-shape"})):
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.slow
def test_the_tensors_are_the_same_bits_whatever_the_number_of_workers(run_config, tmp_path, monkeypatch):
    digests = {}
    for workers in ("0", "1", "2"):
        monkeypatch.setenv("ZK0_WORKERS", workers)
        output = tmp_path / workers
        engines.run("inline", run_config(output=str(output)), lambda *_: None)
        ledger = read_ledger(output / "ledger.jsonl")
        digests[workers] = (
            [one.digest_out for one in ledger.aggregations],
            [one.loss for one in ledger.evaluations],
            [one.policy_loss for one in ledger.trainings],
        )

    assert digests["0"] == digests["1"] == digests["2"]
