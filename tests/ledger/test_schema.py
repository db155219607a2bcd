"""What can't be measured is null with a reason, and whatever is written can be read again."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from zk0.ledger import Aggregation, Evaluation, Reply, Setting, Training
from zk0.ledger.schema import EVENT

STEPS = 3
SERIES = (
    "policy_loss",
    "proximal_loss",
    "total_loss",
    "gradient_norm",
    "proximal_ratio",
    "learning_rate",
    "drift",
)

anything = st.floats(allow_nan=True, allow_infinity=True, width=64)
series = st.lists(st.none() | anything, min_size=STEPS, max_size=STEPS)
trainings = st.builds(
    Training,
    round=st.integers(1, 99),
    client=st.text(),
    partition=st.integers(0, 9),
    steps=st.just(STEPS),
    batch_size=st.integers(1, 64),
    examples=st.integers(1),
    settings=st.dictionaries(
        st.text(),
        st.booleans() | st.integers() | st.floats(allow_nan=False, width=32).filter(math.isfinite) | st.text(),
    ),
    **dict.fromkeys(SERIES, series),
    update_norm=st.dictionaries(st.text(), anything),
    digest_in=st.text(),
    digest_out=st.text(),
)
evaluations = st.builds(
    Evaluation,
    round=st.integers(0, 99),
    dataset=st.text(),
    role=st.sampled_from(["held-out", "unseen"]),
    loss=st.none() | anything,
    frames=st.integers(0),
    digest=st.text(),
    missing=st.just({}),
)


def evaluation(**fields):
    return Evaluation(**{"round": 1, "dataset": "left", "role": "held-out", "frames": 30, "digest": "b"} | fields)


@settings(deadline=None)
@given(trainings | evaluations)
def test_no_number_that_is_not_finite_is_written_and_all_that_is_written_is_read(event):
    line = event.model_dump_json()

    def refuse(constant):
        raise AssertionError(f"{constant} is written as a number")

    json.loads(line, parse_constant=refuse)
    assert EVENT.validate_json(line) == event


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_is_null_with_that_reason(loss):
    found = evaluation(loss=loss)

    assert found.loss is None
    assert found.missing == {"loss": "not finite"}


def test_steps_that_are_not_finite_are_null_and_the_reason_that_was_given_stays(events):
    fields = events[2].model_dump() | {
        "policy_loss": [1.5, math.inf],
        "drift": [0.0, math.nan],
        "update_norm": {"expert": math.inf},
        "missing": {"drift": "measured every 10 steps"},
    }

    found = Training(**fields)

    assert found.policy_loss == [1.5, None]
    assert found.update_norm == {"expert": None}
    assert found.missing == {
        "policy_loss": "not finite",
        "update_norm": "not finite",
        "drift": "measured every 10 steps",
    }


def test_a_loss_that_was_not_measured_keeps_its_reason():
    found = EVENT.validate_json(evaluation(loss=None, missing={"loss": "no frame could be decoded"}).model_dump_json())

    assert found.loss is None
    assert found.missing == {"loss": "no frame could be decoded"}


def test_a_round_without_an_aggregate_says_why():
    failed = Aggregation(
        round=1,
        sampled=["left"],
        accepted=[],
        rejected=[],
        digest_in="a",
        digest_out=None,
        update_norm=None,
        missing={"digest_out": "no valid reply", "update_norm": "no valid reply"},
    )

    line = json.loads(failed.model_dump_json())

    assert (line["digest_out"], line["update_norm"]) == (None, None)
    assert line["missing"] == {"digest_out": "no valid reply", "update_norm": "no valid reply"}


def test_a_number_that_has_to_be_there_is_refused_when_it_is_not_finite():
    with pytest.raises(ValidationError, match="finite number"):
        Reply(client="left", weight=math.nan, digest="b")


@pytest.mark.parametrize("name", SERIES)
def test_a_series_has_one_entry_a_step(events, name):
    with pytest.raises(ValidationError, match=rf"{name} has 3 entries for 2 steps"):
        Training(**events[2].model_dump() | {name: [1.0, 2.0, 3.0]})


def test_an_unknown_field_is_refused():
    with pytest.raises(ValidationError, match="accuracy"):
        evaluation(loss=1.0, accuracy=0.9)


@pytest.mark.parametrize("value", [True, 1, 1.0, "1"])
def test_a_setting_keeps_its_type(value):
    read = Setting.model_validate_json(Setting(value=value, source="default").model_dump_json())

    assert (read.value, type(read.value)) == (value, type(value))


def test_the_mean_loss_is_that_of_the_steps_that_have_one(events):
    training = Training(**events[2].model_dump() | {"policy_loss": [1.5, None]})

    assert training.mean_policy_loss == 1.5
