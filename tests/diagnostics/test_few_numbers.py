"""Logs with few numbers: what is sharp enough to name, and what their digits or noise could hide."""

import pytest

from zk0.core.faults import Fault
from zk0.diagnostics.outcome import RunOutcome

STILL = {
    "guessing in the middle of a training": (
        "".join(f"Iteration {78000 + 20 * n}, loss = {6.9063 + 0.0004 * n}\n" for n in range(3)),
        Fault.at_chance,
    ),
    "a score of 0 in every evaluation": ("".join(f"epoch: {n}, v_acc: 0.0000\n" for n in range(4)), Fault.at_chance),
    "one evaluation of two measures that both guess": (
        "".join(
            f"DEBUG flower 2022-09-01 10:46:08,783 | {line}\n"
            for line in (
                "server.py:220 | fit_round 1: strategy sampled 2 clients (out of 2)",
                "server.py:234 | fit_round 1 received 2 results and 0 failures",
                "server.py:170 | evaluate_round 1: strategy sampled 2 clients (out of 2)",
            )
        )
        + "313/313 [==============================] - 4s 10ms/step - loss: 2.3026 - accuracy: 0.1000\n",
        Fault.at_chance,
    ),
    "a federation that hardly beats guessing after a hundred rounds": (
        "".join(
            f"Round {n}, Average loss 2.1, Test loss {2.2 + 0.02 * (n % 6):.3f}, Test accuracy: {13 + 2 * (n % 6)}.0\n"
            for n in range(100, 110)
        ),
        Fault.at_chance,
    ),
    "a part of the loss that no label reaches": (
        "".join(
            f"epoch: [{n}/9], step: {n}0, acc: 0.3, CTCLoss: 0.000000, SARLoss: 1.6{9 - n}, loss: 1.6{9 - n}\n"
            for n in range(1, 7)
        ),
        Fault.labels_missing,
    ),
    "a gradient that is no number, and no loss": (
        "".join(
            f" iteration {n}/ 900 | learning rate: 2.9E-04 | loss scale: 1.0 | grad norm: nan |\n" for n in (54, 55, 56)
        ),
        Fault.loss_not_finite,
    ),
    "a training that never began": (
        "INFO 2025-06-09 11:25:49 ts/train.py:138 Creating policy\nReducing the number of VLM layers to 16 ...\n",
        Fault.killed,
    ),
    "three evaluations that rise tenfold": (
        "".join(f"epoch {n}: val_loss: {value}\n" for n, value in enumerate((0.33, 1.2, 3.6), start=1)),
        Fault.evaluation_rising,
    ),
    "a part of the loss that is no number": (
        "".join(f"Epoch[0] Batch [{20 * n}] Train-SmoothL1=nan\n" for n in range(1, 4)),
        Fault.loss_not_finite,
    ),
}


@pytest.mark.parametrize(("text", "fault"), STILL.values(), ids=STILL)
def test_few_numbers_are_enough_where_they_are_sharp(diagnose_text, text, fault):
    assert diagnose_text(text).root.fault == fault


def test_a_loss_that_comes_down_to_guessing_and_stays_has_learnt_nothing(diagnose_text):
    losses = (2.8634, 2.4627, 2.3462, 2.3128, 2.3059, 2.3039, 2.3042)

    said = diagnose_text("".join(f"Epoch {n}/7, Loss: {loss}\n" for n, loss in enumerate(losses, start=1)))

    assert (said.root.fault, said.whole.outcome) == (Fault.at_chance, RunOutcome.doubtful)


QUIET = {
    "a loss that rises by 7 %": "".join(
        f"step: {n} loss: {0.0268 + 0.00006 * n + 0.0008 * (n % 3):.4f}\n" for n in range(1, 31)
    ),
    "a noisy loss that fell by 4 %": "".join(
        f"step: {n} loss: {5.18 - 0.002 * n + 0.4 * (n % 5 - 2):.4f}\n" for n in range(1, 101)
    ),
    "a noisy loss whose level is one": "".join(
        f"step: {n} loss: {0.0405 + 0.00001 * n - (0.0015 if n > 90 else 0):.5f}\n" for n in range(1, 101)
    ),
    "a rate of which the log prints no digit any more": "".join(
        f"step: {n} loss: {1 / n:.4f} lr: {0.01 * 0.9**n:.5f}\n" for n in range(1, 150)
    ),
    "a log that begins in the last of many epochs": "".join(
        f"Epoch: [{194 + n // 100}/200] Iter [{n % 100:4}/100] || lr: 0.0003 || Loss: {1 + 0.1 * (n % 7 - 3):.4f}\n"
        for n in range(690)
    ),
    "an evaluation printed with two digits": "".join(
        f"epoch: {n} loss: {0.5 / n:.4f} val_loss: 0.0011\n" for n in range(1, 11)
    ),
}


@pytest.mark.parametrize("text", QUIET.values(), ids=QUIET)
def test_what_its_digits_or_its_noise_could_hide_is_no_fault(diagnose_text, text):
    assert diagnose_text(text).problems == ()


ENDED = {
    "a program that logs every 50 steps": "".join(
        f"[{epoch}][{step:4}/1458] lr: 0.001, loss: {2 / (epoch + step / 1458):.4f}\n"
        for epoch in (1, 2)
        for step in range(50, 1458, 50)
    ),
    "an early stop in other words": (
        "".join(f"epoch {n}/40 train_loss: {1 / n:.4f}\n" for n in range(1, 29))
        + "[pretrain] early stop after 28 epochs (no improvement for 6)\n"
    ),
    "capitals": "".join(f"iter {n}00:, hard_loss_metric={1 / n:.4f}, mean_dist=1.0{n}\n" for n in range(1, 60))
    + "Training COMPLETE\n",
}


@pytest.mark.parametrize("text", ENDED.values(), ids=ENDED)
def test_an_end_is_known_by_other_words_and_by_the_distance_of_lines(diagnose_text, text):
    assert "its end" in diagnose_text(text).whole.shown


def test_what_begins_again_after_its_end_and_breaks_off_is_not_healthy(diagnose_text):
    bars = "".join(f"Training: {n}%|██   | {n}/100 [00:05<09:25, 5.7s/it, loss={1 / n:.3f}]\n" for n in range(1, 101))
    begun = "".join(f"Training: {n}%|██   | {n}/100 [00:05<09:25, 5.7s/it, loss={1 / n:.3f}]\n" for n in range(1, 64))

    assert diagnose_text(f"{bars}Training complete!\n").whole.outcome is RunOutcome.healthy
    assert diagnose_text(f"{bars}Training complete!\n{begun}").whole.outcome is RunOutcome.unknown
