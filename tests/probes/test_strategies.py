"""A strategy's own `aggregate_fit` is called as Flower's server calls it, on a strategy that is made."""

import pytest

from zk0.core.verdicts import Verdict
from zk0.probes.judging import judge

HEAD = """\
import numpy as np
from flwr.common import ndarrays_to_parameters, parameters_to_ndarrays
from flwr.server.strategy import FedAvg


class {name}(FedAvg):
    def __init__(self, scale: float = 1.0, **rest):
        super().__init__(**rest)
        self.scale = scale

    def aggregate_fit(self, server_round, results, failures):
        if not results:
            return None, {{}}
        arrays = [parameters_to_ndarrays(answer.parameters) for _, answer in results]
        counts = [answer.num_examples for _, answer in results]
"""
MEAN = """\
        mean = [sum(n * a for n, a in zip(counts, each)) / sum(counts) for each in zip(*arrays)]
        return ndarrays_to_parameters([(self.scale * each).astype("float32") for each in mean]), {}
"""
FROM_THE_FIRST = """\
        steps = [[(a - b) / n for a, b in zip(each, arrays[0])] for each, n in zip(arrays, counts)]
        moved = [sum(each) / len(arrays) for each in zip(*steps)]
        return ndarrays_to_parameters([a + self.scale * b for a, b in zip(arrays[0], moved)]), {}
"""
FROM_THE_ROUND = """\
        start = parameters_to_ndarrays(self.sent)
        steps = [[(a - b) / n for a, b in zip(each, start)] for each, n in zip(arrays, counts)]
        moved = [sum(each) / len(arrays) for each in zip(*steps)]
        return ndarrays_to_parameters([a + self.scale * b for a, b in zip(start, moved)]), {}

    def configure_fit(self, server_round, parameters, client_manager):
        self.sent = parameters
        return super().configure_fit(server_round, parameters, client_manager)
"""


def points(tmp_path, name, body):
    (tmp_path / "strategy.py").write_text(HEAD.format(name=name) + body)
    target = f"strategy.py:{name}.aggregate_fit"
    return {each.check.rpartition(".")[2]: each for each in judge("aggregation", target, tmp_path)}


def broken(found):
    return [(point, finding.fault) for point, finding in found.items() if finding.verdict.stops]


def test_a_right_mean_in_a_strategy_s_method_is_called_right(tmp_path):
    found = points(tmp_path, "Plain", MEAN)

    assert broken(found) == []
    assert found["mean"].verdict is Verdict.passed
    assert found["failures"].verdict is Verdict.passed  # which a function would not be asked


def test_a_sum_in_a_strategy_s_method_is_found(tmp_path):
    assert ("mean", "aggregate-weights") in broken(points(tmp_path, "Plain", MEAN.replace("/ sum(counts)", "/ 50")))


@pytest.mark.parametrize(("name", "fault"), [("Nova", [("order", "aggregate-weights")]), ("TrimmedMean", [])])
def test_the_order_of_replies_decides_only_where_it_chooses_among_them(tmp_path, name, fault):
    assert broken(points(tmp_path, name, FROM_THE_FIRST)) == fault


def test_a_normalised_mean_from_the_round_s_weights_is_not_called_wrong(tmp_path):
    found = points(tmp_path, "Nova", FROM_THE_ROUND)

    assert broken(found) == []
    assert found["mean"].verdict is Verdict.not_applicable


WAITS = """\
        if server_round < 3:
            return None, {{"waits": 1}}
{mean}"""


def test_a_strategy_that_waits_for_a_later_round_is_not_said_to_forget_the_aggregate(tmp_path):
    found = points(tmp_path, "Plain", WAITS.format(mean=MEAN))

    assert {name: each.verdict for name, each in found.items()} == {"returned": Verdict.not_available}


def test_a_strategy_that_returns_none_for_any_reply_forgets_the_aggregate(tmp_path):
    found = points(
        tmp_path, "Plain", MEAN.replace("return nd", "done = nd").replace("), {}", ")\n        return None, {}")
    )

    assert broken(found) == [("returned", "aggregate-not-returned")]


OF_FLOWER = """\
from flwr.server.strategy import FedAvg


class Mine(FedAvg):
    def __init__(self, evaluate_metrics_aggregation_fn, min_available_clients, min_fit_clients, {asked}):
        super().__init__(
            evaluate_metrics_aggregation_fn=evaluate_metrics_aggregation_fn,
            min_available_clients=min_available_clients,
            min_fit_clients=min_fit_clients,
            fraction_fit=fraction_fit,
        )
"""


@pytest.mark.parametrize("asked", ["fraction_fit", "fraction_fit: float"])
def test_arguments_that_have_the_names_of_flower_s_are_as_flower_has_them(tmp_path, asked):
    (tmp_path / "strategy.py").write_text(OF_FLOWER.format(asked=asked))

    found = {each.check: each.verdict for each in judge("aggregation", "strategy.py:Mine", tmp_path)}

    assert found["probe.aggregation.mean"] is Verdict.passed
