"""What Flower prints of metrics."""

import pytest

from zk0.ledger.importers.flower_metrics import mapping


def test_the_scores_of_an_evaluation_are_read_beside_its_loss(import_text):
    found = import_text(
        "INFO :      [ROUND 1/1]\nINFO :      configure_evaluate: Sampled 2 nodes (out of 2)\n"
        "INFO :      aggregate_evaluate: Received 2 results and 0 failures\n"
        "INFO :      \t└──> Aggregated MetricRecord: {'eval_loss': 0.9, 'eval_acc': np.float64(0.5), 'eval_f1': 40.0}\n"
        "INFO :      Global evaluation\n"
        "INFO :      \t└──> MetricRecord: {'macro_f1': 0.25}\n"
    )

    clients, server = found.ledger.evaluations
    assert (clients.dataset, clients.loss, clients.metrics) == ("clients", 0.9, {"accuracy": 0.5, "eval_f1": 0.4})
    assert (server.loss, server.missing, server.metrics) == (None, {"loss": "not in the log"}, {"macro_f1": 0.25})


def test_a_server_tells_its_scores_with_the_loss_and_in_the_history(import_text):
    found = import_text(
        "INFO :      fit progress: (1, 0.5, {'accuracy': np.float64(0.75), 'dice': tensor(0.5, device='cuda:0')}, 3)\n"
        "INFO :      \tHistory (metrics, centralized):\nINFO :      \t{'dice': [(1, 0.5), (2, 0.0)]}\n"
    )

    assert [(one.round, one.metrics) for one in found.ledger.evaluations] == [
        (1, {"accuracy": 0.75, "dice": 0.5}),
        (2, {"dice": 0.0}),
    ]


@pytest.mark.parametrize("name", ["flower", "flwr"])
def test_the_end_of_a_server_before_1_8_is_enough(import_text, name):
    head = f"INFO {name} 2023-09-11 23:34:26,374 | app.py:221 | app_fit: "
    found = import_text(
        head + "losses_centralized [(0, 722.7143), (1, nan)]\n"
        + head + "metrics_distributed_fit {'train_loss': [(1, 2.5)]}\n"
        + head + "metrics_distributed {'f1': [(1, 0.25)]}\n"
        + head + "metrics_centralized {'accuracy': [(0, 0.098), (1, 0.0)]}\n"
    )  # fmt: skip

    assert [(one.dataset, one.round, one.loss, one.metrics) for one in found.ledger.evaluations] == [
        ("server", 0, 722.7143, {"accuracy": 0.098}),
        ("server", 1, None, {"accuracy": 0.0}),
        ("clients", 1, None, {"f1": 0.25}),
    ]
    assert [one.policy_loss for one in found.ledger.trainings] == [[2.5]]
    assert (found.understood, found.unknown) == (4, 0)


def test_flower_before_1_0_lists_accuracies(import_text):
    head = "INFO flower 2021-03-26 08:50:15,330 | app.py:109 | app_fit: "
    found = import_text(head + "losses_distributed [(1, 0.75)] \n" + head + "accuracies_distributed [(1, 0.5)]\n")

    assert [(one.dataset, one.loss, one.metrics) for one in found.ledger.evaluations] == [
        ("clients", 0.75, {"accuracy": 0.5})
    ]


def test_a_dict_is_read_as_python_numpy_and_pytorch_print_it():
    printed = "{'a': 1, 'b': np.float64(0.5), 'c': tensor(2., device='cuda:0'), 'd': nan, 'e': 'x', 'f': -inf}"

    assert mapping(printed) == {"a": 1, "b": 0.5, "c": 2.0, "d": None, "e": "x", "f": None}
    assert mapping("{'a': 1, 'b': [") == {}
