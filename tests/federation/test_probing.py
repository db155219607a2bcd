"""zk0's own aggregation, as a probe calls it: it refuses what the strategy refuses."""

import numpy as np
import pytest

from zk0.core.errors import RoundFailedError
from zk0.federation.probing import aggregate

SENT = {"a": np.zeros(2, dtype=np.float32)}


def update(*values):
    return {"a": np.array(values, dtype=np.float32)}


def test_valid_updates_are_averaged_and_the_others_left_out():
    mean = aggregate([update(1, 2), update(4, 5), update(np.nan, 0), update(9, 9, 9)], [1, 2, 3, 4], SENT)

    np.testing.assert_array_equal(mean["a"], np.array([3, 4], dtype=np.float32))


def test_a_round_without_a_valid_update_is_no_aggregate():
    with pytest.raises(RoundFailedError, match=r"client-0: weight -1\.0 is not a positive number"):
        aggregate([update(1, 2)], [-1], SENT)
    with pytest.raises(RoundFailedError, match="nobody answered"):
        aggregate([], [], SENT)
