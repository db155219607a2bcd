"""The everyday formats of other programs, each by a few of its lines."""

import json
from collections.abc import Callable

import pytest

TRAINER = """  Num Epochs = 3
{'loss': 0.69, 'grad_norm': 1.2, 'learning_rate': 1e-05, 'epoch': 0.1}
{'loss': nan, 'grad_norm': nan, 'learning_rate': 9e-06, 'epoch': 0.2}
{'eval_loss': 0.5, 'eval_runtime': 3.2, 'epoch': 3.0}
{'train_runtime': 300.1, 'train_loss': 0.4, 'epoch': 3.0}
"""
KERAS = """Epoch 1/2
100/100 [==============================] - 3s 30ms/step - loss: 0.69 - accuracy: 0.5 - val_loss: 0.7
Epoch 2/2
100/100 ━━━━━━━━━━━━━━━━━━━━ 3s 30ms/step - loss: 0.59 - accuracy: 0.6 - val_loss: 0.6
"""
LIGHTNING = """Epoch 0:  50%|█████     | 50/100 [00:01<00:01, 42.12it/s, v_num=3, train_loss=0.69]
Epoch 0: 100%|██████████| 100/100 [00:02<00:00, 42.12it/s, v_num=3, train_loss=0.59, val_loss=0.61]
`Trainer.fit` stopped: `max_epochs=1` reached.
"""
ULTRALYTICS = """
      Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size
        1/3      2.3G          1          2          1        217        640: 100%|██████████| 8/8 [00:03<00:00]
                 Class     Images  Instances      Box(P          R      mAP50  mAP50-95): 100%|██████████| 4/4
                   all        128        929      0.64       0.53      0.605      0.446

      Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size
        2/3      2.3G        nan        nan        nan        217        640: 100%|██████████| 8/8 [00:03<00:00]
"""
RSL_RL = """                      Learning iteration 0/1500
               Value function loss: 0.0123
                    Surrogate loss: 0.5
                      Learning iteration 1/1500
                    Surrogate loss: 0.4
"""
OPENPI = """22:01:02.123 [I] Running on: host (4121:train.py:195)
Progress on: 200it/30.0kit rate:1.2it/s remaining:6:00:00 elapsed:02:10 postfix:-
Step 0: grad_norm=0.4100, loss=0.0200, param_norm=1800.1000
Step 100: grad_norm=0.3100, loss=0.0150, param_norm=1800.1000
"""
MARKDOWN = """| Epoch | Train loss | Val loss |
|-------|------------|----------|
| 1     | 0.69       | 0.70     |
| 2     | 0.59       | 0.61     |
"""
SPACY = """E    #       LOSS TOK2VEC  LOSS NER  ENTS_F  SCORE
---  ------  ------------  --------  ------  ------
  0       0          0.09      0.60    1.00    0.01
  0     200          0.19      0.40    9.00    0.09
"""
COLUMNS = """epoch   train_loss   val_loss
1       0.69         0.70
2       0.59         0.61
"""


@pytest.mark.parametrize(
    ("text", "losses", "evaluations", "planned"),
    [
        (TRAINER, [0.69], [0.5], {"epoch": 3}),
        (KERAS, [0.69, 0.59], [0.7, 0.6], {"epoch": 2}),
        (LIGHTNING, [0.69, 0.59], [0.61], {"epoch": 1}),
        (ULTRALYTICS, [4.0], [None], {"epoch": 3}),
        (RSL_RL, [0.5, 0.4], [], {"step": 1500}),
        (OPENPI, [0.02, 0.015], [], {"step": 30_000}),
        (MARKDOWN, [0.69, 0.59], [0.7, 0.61], {}),
        (COLUMNS, [0.69, 0.59], [0.7, 0.61], {}),
        (SPACY, [0.69, 0.59], [], {}),
        (
            "".join(f"1|{n}|Loss: {1 / n}:  1%|▏  | {n}/80 [00:01<10:00,  1.1it/s]\n" for n in (1, 2)),
            [1, 0.5],
            [],
            {"step": 80},
        ),
        (
            "".join(f'[2026-01-01 10:0{n}:00][inner] - {{"update": 0.{n}, "loss": "{n}.5"}}\n' for n in (1, 2, 3)),
            [1.5, 2.5, 3.5],
            [],
            {},
        ),
        ("".join(f"Round {n}:\ntrain_loss: {1 / n}, 10th percentile: 0.1\n" for n in (1, 2)), [1, 0.5], [], {}),
        ("Epoch;loss;val_loss\n1;0,69;0,70\n2;0,59;0,61\n", [0.69, 0.59], [0.7, 0.61], {}),
    ],
    ids=[
        "trainer",
        "keras",
        "lightning",
        "ultralytics",
        "rsl_rl",
        "openpi",
        "markdown",
        "columns",
        "spacy",
        "torchtune",
        "fairseq",
        "leaf",
        "decimal commas",
    ],
)
def test_a_program_s_losses_are_read(import_text, text, losses, evaluations, planned):
    ledger = import_text(text).ledger

    values = [value for one in ledger.trainings for value in one.policy_loss if value is not None]
    assert values == pytest.approx(losses)
    assert [one.loss for one in ledger.evaluations] == evaluations
    assert {one.unit: one.planned for one in ledger.progress if one.planned} == planned


def test_the_steps_without_a_finite_number_are_listed_and_the_others_counted(import_text):
    [training] = import_text(TRAINER).ledger.trainings

    assert (training.logged, training.not_finite) == (2, {"policy_loss": [1], "gradient_norm": [1]})


def test_the_means_at_the_end_are_the_end_and_no_step(import_text):
    ledger = import_text(TRAINER).ledger

    assert ledger.closed is not None
    assert ledger.trainings[0].steps == 2


def test_what_was_taken_for_what_is_noted(import_text):
    assert any("Train loss as policy_loss" in note for note in import_text(MARKDOWN).notes)


def test_the_token_with_which_nvflare_registers_a_client_is_no_secret_that_was_shown(import_text):
    found = import_text(
        "2022-11-13 05:22:02,506 - ClientManager - INFO - Client: New client site-1@ joined. Sent token: "
        "0bfb62c9-b623-4f61-ad43-444514009a17.  Total clients: 1\n"
        "2022-11-13 05:22:02,508 - FederatedClient - INFO - Successfully registered client:site-1 for project "
        "simulator_server. Token:0bfb62c9-b623-4f61-ad43-444514009a17 SSID:\n"
        "2022-11-13 05:22:09,106 - ScatterAndGather - INFO - [run=1, wf=scatter_gather_ctl]: Round 0 started.\n"
    )

    assert (found.ledger.incidents, found.unknown) == ((), 0)


def test_lightning_s_early_stopping_is_read_where_the_log_has_no_bars(import_text):
    best = "".join(f"Metric val_loss improved by 0.01 >= min_delta = 0.0. New best score: 0.{n}\n" for n in (9, 6, 4))
    found = import_text(
        f"GPU available: True (cuda), used: True\n{best}"
        "Monitored metric val_loss did not improve in the last 5 records. Best score: 0.4. Signaling Trainer to stop.\n"
    )

    assert [one.loss for one in found.ledger.evaluations] == [0.9, 0.6, 0.4]
    assert (found.ledger.closed.outcome, found.unknown) == ("done", 0)


def test_a_level_before_a_name_is_no_part_of_it(import_text):
    head = "2024-11-28 21:11:31,517 Actor_3 INFO"
    rows = "".join(f"{head} episodic returns: {n}.0, total_time: {n}50, episode: {n}\n" for n in range(15, 19))

    [training] = import_text(rows).ledger.trainings

    assert training.reward == [15.0, 16.0, 17.0, 18.0]


def test_nvflare_s_lanes_are_its_identities(import_text):
    line = "2024-01-01 10:00:00,123 - {} - INFO - [identity={}, run=simulate_job]: {}\n"
    found = import_text(
        line.format("ScatterAndGather", "simulator_server", "Round 0 started.")
        + line.format("Trainer", "site-1", "Epoch: 1/4, Iteration: 0, Loss: 2.3")
        + line.format("Trainer", "site-2", "Epoch: 1/4, Iteration: 0, Loss: 2.4")
        + line.format("ScatterAndGather", "simulator_server", "Contribution from site-1 ACCEPTED by the aggregator.")
        + line.format("ClientRunManager", "site-2", "failed to send task result: timeout")
    )

    assert {one.client: one.policy_loss for one in found.ledger.trainings} == {"client 1": [2.3], "client 2": [2.4]}
    assert [(one.round, len(one.accepted)) for one in found.ledger.aggregations] == [(1, 1)]
    assert [one.client for one in found.ledger.incidents] == ["client 2"]


@pytest.mark.parametrize(("last", "ended"), [(2, True), (1, False)])
def test_a_client_of_nvflare_is_asked_to_end_behind_its_last_round_as_well(import_text, last, ended):
    line = "2024-01-01 10:00:{:02},123 - {} - INFO - [identity=site-1, run=1b37]: {}\n"
    rounds = "".join(
        line.format(10 * number, "Learner", f"val_acc_global_model (global_model): 0.{50 + number}")
        + line.format(10 * number + 1, "Learner", f"Current/Total Round: {number}/2")
        + line.format(10 * number + 2, "Learner", f"val_acc_local_model: 0.{60 + number}")
        for number in range(1, last + 1)
    )
    ledger = import_text(rounds + line.format(59, "ClientRunner", "ABORT (RUN) command received")).ledger

    assert ledger.closed is not None if ended else [one.kind for one in ledger.incidents] == ["interrupted"]
    accuracies = {(one.dataset, one.round): one.metrics["accuracy"] for one in ledger.evaluations}
    assert accuracies.items() >= {("client 1, global model", 1): 0.51, ("client 1, local model", 1): 0.61}.items()


@pytest.mark.parametrize("end", ["Training done", "`Trainer.fit` stopped: `max_epochs=3` reached."])
def test_an_end_is_found_behind_a_time_that_no_prefix_has(import_text, end):
    """Rich's: day, month and year."""
    rows = "".join(f"[12/09/24 13:5{n}:50] INFO   Epoch {n}: loss 5.3e+0{n}  v_loss 1.0\n" for n in range(3))

    assert import_text(f"{rows}[13/09/24 21:52:46] INFO   {end}\n").ledger.closed is not None


def test_flower_before_1_0_numbers_no_round(import_text):
    line = "DEBUG flower 2022-06-06 01:06:07,874 | server.py:{} | {}\n"
    found = import_text(
        "".join(
            line.format(161, f"{phase}_round: strategy sampled 2 clients (out of 2)")
            + line.format(174, f"{phase}_round received {answered} results and {2 - answered} failures")
            for phase, answered in (("fit", 2), ("evaluate", 0), ("fit", 0), ("evaluate", 2))
        )
    )

    assert [(one.round, len(one.accepted)) for one in found.ledger.aggregations] == [(1, 2), (2, 0)]
    assert [(one.round, one.failed) for one in found.ledger.evaluation_replies] == [(1, 2), (2, 0)]


def test_a_log_that_begins_far_behind_step_0_loses_no_value(import_text):
    rows = "".join(json.dumps({"train_loss": step / 1e5, "global_step": step}) + "\n" for step in range(92_637, 92_640))

    [training] = import_text(rows).ledger.trainings

    assert (training.steps, training.logged) == (3, 3)


def test_a_quoted_line_amid_a_sentence_is_not_read(import_text):
    assert (
        import_text("in the docs, [ROUND 3] and loss: 0.4 stand for what we call a good start of it\n").ledger.events
        == ()
    )


def test_losses_in_columns_without_a_total_are_added(import_text):
    ledger = import_text(
        "epoch,train/box_loss,train/cls_loss,val/box_loss,val/cls_loss,lr/pg0\n1,1,2,1.5,2.5,0.1\n2,1,1,1,2,0.1\n",
        "results.csv",
    ).ledger

    assert ledger.trainings[0].policy_loss == [3.0, 2.0]
    assert [one.loss for one in ledger.evaluations] == [4.0, 3.0]
    assert [(one.unit, one.reached) for one in ledger.progress] == [("epoch", 2)]


def test_the_trainer_s_state_says_how_far_it_came(import_text):
    state = {
        "log_history": [{"loss": 0.5, "step": 10}, {"loss": 0.4, "step": 20}],
        "global_step": 20,
        "max_steps": 100,
        "epoch": 0.6,
        "num_train_epochs": 3,
    }

    ledger = import_text(json.dumps(state), "trainer_state.json").ledger

    assert [(one.unit, one.reached, one.planned) for one in ledger.progress] == [("step", 20, 100), ("epoch", 0.6, 3)]


def test_a_log_whose_lines_begin_with_a_list_is_no_json(import_text):
    lines = [f"[1,0]<stdout>:2020-12-23 23:07:21 INFO     Train step {step} -- Loss: 1.{step}\n" for step in range(3)]

    assert import_text("".join(lines)).ledger.trainings[0].policy_loss == [1.0, 1.1, 1.2]


def test_a_column_that_says_how_many_steps_there_will_be_is_their_plan(import_text):
    """LLaMA-Factory's `trainer_log.jsonl`; where such a column counts, it is none."""

    def planned(total: Callable[[int], int]) -> float | None:
        rows = (json.dumps({"current_steps": n, "total_steps": total(n), "loss": 3 - n / 9}) for n in range(1, 9))
        return next(one.planned for one in import_text("\n".join(rows)).ledger.progress if one.unit == "step")

    assert planned(lambda _: 8) == 8
    assert planned(lambda n: 4096 * n) is None


def test_a_final_accuracy_is_the_end_of_its_run(import_text):
    rows = "".join(f"LR: 0.0001, Loss: {3 - n / 9:.2f}, Acc: {n / 10}, iter {n}\n" for n in range(9))

    assert import_text(f"{rows}**** Final test accuracy: 96.90. ****\n").ledger.closed is not None
    assert import_text(f"{rows}**** Zero-shot test accuracy: 54.5. ****\n").ledger.closed is None


def test_an_accuracy_beside_the_loss_of_an_evaluation_is_of_that(import_text):
    """PaddlePaddle's 3D ResNets: the same names for both, but for the loss."""
    rows = "".join(
        f"epoch {n} train loss_avg: {2 - n / 5:.2f} top1_avg: 0.9{n}\nepoch {n} val loss_avg: 2.5 top1_avg: 0.4{n}\n"
        for n in range(1, 6)
    )
    ledger = import_text(rows).ledger

    assert [one.metrics["accuracy"] for one in ledger.evaluations] == [0.41, 0.42, 0.43, 0.44, 0.45]
    assert [value for one in ledger.trainings for value in one.accuracy] == [0.91, 0.92, 0.93, 0.94, 0.95]
