"""CSV, JSON and JSON lines of metrics."""

import json

import pytest


def test_columns_are_read_by_their_names_and_the_user_is_reported(recorded):
    found = recorded("metrics.csv")

    assert [(one.client, one.round, one.steps) for one in found.ledger.trainings] == [
        ("arm-a", 1, 10),
        ("arm-b", 1, 10),
        ("arm-a", 2, 10),
        ("arm-b", 2, 10),
    ]
    first = found.ledger.trainings[0]
    assert (first.policy_loss[0], first.proximal_loss[0], first.learning_rate[0]) == (0.7, 0.0, 0.0001)
    assert first.read_from.endswith("metrics.csv:2")
    assert "train_loss as policy_loss" in found.notes[0]
    assert found.notes[1].endswith("columns that mean nothing here: note")


def test_json_lines_with_names_within_names(recorded):
    found = recorded("metrics.jsonl")

    assert [(one.round, one.loss) for one in found.ledger.evaluations] == [(0, 0.9), (1, 0.8), (2, 0.7), (3, 0.6)]
    assert [one.policy_loss for one in found.ledger.trainings] == [[1], [0.8], [0.6], [0.4]]


@pytest.mark.parametrize(
    "document",
    [
        [{"round": 0, "eval_loss": 2.0}, {"round": 1, "eval_loss": 1.0}],
        {"0": {"eval_loss": 2.0}, "1": {"eval_loss": 1.0}},
        {"round": [0, 1], "eval_loss": [2.0, 1.0]},
        {"log_history": [{"round": 0, "eval_loss": 2.0}, {"round": 1, "eval_loss": 1.0}]},
    ],
    ids=["rows", "rows by round", "columns", "Trainer"],
)
def test_json_of_several_shapes(import_text, document):
    found = import_text(json.dumps(document, indent=1), "metrics.json")

    assert [(one.round, one.loss) for one in found.ledger.evaluations] == [(0, 2.0), (1, 1.0)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_any_delimiter(import_text, delimiter):
    text = "\n".join(delimiter.join(row) for row in (("step", "lr", "loss"), ("0", "0.1", "2.5"), ("1", "0.1", "1.5")))

    [training] = import_text(text, "table.txt").ledger.trainings

    assert training.policy_loss == [2.5, 1.5]


def test_evaluations_without_a_round_make_no_baseline(import_text):
    found = import_text("val_loss,time\n0.15,1\n0.44,2\n", "metrics.csv")

    assert [one.round for one in found.ledger.evaluations] == [1, 2]
    assert any("evaluations name no round" in note for note in found.notes)


def test_an_evaluation_at_step_0_is_the_untrained_policy(import_text):
    found = import_text("step,val_loss\n0,0.15\n100,0.44\n", "metrics.csv")

    assert [(one.round, one.loss) for one in found.ledger.evaluations] == [(0, 0.15), (1, 0.44)]


def test_numbers_that_are_not_finite_are_null_and_text_is_no_number(import_text):
    [training] = import_text("step,loss,lr\n0,nan,x\n1,1.5,x\n", "metrics.csv").ledger.trainings

    assert training.policy_loss == [None, 1.5]
    assert training.missing["policy_loss"] == "not finite"
    assert training.missing["learning_rate"] == "not in the log"


def test_rows_of_another_length_and_broken_lines_are_counted(import_text):
    found = import_text("step,loss\n0,1.0\n1,0.9,7,8\nstep,loss\n2,0.8\n", "metrics.csv")
    assert (found.understood, found.noise, found.unknown) == (2, 1, 1)
    assert found.files[0].examples[0].endswith("metrics.csv:3: 1,0.9,7,8")

    found = import_text('{"step": 0, "loss": 1.0}\n{"step": 1, "loss": 0.9}\n{"step": 2, "lo', "metrics.jsonl")
    assert (found.understood, found.unknown) == (2, 1)


def test_a_document_that_is_no_json_is_not_understood(import_text):
    found = import_text('{"loss": [1.0, 2.0', "metrics.json")

    assert (found.understood, found.unknown) == (0, 1)
    assert "not JSON" in found.files[0].examples[0]


def test_mu_and_the_update_norm_of_a_row_are_kept(import_text):
    text = "round,client,train_loss,proximal_mu,param_update_norm\n1,a,0.5,0.01,1.4\n"

    [training] = import_text(text, "metrics.csv").ledger.trainings

    assert (training.settings, training.update_norm) == ({"proximal-mu": 0.01}, {"all": 1.4})


def test_rows_among_what_libraries_write_to_stderr(import_text):
    found = import_text(
        'WARNING :   a library said "something, with commas\n'
        "round,client,step,loss\n"
        'train.py:3: UserWarning: quoted "\n'
        "1,a,0,2.0\n1,a,1,1.5\n"
        "WARNING :   No fit_metrics_aggregation_fn provided\n"
        "2,a,0,1.2\n2,a,1,1.0\n",
        "out.log",
    )

    assert [one.policy_loss for one in found.ledger.trainings] == [[2.0, 1.5], [1.2, 1.0]]
    assert (found.understood, found.unknown) == (4, 3)
    assert found.ledger.trainings[1].read_from.endswith("out.log:7")


def test_a_report_of_classes_is_one_evaluation_and_not_one_for_each_class(import_text):
    found = import_text(
        "              precision    recall  f1-score   support\n\n"
        "        bike       0.13      0.30      0.18        63\n"
        "         bus       0.80      0.27      0.40       288\n\n"
        "    accuracy                           0.70      1158\n"
        "   macro avg       0.54      0.54      0.50      1158\nweighted avg       0.78      0.70      0.70      1158\n"
    )

    assert [one.metrics for one in found.ledger.evaluations] == [{"macro f1": 0.5}]


def test_a_message_with_commas_is_no_table(import_text):
    found = import_text("loss, accuracy\nplease look\n1, 2\n", "out.log")

    assert found.formats != ("table of metrics",)


def test_what_stable_baselines_monitors_are_returns(import_text):
    rows = "".join(f"{10.5 * n},{20 + n},{n}.25\n" for n in range(12))

    found = import_text(f'#{{"t_start": 1708701891.7, "env_id": "Hopper"}}\nr,l,t\n{rows}', "monitor.csv")

    [training] = found.ledger.trainings
    assert training.reward == [10.5 * n for n in range(12)]
    assert (found.understood, found.unknown) == (12, 0)


@pytest.mark.parametrize(
    ("name", "series"),
    [
        ("run-site-1-tag-train_loss.csv", "policy_loss"),
        ("loss_data.csv", "policy_loss"),
        ("run-a-tag-grad_norm.csv", "gradient_norm"),
    ],
)
def test_a_scalar_that_tensorboard_exported_is_named_by_its_file(import_text, name, series):
    rows = "".join(f"1753120474.5,{n},{2 / (n + 1)}\n" for n in range(6))

    [training] = import_text(f"Wall time,Step,Value\n{rows}", name).ledger.trainings

    assert getattr(training, series) == [2 / (n + 1) for n in range(6)]


def test_a_scalar_without_a_name_is_not_guessed(import_text):
    assert import_text("Wall time,Step,Value\n1,1,0.5\n2,2,0.4\n", "site-1.csv").ledger.trainings == ()


def test_a_monitor_that_was_begun_again_repeats_its_columns(import_text):
    found = import_text("r,l,t\n1.5,20,0.1\n2.5,20,0.2\nr,l,t\n3.5,20,0.1\n", "monitor.csv")

    assert (found.ledger.trainings[0].reward, found.unknown) == ([1.5, 2.5, 3.5], 0)
