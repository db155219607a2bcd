"""Levels of a loss, few values at a time."""

import pytest

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict
from zk0.diagnostics.jumps import jump_of


def test_few_values_that_agree_and_then_are_all_far_higher_have_jumped(judge, events):
    [finding] = judge("loss.jumps", events.training(policy_loss=[2.773, 2.768, 7.34, 8.72, 7.65, 7.19]))

    assert (finding.verdict, finding.fault) == (Verdict.warned, Fault.loss_jumped)


@pytest.mark.parametrize(
    "losses",
    [
        [2.7, 2.7, 8.7, 2.6, 2.6],  # one odd value
        [1.0, 2.5, 6.0, 7.0, 8.0],  # it grows
        [2.7, 2.7, 4.0, 4.1, 4.0],  # as far as batches differ
        [2.7, 2.7, 8.7],  # too few to say
    ],
)
def test_others_have_not(judge, events, losses):
    assert judge("loss.jumps", events.training(policy_loss=losses))[0].verdict is Verdict.not_available


def test_the_search_takes_time_in_proportion_to_the_values():
    calls = [0, 0]
    for place, count in enumerate((2_000, 8_000)):
        values = Counted([1.0 + 0.001 * (n % 7) for n in range(count)])
        jump_of(values)
        calls[place] = values.read

    assert calls[1] < 6 * calls[0]  # four times as many values


class Counted(list):
    """A list that counts how many of its values are copied into slices."""

    read = 0

    def __getitem__(self, at):
        found = super().__getitem__(at)
        if isinstance(at, slice):
            self.read += len(found)
        return found
