"""The logs and JSON files of the original zk0, line by line and as a whole folder of a run."""

import pytest

from zk0.ledger import IncidentKind
from zk0.ledger.importers import import_ledgers

HEAD = "2025-10-01 09:12:{s:02d} | INFO     | {who:<10} | PID:4121 | src.task:run:1 - "


def line(message: str, who: str = "client_1", s: int = 3) -> str:
    return HEAD.format(who=who, s=s) + message + "\n"


def test_the_early_era_tells_the_term_and_the_sum_apart(recorded):
    found = recorded("A1-inert.log")

    [training] = found.ledger.trainings
    assert (training.client, training.round, training.steps) == ("client 1", 1, 50)
    assert training.settings == {"proximal-mu": 0.1, "local-steps": 50}
    assert (training.proximal_loss[0], training.proximal_loss[-1]) == (1.201, 28.832)
    assert (training.policy_loss[9], training.policy_loss[19]) == (0.6205, 0.4073)
    assert training.total_loss[9] == pytest.approx(training.policy_loss[9] + training.proximal_loss[9], abs=1e-6)
    assert found.notes == (
        "no line numbers the rounds of client 1: they are counted in the order of its trainings",
        "the policy loss is the adjusted loss without the proximal term of the same step",
    )
    assert found.unknown == 0


def test_the_later_era_tells_all_three_in_a_line(recorded):
    [training] = recorded("A3-healthy.log").ledger.trainings

    assert (training.round, training.steps) == (1, 20)
    assert (training.total_loss[1], training.policy_loss[1], training.proximal_loss[1]) == (0.601202, 0.596202, 0.005)
    assert training.settings == {"proximal-mu": 0.01, "learning-rate": 0.0001, "local-steps": 20}
    assert training.update_norm == {"all": 1.412003}
    assert training.gradient_norm[-1] == 1.2031  # of the last line: the mean of the round
    assert "learning_rate" in training.missing  # lr=0.0000 has lost its digits


def test_memory_is_reported_in_bytes(recorded):
    [training] = recorded("A6-memory-leak.log").ledger.trainings

    assert training.memory_allocated[:3] == [2.51e9, 2.98e9, 3.45e9]
    assert training.memory_reserved[0] == 12.8e9


def test_digests_tell_what_was_sent_and_what_was_aggregated(recorded):
    found = recorded("A4-identical-start.log").ledger.aggregations

    assert [(one.round, one.digest_in, one.digest_out) for one in found] == [
        (1, "9f31c2aa", "41bb07de"),
        (2, "9f31c2aa", "5c20aa17"),
        (3, "9f31c2aa", None),
    ]
    assert found[2].missing["digest_out"] == "not in the log"


def kinds(found):
    return [(one.kind, one.client, one.round, one.count) for one in found.ledger.incidents]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("A5-nothing-returned.log", [(IncidentKind.nothing_returned, None, 1, 1)]),
        ("A6-memory-leak.log", [(IncidentKind.out_of_memory, None, None, 1)]),
        (
            "A7-corrupt-frames.log",
            [
                (IncidentKind.decode_error, "client 3", 1, 3),
                (IncidentKind.loader_restarted, "client 3", 1, 3),
            ],
        ),
        ("A8-hash-mismatch.log", [(IncidentKind.hash_mismatch, "client 1", 3, 1)]),
        (
            "A9-control-inactive.log",
            [
                (IncidentKind.hash_missing, f"client {client}", number, 1)
                for number in (1, 2)
                for client in (1475290, 9920117)
            ],
        ),
        (
            "A15-deploy",
            [(IncidentKind.program_missing, None, None, 1), (IncidentKind.success_claimed, None, None, 1)],
        ),
    ],
)  # fmt: skip
def test_what_is_no_number_is_an_incident(recorded, name, expected):
    assert kinds(recorded(name)) == expected


def test_numbers_of_nothing_are_no_measurements(import_text):
    found = import_text(
        line("✅ Server: Composite evaluation completed - average loss=1.0000, total_examples=0", "server")
        + line("Step 0: FedProx total_loss=1.0 (main=1.0 + proximal=0.0)")
        + line("Train end: Final metrics - loss=0.0000, grad_norm=0.0000, lr=0.0000, steps_completed=250")
    )

    [evaluation] = found.ledger.evaluations
    assert (evaluation.loss, evaluation.missing["loss"]) == (None, "no frame was evaluated; the 1 is a placeholder")
    assert found.ledger.trainings[0].gradient_norm == [None]
    assert [(one.kind, one.count) for one in found.ledger.incidents] == [(IncidentKind.sentinel, 1)] * 2


def test_a_client_that_was_left_out_is_no_part_of_the_average(recorded):
    [aggregation] = recorded("A8-hash-mismatch.log").ledger.aggregations

    assert len(aggregation.accepted) == 1
    assert [(one.client, one.reason) for one in aggregation.rejected] == [("client 1", "its digest is another")]


def test_a_line_printed_twice_is_one(import_text):
    once = line("Skipping corrupt batch in episode 7 due to decoding error: bad (attempt 1/100, total: 0)")
    steps = line("Step 0: FedProx total_loss=1.0 (main=1.0 + proximal=0.0)")
    begin = line("Entering training loop: target steps=5, initial step=0")
    coloured = [f"\x1b[33m{text.strip()}\x1b[0m\n" for text in (begin, steps, once)]

    found = import_text("".join(text for pair in zip((begin, steps, once), coloured, strict=True) for text in pair))

    assert [(one.round, one.steps) for one in found.ledger.trainings] == [(1, 1)]
    assert kinds(found) == [(IncidentKind.decode_error, "client 1", 1, 1)]


def test_interleaved_clients_are_kept_apart(import_text):
    text = ""
    for step in range(3):
        for who in (0, 1):
            text += line(f"Step {step}: FedProx total_loss={who}.5 (main={who}.5 + proximal=0.0)", f"client_{who}")

    found = import_text(text).ledger.trainings

    assert [(one.client, one.policy_loss) for one in found] == [("client 0", [0.5] * 3), ("client 1", [1.5] * 3)]


def test_processes_of_ray_are_kept_apart_and_told_by_the_client_they_name(import_text):
    text = ""
    for pid, who in ((11, 0), (12, 1)):
        text += f"(ClientAppActor pid={pid}) Client {who}: Using proximal_mu=0.0{who + 1} for FedProx regularization\n"
    for step in range(2):
        for pid in (11, 12):
            text += f"(ClientAppActor pid={pid}) Step {step}: FedProx total_loss=1.0 (main={pid}.0 + proximal=0.0)\n"

    found = import_text(text).ledger.trainings

    assert [(one.client, one.settings["proximal-mu"], one.policy_loss) for one in found] == [
        ("client 0", 0.01, [11.0, 11.0]),
        ("client 1", 0.02, [12.0, 12.0]),
    ]


def test_rounds_that_the_log_tells_are_not_counted(import_text):
    text = ""
    for number in (4, 6):
        text += line(
            f"Client 1 R{number} PRE-TRAIN: Full norm=1.0 (506 tensors, 4 elems), Trainable norm=1.0", s=number
        )
        text += line("Step 0: FedProx total_loss=1.0 (main=1.0 + proximal=0.0)", s=number)
    found = import_text(text)

    assert [one.round for one in found.ledger.trainings] == [4, 6]
    assert found.notes == ()


def test_lines_of_one_client_under_the_heading_of_another_are_reported(import_text):
    found = import_text(
        line("Client 1: Using proximal_mu=0.01 for FedProx regularization")
        + line("Client 2: Using proximal_mu=0.01 for FedProx regularization", s=4)
    )

    assert kinds(found) == [(IncidentKind.mixed_clients, "client 2", None, 1)]


def test_what_the_server_decides_and_what_clients_go_by_are_both_kept(recorded):
    ledger = recorded("outputs").ledger

    assert {key: ledger.decisions[0].settings[key] for key in ("proximal-mu", "local-steps", "rounds")} == {
        "proximal-mu": 0.05,
        "local-steps": 4,
        "rounds": 2,
    }
    add_decision = [(one.round, one.settings, one.reason) for one in ledger.decisions[1:]]
    assert add_decision == [(n, {"proximal-mu": 0.01, "learning-rate": 8e-05}, "stall_detected") for n in (1, 2)]
    assert {one.settings["learning-rate"] for one in ledger.trainings} == {0.0001}


def test_a_traceback_is_one_incident_with_its_last_line(import_text):
    found = import_text(
        line("Step 0: FedProx total_loss=1.0 (main=1.0 + proximal=0.0)")
        + "Traceback (most recent call last):\n"
        + '  File "x.py", line 3, in f\n    g(x)\n    ^^^^\n'
        + "TypeError: clip_grad_norm_() got an unexpected keyword argument 'grad_clip_norm'\n"
        + line("Step 1: FedProx total_loss=1.0 (main=1.0 + proximal=0.0)")
    )

    [incident] = found.ledger.incidents
    assert incident.kind is IncidentKind.traceback
    assert incident.text.startswith("TypeError: clip_grad_norm_()")
    assert incident.read_from.endswith("some.log:6")
    assert found.ledger.trainings[0].steps == 2


def test_a_log_that_ends_in_a_traceback_says_so(import_text):
    [incident] = import_text('Traceback (most recent call last):\n  File "x.py", line 3, in f\n').ledger.incidents

    assert incident.text == "Traceback (most recent call last): (the log ends in it)"


def test_two_runs_in_one_server_log_are_two_ledgers(tmp_path):
    text = ""
    for loss in (0.5, 0.6):
        text += "INFO :      Starting Flower server, config: num_rounds=1, no round_timeout\n"
        text += line("📊 Server: Received 2 successful results, 0 failures", "server", s=int(loss * 10))
        text += f"INFO :      fit progress: (1, {loss}, {{}}, 1.0)\n"
    (tmp_path / "server.log").write_text(text)

    assert [one.ledger.evaluations[0].loss for one in import_ledgers([tmp_path / "server.log"])] == [0.5, 0.6]


def test_a_folder_of_logs_and_json_is_one_run(recorded):
    found = recorded("outputs")
    ledger = found.ledger

    assert found.formats == ("original zk0 log", "original zk0, JSON")
    assert [(one.client, one.round, one.steps) for one in ledger.trainings] == [
        ("client 1", 1, 4),
        ("client 0", 1, 4),
        ("client 1", 2, 4),
        ("client 0", 2, 4),
    ]
    assert all(one.update_norm == {"all": 0.812} for one in ledger.trainings)
    assert [(one.round, one.loss, one.frames) for one in ledger.evaluations] == [
        (0, 0.15, 256),
        (1, 0.21, 256),
        (2, 0.28, 256),
    ]
    assert [(one.digest_in, one.digest_out, one.update_norm) for one in ledger.aggregations] == [
        ("aaaa0001", "bbbb0002", 0.4),
        ("bbbb0002", "cccc0003", 0.4),
    ]
    assert [reply.client for reply in ledger.aggregations[0].accepted] == ["client 1", "client 0"]
    assert {one.digest_in for one in ledger.trainings} == {"aaaa0001", "bbbb0002"}
    assert "digests are compared by their first 8 digits, which is all that some lines print" in found.notes
    assert found.unknown == 0


def test_a_secret_in_the_saved_configuration_is_cut_out(recorded):
    text = "".join(event.model_dump_json() for event in recorded("outputs").ledger.events)

    assert "secret-shown" in text
    assert "not-a-real-token" not in text


def test_the_earlier_keys_are_read_and_a_sentinel_is_no_loss(recorded):
    found = recorded("outputs-early")

    assert [one.loss for one in found.ledger.evaluations] == [0.15, 0.438, 1.001, None]
    assert found.ledger.evaluations[3].missing["loss"] == "no batch was evaluated; the 1 in the file is a placeholder"
    means = [one.policy_loss[0] for one in found.ledger.trainings if one.client == "client 0"]
    assert means == pytest.approx([0.5, 0.4, 0.3])
    assert found.ledger.trainings[0].missing["steps"] == "only the means of 1000 steps are in the log"


def test_a_history_that_forgets_and_renumbers_is_not_believed(import_text):
    whole = {str(number): {"server_policy_loss": 0.1 * number, "action_dim": 7} for number in range(3)}
    assert len(import_text(str(whole).replace("'", '"'), "policy_loss_history.json").ledger.evaluations) == 3

    cut = {str(number): {"server_policy_loss": 0.1, "action_dim": 7} for number in range(10)}
    found = import_text(str(cut).replace("'", '"'), "policy_loss_history.json")

    assert found.ledger.evaluations == ()
    assert "renumbers them" in found.notes[0]
