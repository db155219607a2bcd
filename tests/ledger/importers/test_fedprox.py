"""The lines of FedProx's reference code."""

import pytest

ROUND = "At round {n} accuracy: {x}\nAt round {n} training accuracy: 0.05\nAt round {n} training loss: {y}\n"


@pytest.mark.parametrize("word", ["", "testing ", "test "])
def test_the_accuracy_is_of_the_test_data(import_text, word):
    text = "".join(ROUND.format(n=n, x=0.25 + n / 10, y=2 - n / 10) for n in range(4))

    found = import_text(text.replace(" accuracy", f" {word}accuracy", 1))

    assert [one.metrics["accuracy"] for one in found.ledger.evaluations] == [0.25, 0.35, 0.45, 0.55]
    assert [one.accuracy for one in found.ledger.trainings] == [[0.05, None]] * 4
    assert "FedProx" in found.formats[0]
