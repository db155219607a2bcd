"""Flower's own lines, old and new."""

import pytest

from zk0.ledger import IncidentKind


def losses(found, dataset="server"):
    return [(one.round, one.loss) for one in found.ledger.evaluations if one.dataset == dataset]


def test_a_server_of_the_old_kind_tells_its_losses_round_by_round(recorded):
    found = recorded("A12-worse-than-baseline.log")

    assert losses(found) == [(0, 0.150), (1, 0.438), (2, 1.001), (3, 1.088)]
    assert found.formats == ("Flower log",)
    assert [(len(one.sampled), len(one.accepted)) for one in found.ledger.aggregations] == [(4, 4)] * 3
    assert found.ledger.aggregations[0].missing["accepted"] == "the log gives the number of replies, not their clients"
    assert (found.ledger.closed.outcome, found.ledger.closed.rounds) == ("done", 3)
    assert found.ledger.evaluations[1].read_from.endswith("A12-worse-than-baseline.log:12")


def test_the_message_api_tells_settings_means_failures_and_evaluations(recorded):
    found = recorded("flower-message-api.log")

    assert losses(found) == [(0, 2.3), (1, 1.75), (2, 1.45), (3, 1.2)]
    assert losses(found, "clients") == [(1, 1.8), (2, 1.5), (3, 1.3)]
    assert [one.policy_loss for one in found.ledger.trainings] == [[1.9], [1.4], [1.1]]
    settings = {key: value for one in found.ledger.decisions for key, value in one.settings.items()}
    assert settings == {"learning-rate": 0.0001, "local-steps": 30, "proximal-mu": 0.01, "rounds": 3}
    second = found.ledger.aggregations[1]
    assert (len(second.sampled), len(second.accepted)) == (3, 2)
    assert [one.reason for one in second.rejected] == ["Exception: ValueError('batch is empty')"]
    [incident] = found.ledger.incidents
    assert (incident.kind, incident.round, incident.count) == (IncidentKind.client_failed, 2, 1)
    assert found.unknown == 0


@pytest.mark.parametrize(
    "line",
    [
        "INFO :      fit progress: (2, 0.25, {'a': 1}, 3.5)",
        "\x1b[92mINFO \x1b[0m:      fit progress: (2, 0.25, {}, 3.5)",
        "INFO 2026-01-02 03:04:05,678:      fit progress: (2, 0.25, {}, 3.5)",
        "INFO:flwr:fit progress: (2, 0.25, {}, 3.5)",
        "2026-01-02 03:04:05,678 - flwr - INFO - fit progress: (2, 0.25, {}, 3.5)",
        "[2026-01-02 03:04:05,678][flwr][INFO] fit progress: (2, 0.25, {}, 3.5)",
        "(ServerApp pid=17) INFO :      fit progress: (2, 0.25, {}, 3.5)",
        "{lvl='INFO', time='2026-01-02 03:04:05', msg='fit progress: (2, 0.25, {}, 3.5)'}",
    ],
)
def test_a_line_is_known_whatever_stands_before_it(import_text, line):
    found = import_text(line + "\n")

    assert (losses(found), found.understood, found.unknown) == ([(2, 0.25)], 1, 0)


def test_a_loss_that_is_not_finite_is_null_with_the_reason(import_text):
    [evaluation] = import_text("INFO :      fit progress: (1, nan, {}, 3.5)\n").ledger.evaluations

    assert (evaluation.loss, evaluation.missing) == (None, {"loss": "not finite"})


def test_a_client_that_fails_in_the_evaluation_was_not_rejected_in_the_training(import_text):
    found = import_text(
        "INFO :      [ROUND 1/1]\nINFO :      configure_train: Sampled 2 nodes (out of 2)\n"
        "INFO :      aggregate_train: Received 2 results and 0 failures\n"
        "INFO :      configure_evaluate: Sampled 2 nodes (out of 2)\n"
        "INFO :      Received error in reply from node 17: ValueError('no data')\n"
        "INFO :      aggregate_evaluate: Received 1 results and 1 failures\n"
    )

    [aggregation] = found.ledger.aggregations
    assert aggregation.rejected == []
    assert [(one.kind, one.client) for one in found.ledger.incidents] == [(IncidentKind.client_failed, "node 17")]


def test_a_history_alone_is_enough(import_text):
    found = import_text(
        "INFO :      [SUMMARY]\nINFO :      Run finished 2 round(s) in 3.21s\n"
        "INFO :      \tHistory (loss, distributed):\nINFO :      \t\tround 1: 0.9\n"
        "INFO :      \tHistory (loss, centralized):\nINFO :      \t\tround 0: 1.5\nINFO :      \t\tround 1: 1.25\n"
    )

    assert losses(found) == [(0, 1.5), (1, 1.25)]
    assert losses(found, "clients") == [(1, 0.9)]


def test_rounds_without_clients_are_reported(import_text):
    found = import_text("INFO :      [ROUND 1]\nINFO :      configure_fit: no clients selected, cancel\n")

    assert [(one.kind, one.round) for one in found.ledger.incidents] == [(IncidentKind.no_clients, 1)]


def test_a_second_start_in_one_log_is_another_run(tmp_path):
    from zk0.ledger.importers import import_ledgers

    begin = "INFO :      Starting Flower server, config: num_rounds=1, no round_timeout\n"
    text = (
        begin
        + "INFO :      fit progress: (1, 0.5, {}, 1.0)\n"
        + begin
        + "INFO :      fit progress: (1, 0.7, {}, 1.0)\n"
    )
    (tmp_path / "s.log").write_text(text)

    first, second = import_ledgers([tmp_path / "s.log"])

    assert (losses(first), losses(second)) == ([(1, 0.5)], [(1, 0.7)])
    assert second.ledger.source.endswith("s.log, start 2")


def test_clients_that_send_nothing_leave_a_round_without_an_aggregate(import_text):
    found = import_text(
        "INFO :      [ROUND 1]\nINFO :      configure_train: Sampled 2 nodes (out of 2)\n"
        "INFO :      aggregate_train: Received 0 results and 2 failures\n"
    )

    [aggregation] = found.ledger.aggregations
    assert (aggregation.accepted, len(aggregation.rejected)) == ([], 2)
    assert "digest_out" not in aggregation.missing


def test_a_supernodes_round_is_that_of_its_client(import_text):
    found = import_text(
        "INFO :      [RUN 123, ROUND 7]\nINFO :      Receiving: train message (ID: abc)\n"
        "INFO :      Step 0: FedProx total_loss=1.0 (main=1.0 + proximal=0.0)\n"
        "INFO :      [RUN 123, ROUND 8]\n"
        "INFO :      Step 0: FedProx total_loss=0.9 (main=0.9 + proximal=0.0)\n",
        "supernode-lab.log",
    )

    assert [(one.client, one.round, one.policy_loss) for one in found.ledger.trainings] == [
        ("lab", 7, [1.0]),
        ("lab", 8, [0.9]),
    ]


def test_a_server_that_prints_its_own_evaluation_one_round_late_is_one_run(import_text):
    found = import_text(
        "INFO :      Starting Flower ServerApp, config: num_rounds=2, no round_timeout\n"
        "INFO :      [ROUND 1]\nINFO :      configure_fit: strategy sampled 2 clients (out of 2)\n"
        "[Round 0] Global Test | Loss: 1.8177 | Acc: 21.96% | F1(macro): 0.1414\n"
        "INFO :      aggregate_fit: received 2 results and 0 failures\n"
        "INFO :      [ROUND 2]\nINFO :      configure_fit: strategy sampled 2 clients (out of 2)\n"
        "[Round 1] Global Test | Loss: 0.8859 | Acc: 68.78% | F1(macro): 0.4638\n"
        "INFO :      aggregate_fit: received 2 results and 0 failures\n"
        "[Round 2] Global Test | Loss: 0.8514 | Acc: 77.80% | F1(macro): 0.6511\n"
    )

    assert [(one.planned, one.reached) for one in found.ledger.progress if one.unit == "round"] == [(2, 2)]
    assert [(one.round, one.loss, one.metrics["F1(macro)"]) for one in found.ledger.evaluations] == [
        (0, 1.8177, 0.1414),
        (1, 0.8859, 0.4638),
        (2, 0.8514, 0.6511),
    ]
    assert [one.round for one in found.ledger.aggregations] == [1, 2]


def test_what_a_client_says_of_its_connection_is_known(import_text):
    found = import_text(
        "2025-04-20 23:43:21,668 [INFO] Opened insecure gRPC connection (no certificates were passed)\n"
        "2025-04-20 23:43:21,717 [DEBUG] ChannelConnectivity.IDLE\n"
        "2025-04-20 23:43:21,930 [DEBUG] gRPC channel closed\n"
        "INFO :      [ROUND 1]\n"
        "INFO :      Initializing global parameters\n"
    )

    assert found.unknown == 0
