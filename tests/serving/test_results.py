"""Success has its interval and is compared with an arm that is blind; a chunk's time is shared by its actions."""

import pytest

from zk0.serving.results import LatencySummary, TaskResult, judge_success, named_results, result_table
from zk0.simulator.rollout import Rollouts


def result(successes, episodes, non_finite=0):
    return TaskResult.of(Rollouts("lift-left", successes, (30,) * episodes, non_finite))


def test_a_chunk_s_percentiles_are_in_milliseconds_and_an_action_has_its_share():
    found = LatencySummary.of([0.1] * 98 + [0.3, 0.5], actions=10, period=0.1)

    assert (found.chunks, found.period, found.p50, found.p95, found.longest) == (100, 100.0, 100.0, 100.0, 500.0)
    assert found.p99 == pytest.approx(302.0)
    assert (found.action_p50, found.action_p95) == (10.0, 10.0)


@pytest.mark.parametrize(
    ("found", "minimum", "verdict"),
    [
        (result(8, 10), 0.0, "pass"),  # 49 % at least, and a blind arm has 12.5 %
        (result(2, 10), 0.0, "warn"),  # 6 % at least
        (result(0, 2), 0.0, "warn"),
        (result(2, 10), 0.3, "fail"),
        (result(8, 10, non_finite=1), 0.0, "fail"),
        (result(3, 10), 0.3, "warn"),  # reached, and 11 % at least
        (result(4, 10), 0.3, "pass"),  # 17 % at least
    ],
)
def test_success_is_judged_by_its_interval_its_minimum_and_its_numbers(found, minimum, verdict):
    judged = judge_success(found, minimum)

    assert judged.verdict == verdict
    assert {one.name for one in judged.evidence} == {"success rate", "episodes", "interval from", "interval to"}


def test_numbers_and_table_say_by_which_way_they_came():
    latency = LatencySummary.of([0.05], actions=10, period=0.1)

    assert named_results("local", [result(1, 2)], latency)[0] == {
        "name": "lift-left success rate of 2, local",
        "value": 0.5,
        "unit": "",
    }
    heads, row = result_table([result(1, 2)], latency)
    assert len(heads) == len(row)
    assert row[:3] == ["lift-left", "1 of 2 (9% to 91%)", "12.5%"]
