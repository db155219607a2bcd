"""What stands before all messages is learnt, and nothing else is taken for it."""

import pytest

from zk0.ledger.importers.wrappers import learn_beginning, learn_wrappers


def test_the_longest_wrapper_comes_first_and_shorter_ones_are_for_lines_that_lack_a_part():
    lines = [f"server-1  | INFO :      message {number}" for number in range(5)]

    longest, *shorter = learn_wrappers(lines)

    assert longest.cut("server-2  | ERROR :      it failed") == ("it failed", "server-2", "", "ERROR")
    assert longest.cut("server-1  |   File 'a.py'") is None
    assert shorter[-1].cut("server-1  |   File 'a.py'") == ("  File 'a.py'", "server-1", "", "")


@pytest.mark.parametrize(
    "lines",
    [
        [f"Epoch {number}/5: loss {1 / number}" for number in range(1, 6)],
        [f"step: {number} loss: 0.3" for number in range(5)],
        ["one line", "another one"],
    ],
    ids=["epochs", "steps", "too few"],
)
def test_text_that_counts_or_tells_is_no_wrapper(lines):
    assert learn_wrappers(lines) == []


def test_one_line_that_lacks_the_wrapper_does_not_hide_it():
    lines = [f"trainer-1  | {text}" for text in ("loading", "step 1 loss: 2", "  in train", "  in fit") * 4]

    assert len(learn_wrappers([*lines, "Traceback (most recent call last):"])) == 1


def test_what_stood_before_known_messages_is_learnt_where_two_agree_in_their_marks():
    [found] = learn_beginning(["<job 17> ", "<job 18> ", "words without marks "])

    assert found.cut("<job 99> done") == ("done", "", "", "")
    assert found.cut("done") is None


def test_lines_of_two_clients_are_kept_apart_by_their_containers(import_text):
    lines = [f"client-{client}  | Epoch {epoch}/3 loss: {epoch * client}" for epoch in range(1, 4) for client in (1, 2)]

    found = import_text("\n".join(lines) + "\n")

    assert {one.client: one.policy_loss for one in found.ledger.trainings} == {
        "client 1": [1.0, 2.0, 3.0],
        "client 2": [2.0, 4.0, 6.0],
    }


def test_prose_about_a_log_is_no_log(import_text):
    found = import_text(
        "We saw fit progress: (1, 0.5, {}, 1.0) in the server's output.\n"
        "At epoch 3 the loss: 0.4 looked fine, while with lr: 1e-3 the accuracy: 0.1 was bad for all of us.\n"
        "There is no Traceback (most recent call last) in it.\n"
    )

    assert found.ledger.events == ()
    assert found.unknown == 3
