from zk0.tuning.candidates import finer, ladder


def test_the_ladder_descends_by_tens_to_fedavg():
    assert ladder(0.1) == [0.1, 0.01, 0.001, 0.0001, 0.0]


def test_the_current_value_stays_as_it_is_written():
    assert ladder(0.0123456)[0] == 0.0123456


def test_from_fedavg_the_ladder_ascends():
    assert ladder(0.0) == [0.0, 0.001, 0.01, 0.1]


def test_finer_steps_halve_the_wider_side_of_the_best():
    tried = [0.1, 0.01, 0.001, 0.0001, 0.0]

    assert finer(0.01, tried) == 0.032
    assert finer(0.01, [*tried, 0.032]) == 0.0032
    assert finer(0.01, [*tried, 0.032, 0.0032]) == 0.018


def test_beyond_the_largest_value_is_a_side_too():
    assert finer(0.1, [0.1, 0.01, 0.001]) == 0.32


def test_values_close_to_one_that_was_tried_are_left_out():
    assert finer(0.002, [0.001, 0.002, 0.0039]) is None


def test_there_is_nothing_finer_than_fedavg():
    assert finer(0.0, [0.0, 0.001]) is None
