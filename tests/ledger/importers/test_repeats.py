"""Rows that are taken as the last one was give the ledger that reading each of them gives."""

import random

import pytest

from zk0.ledger.importers import import_ledgers, numbers

EPOCHS, STEPS = 4, 30


def rows(form, seed=0):
    draw = random.Random(seed)
    for epoch in range(1, EPOCHS + 1):
        for step in range(STEPS):
            loss = 2 / (epoch + step / STEPS) + 0.01 * draw.random()
            values = {"e": epoch, "n": step, "x": loss, "a": 100 * draw.random(), "t": (epoch - 1) * STEPS + step}
            yield form.format(**values, share=epoch + step / STEPS, y=draw.random())


FORMS = {
    "steps begin again with each epoch": "Epoch [{e}/4], Step [{n}/30], Loss: {x:.4f}, lr: 0.0010, grad_norm: {y:.3f}",
    "steps of the whole": "step {t}/120 loss {x:.4f} acc: {a:.1f}%",
    "a share of an epoch": "{{'loss': {x:.4f}, 'grad_norm': {y:.5f}, 'learning_rate': 1e-05, 'epoch': {share:.2f}}}",
    "behind a time and a level": "2026-01-02 03:04:05,678 | INFO | epoch {e} step {n}: loss: {x:.4f}, cls_loss: 0.0000",
    "no counter": "loss: {x:.4f}, grad_norm: {y:.3f}",
    "far behind the beginning": "step 5{t:05d}: loss: {x:.3e}",
}
BETWEEN = {
    "nothing": [],
    "an evaluation": ["val loss: 0.7000, val acc: 0.5"],
    "a heading": ["Epoch 2/4"],
    "a loss that is none": ["step 3 loss nan"],
    "a table": ["epoch  train_loss  val_loss", "1      0.6900      0.7000"],
    "a second start": ["INFO :      Starting Flower ServerApp", "INFO :      [INIT]", "INFO :      [ROUND 1]"],
    "a client's name": ["[client 2] loss: 0.5000, step: 4"],
    "a client's heading": ["--- Client 7 ---"],
    "other clients' rows": ["Client 3 loss: 0.5", "Client 4 loss: 0.6", "Client 3 loss: 0.4"],
    "a traceback": ["Traceback (most recent call last):", '  File "a.py", line 1, in <module>', "ValueError: no"],
}


@pytest.mark.parametrize("between", BETWEEN.values(), ids=BETWEEN)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_ledger_is_that_of_reading_each_row(tmp_path, monkeypatch, form, between):
    lines = list(rows(form))
    lines[70:70] = between
    lines[95:95] = between
    path = tmp_path / "some.log"
    path.write_text("\n".join(lines))
    quick = _runs(path)

    monkeypatch.setattr(numbers, "repeated_row", lambda *_: None)

    assert _runs(path) == quick


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_few_rows_are_read_by_themselves(import_text, monkeypatch, form):
    taken, take = [], numbers.take_measured
    monkeypatch.setattr(numbers, "take_measured", lambda *args, **kw: taken.append(args) or take(*args, **kw))

    import_text("\n".join(rows(form)))

    assert len(taken) < 10 * EPOCHS


def _runs(path):
    return [
        (found.understood, found.noise, found.unknown, [event.model_dump(exclude={"read_at"}) for event in events])
        for found in import_ledgers([path])
        for events in [found.ledger.events]
    ]
