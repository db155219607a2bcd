"""A thinned series keeps what one would see of it."""

import math

from zk0.ledger.importers.records import MOST_ENTRIES, Series, TrainingRecord


def made(values) -> Series:
    series = Series()
    for step, value in enumerate(values):
        series.put(step, value)
    return series


def test_halving_keeps_extremes_in_their_order():
    series = made([5.0, 1.0, 2.0, 3.0, 4.0, 9.0, 0.0, 7.0, 6.5])

    series.halve()

    assert series.as_list(6) == [5.0, 1.0, 9.0, 0.0, 6.5, None]


def test_thinning_goes_on_while_values_come():
    series = made([0.0, 1.0, 2.0, 3.0])
    series.halve()

    for step, value in ((4, 5.0), (5, 8.0), (6, 4.0), (7, 6.0)):
        series.put(step, value)

    assert series.as_list(4) == [0.0, 3.0, 8.0, 4.0]


def test_steps_without_a_value_stay_without():
    series = Series()
    for step in (2, 9):
        series.put(step, float(step))
    assert series.as_list(10) == [None, None, 2.0, *[None] * 6, 9.0]

    series.halve()

    assert [value for value in series.as_list(6) if value is not None] == [2.0, 9.0]


def test_a_training_of_any_length_takes_bounded_room_and_says_so():
    record = TrainingRecord("client 1", 1, file="f", read_from="f:1")
    spike = 123_456
    for step in range(300_000):
        record.put(step, {"policy_loss": 99.0 if step == spike else 1.0 + math.sin(step)})

    event = record.event()

    assert event.steps <= MOST_ENTRIES + 4
    assert max(event.policy_loss) == 99.0
    assert event.missing["steps"].startswith("300000 steps; of every")


def test_a_step_number_from_another_world_takes_no_memory():
    record = TrainingRecord("client 1", 1, file="f", read_from="f:1")
    record.put(1, {"policy_loss": 2.0})

    record.put(10**15, {"policy_loss": 1.0})

    assert [value for value in record.event().policy_loss if value is not None] == [2.0, 1.0]


def test_a_value_that_is_not_finite_is_null_with_the_reason():
    record = TrainingRecord("client 1", 1, file="f", read_from="f:1")
    for step, value in enumerate((1.0, math.nan, math.inf)):
        record.put(step, {"policy_loss": value})

    event = record.event()

    assert event.policy_loss == [1.0, None, None]
    assert event.missing["policy_loss"] == "not finite"
    assert event.faults.non_finite_losses == 2
