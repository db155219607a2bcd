"""What a notebook's cells printed is a log."""

import json


def test_outputs_are_read_in_order(import_text):
    cells = [
        {"cell_type": "code", "source": [], "outputs": [{"output_type": "stream", "text": ["Epoch 1 loss: 0.5\n"]}]},
        {"cell_type": "markdown", "source": ["Epoch 9 loss: 9.9"]},
        {
            "cell_type": "code",
            "source": [],
            "outputs": [
                {"output_type": "execute_result", "data": {"text/plain": "Epoch 2 loss: 0.4"}},
                {
                    "output_type": "error",
                    "traceback": [
                        "\x1b[31mKeyError\x1b[0m          Traceback (most recent call last)",
                        "Cell In[3], line 2\n",
                        "\x1b[31mKeyError\x1b[0m: 'x'",
                    ],
                },
            ],
        },
    ]

    found = import_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}), "work.ipynb")

    assert found.ledger.trainings[0].policy_loss == [0.5, 0.4]
    assert [one.exceptions[-1].type for one in found.ledger.incidents] == ["KeyError"]
