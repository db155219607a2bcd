"""Lines read by the places of their numbers say what a search through them says."""

import random

import pytest

from zk0.ledger.importers import shapes
from zk0.ledger.importers.pairs import find_pairs
from zk0.ledger.importers.shapes import CHECKED, ShapeReader

ROWS = {
    "counters": "Epoch [{e}/600], Step [{n}/1000], Loss: {x:.4f}, lr: 0.0010, grad_norm: {y:.3f}",
    "a dict": "{{'loss': {x:.4f}, 'grad_norm': {y}, 'learning_rate': {z}, 'epoch': {e}.5}}",
    "percent and milliseconds": "step {n}: train loss {x:.3f} | acc: {p:.1f}% | step time: {n}ms",
    "negative or not": "iter {n} reward: {s:.2f} loss: {x:.3f}",
    "a share of two numbers": "epoch {e}: loss: {x:.3f}, acc: {n}/1000",
    "names with digits": "epoch {e} | top1: {p:.2f} | map50: {x:.3f} | loss: {y:.3f}",
    "thousands": "step: {n:,} loss: {x:.3f}",
    "a number that is none": "step: {n} loss: nan grad_norm: {y:.3f}",
    "no number at all": "top1: nan | loss: nan",
    "exponents": "step: {n} loss: {x:.3e} lr: {z}",
    "a sentence": "after {n} steps the best loss so far was {x:.3f} and it took {e} minutes to get there",
    "a table's cell": "| epoch {e} | train ppl {x:.2f} | valid loss {y:.3f} |",
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_what_is_read_by_places_is_what_a_search_finds(row):
    draw, reader = random.Random(0), ShapeReader()

    for n in range(60):
        values = {"e": n // 20, "n": n * 37, "x": draw.random(), "y": draw.random() * 9, "z": 10 ** -draw.randint(1, 6)}
        line = row.format(**values, p=100 * draw.random(), s=draw.random() - 0.5)

        assert repr(reader.pairs(line)) == repr(find_pairs(line))


def test_two_numbers_that_were_equal_are_told_apart_when_they_differ():
    reader = ShapeReader()
    for n in range(CHECKED + 5):
        reader.pairs(f"epoch {n}, step {n}, loss: 0.50, val_loss: 0.50")

    found = reader.pairs("epoch 90, step 7, loss: 0.40, val_loss: 0.30")

    assert found.values == {"epoch": 90, "step": 7, "loss": 0.4, "val_loss": 0.3}


def test_a_row_is_searched_a_few_times_only(monkeypatch):
    searched = []
    monkeypatch.setattr(shapes, "find_pairs", lambda text: searched.append(text) or find_pairs(text))
    reader = ShapeReader()

    for n in range(500):
        reader.pairs(f"epoch {n % 9}/9, step {n}, loss: {1 / (n + 1):.4f}")

    assert len(searched) < 3 * CHECKED


def test_texts_that_never_repeat_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(shapes, "MOST_SHAPES", 5)
    reader = ShapeReader()

    for n in range(50):
        reader.pairs(f"{'x' * n}loss: 0.5")

    assert sum(map(len, reader._shapes.values())) == 5
