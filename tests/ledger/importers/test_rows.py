"""Rows of several clients in one log: each is added to the client that it names."""

import pytest

from zk0.ledger.importers.pairs import find_pairs

NAMED = (
    "Client 3 Epoch 1/8: Loss=0.2787, Acc=88.62%",
    "[Client 3] epoch 2 loss: 0.5",
    "Client_3 train loss: 0.5",
    "Client #3 - Epoch 1 - Loss: 0.2",
    "|---- Training, Client ID: 3, epoch 4, loss 0.3",
    "2025-05-12 11:23:31 - client_3 - INFO - Epoch 1/2 - Loss: 0.0268",
    "Client 3/10 | loss 0.3",
    "client: 3, epoch: 2, loss: 0.5",
)


@pytest.mark.parametrize("line", NAMED)
def test_a_row_names_its_client(line):
    assert find_pairs(line).values["client"] == 3


@pytest.mark.parametrize(
    "line", ["clients 3 loss: 0.5", "client 3.5% loss: 0.5", "client took 3 s, loss: 0.5", "client3x loss: 0.5"]
)
def test_other_numbers_are_no_client(line):
    assert "client" not in find_pairs(line).values


def test_clients_side_by_side_keep_their_series(import_text):
    text = "".join(
        f"Epoch: {epoch}/20 Client: {client} training loss: {client + 1 / epoch:.3f}\n"
        for epoch in range(1, 21)
        for client in range(3)
    )

    trainings = {one.client: one.policy_loss for one in import_text(text).ledger.trainings}

    assert {name: len(losses) for name, losses in trainings.items()} == {f"client {n}": 20 for n in range(3)}
    assert trainings["client 2"][0] == 3.0


def test_rounds_of_clients_and_what_is_said_of_all(import_text):
    text = "".join(
        f"Round {n}/3\n"
        + "".join(f"Client {c} Epoch {e}/2: Loss={c + n / 10 + e / 100:.2f}\n" for c in (0, 1) for e in (1, 2))
        + f"Avg loss: {0.5 + n / 10}, avg grad_norm: 1.0\n"
        for n in (1, 2, 3)
    )

    found = {(one.client, one.round): one.policy_loss for one in import_text(text).ledger.trainings}

    assert [found["client 1", n] for n in (1, 2, 3)] == [[1.11, 1.12], [1.21, 1.22], [1.31, 1.32]]
    assert [found["client", n] for n in (1, 2, 3)] == [[0.6], [0.7], [0.8]]


def test_an_evaluation_of_a_client_is_that_client_s(import_text):
    text = "".join(
        f"Round {n}\nClient 0 test accuracy: 0.{n}0\nClient 1 test accuracy: 0.{n}0\nTest accuracy: 0.{n}5\n"
        for n in range(1, 5)
    )

    found = [(one.dataset, one.metrics["accuracy"]) for one in import_text(text).ledger.evaluations]

    assert found[:3] == [("client 0", 0.1), ("client 1", 0.1), ("server", 0.15)]
    assert len(found) == 12


def test_rows_below_a_client_s_name_are_that_client_s(import_text):
    text = "".join(
        f"Round {n}/2\n--- Client 0 ---\nEpoch 1 loss: 2.{n}\nEpoch 2 loss: 1.{n}\n"
        f"Training client 1\nEpoch 1 loss: 3.{n}\nEpoch 2 loss: 2.{n}\nGlobal test accuracy: 0.{n}\n"
        for n in (1, 2)
    )

    ledger = import_text(text).ledger

    assert [(one.round, one.client, one.policy_loss) for one in ledger.trainings] == [
        (1, "client 0", [2.1, 1.1]),
        (1, "client 1", [3.1, 2.1]),
        (2, "client 0", [2.2, 1.2]),
        (2, "client 1", [3.2, 2.2]),
    ]
    assert [one.dataset for one in ledger.evaluations] == ["server", "server"]
