"""Numbers with names are found in any line, and sentences are none."""

from math import nan

import pytest

from zk0.ledger.importers.metric_names import meanings
from zk0.ledger.importers.pairs import find_pairs


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "Epoch 3/5, Train Loss: 0.41, Val Acc: 93.1%",
            {"epoch": 3, "policy_loss": 0.41, "evaluation_accuracy": 0.931},
        ),
        ("{'loss': 0.41, 'grad_norm': 1.2, 'epoch': 0.1}", {"policy_loss": 0.41, "gradient_norm": 1.2, "epoch": 0.1}),
        ("{'loss': '0.41', 'learning_rate': '1e-05'}", {"policy_loss": 0.41, "learning_rate": 1e-5}),
        ("Epoch [1/5], Step [100/600], Loss: 0.4124", {"epoch": 1, "step": 100, "policy_loss": 0.4124}),
        ("Epoch(train)  [1][  50/1000]  lr: 1.0e-03  loss: 0.41", {"epoch": 1, "step": 50, "policy_loss": 0.41}),
        ("[1,  2000] loss: 2.173", {"epoch": 1, "step": 2000, "policy_loss": 2.173}),
        ("Epoch 1 loss 0,41", {"epoch": 1, "policy_loss": 0.41}),
        ("loss: tensor(0.4123, device='cuda:0')", {"policy_loss": 0.4123}),
        ("Average loss: 0.0481, Accuracy: 9840/10000 (98%)", {"policy_loss": 0.0481, "accuracy": 0.984}),
        ("step 504 - loss 101.25 - moving ave loss 101.46", {"step": 504, "policy_loss": 101.25}),
        ("    2 101.78 s run, 11.8750 loss, 0.0001 LR", {"policy_loss": 11.875, "learning_rate": 0.0001}),
        ("|    loss                 | 20.1        |", {"policy_loss": 20.1}),
        ("The training loss for Epoch 1 is 7.39", {"epoch": 1, "policy_loss": 7.39}),
        ("[Loss] 0.41 | [step]  7 | [dir] ./a/b_c/d_e", {"policy_loss": 0.41, "step": 7}),
        ("epoch: [1/9], iter: 10, loss: nanxxx", {"epoch": 1, "step": 10, "policy_loss": nan}),
        ("losses/total_loss: 0.4", {"policy_loss": 0.4}),
        ("[7]\ttrain-rmse:0.41\teval-rmse:0.52", {"step": 7, "policy_loss": 0.41, "evaluation": 0.52}),
        ("[7]\ttraining's l2_mse: 0.41\tvalid_1's l2_mse: 0.52", {"policy_loss": 0.41, "evaluation": 0.52}),
        ("7:\tlearn: 0.41\ttest: 0.52\tbest: 0.52 (7)\ttotal: 3.3ms", {"step": 7, "policy_loss": 0.41}),
        ("Step 50/900; acc:  4.15; xent: 8.21; lr: 0.001; 500/400 tok/s", {"step": 50, "policy_loss": 8.21}),
        ("Ep. 1 : Up. 50 : Cost 7.51 : Time 10.1s : gNorm 1.2", {"policy_loss": 7.51}),
        ("Round 3, one train result train_loss: 0.41", {"round": 3, "policy_loss": 0.41}),
        ("{'metric_name': 'train_loss', 'metric_value': 0.41, 'round': 3}", {"round": 3, "policy_loss": 0.41}),
        ("Epoch 1 | iter 10 step 1 | loss train: 0.41, val: n/a", {"policy_loss": 0.41}),
        ("TestLoss: 0.41, TestAcc: 0.9", {"evaluation": 0.41, "evaluation_accuracy": 0.9}),
        ("Value function loss: 0.0123", {"value_loss": 0.0123}),
        ("Batch 3/9, Loss    5.19, KL-Loss    0.00", {"step": 3, "policy_loss": 5.19}),
        ("epoch 3 val-loss 0.52 -loss 0.41", {"evaluation": 0.52, "policy_loss": 0.41}),
        ("[1] \"[85]:  train's auc:1  test's auc:0.45\"", {"step": 85, "accuracy": 1, "evaluation_accuracy": 0.45}),
        ("Testing MSE: 7.3, Training MSE: 3.1", {"evaluation": 7.3, "policy_loss": 3.1}),
        ("Logp chosen: 0.55, rejected: 1.81, reward: 1.26, loss: 0.4", {"policy_loss": 0.4, "reward": None}),
    ],
)
def test_names_and_values_are_found(line, expected):
    pairs = find_pairs(line)
    found = {name: pairs.values[column] for name, column in meanings(list(pairs.values)).items()}

    assert pairs.is_row
    assert {name: found.get(name) for name in expected} == pytest.approx(expected, nan_ok=True)
    assert expected or not found


def test_what_is_planned_is_no_measurement():
    assert find_pairs("  Total optimization steps = 1,000").planned == {"step": 1000}
    assert find_pairs("num_rounds=5 max_epochs: 3").planned == {"round": 5, "epoch": 3}


def test_a_sentence_is_no_row():
    assert not find_pairs("At epoch 3 the loss: 0.4 exploded because the lr = 0.1 was far too large for us").is_row
