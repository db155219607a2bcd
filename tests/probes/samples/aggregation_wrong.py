"""Aggregation as people write it, and wrong. The first word of each docstring is the fault found first, strictly."""

import copy

import numpy as np
import torch
from flwr.common import ndarrays_to_parameters, parameters_to_ndarrays
from flwr.server import strategy as old
from flwr.serverapp import strategy as new


def unweighted(state_dicts):
    """aggregate-weights"""
    mean = copy.deepcopy(state_dicts[0])
    for key in mean:
        mean[key] = torch.stack([state[key].float() for state in state_dicts]).mean(0)
    return mean


def number_of_clients(weights, num_examples):
    """aggregate-weights"""
    return [sum(layer * n for layer, n in zip(layers, num_examples)) / len(weights) for layers in zip(*weights)]


def not_normalised(weights, num_examples):
    """aggregate-weights"""
    return [sum(layer * n for layer, n in zip(layers, num_examples)) for layers in zip(*weights)]


def sorted_weights(weights, num_examples):
    """aggregate-weights"""
    shares = sorted((n / sum(num_examples) for n in num_examples), reverse=True)
    return [sum(layer * s for layer, s in zip(layers, shares)) for layers in zip(*weights)]


def first_counts_once(results):
    """aggregate-weights"""
    total = sum(n for _, n in results)
    mean = [layer.copy() for layer in results[0][0]]
    for weights, n in results[1:]:
        for layer, other in zip(mean, weights):
            layer += other * n
    return [layer / total for layer in mean]


def running_average(weights):
    """aggregate-weights"""
    mean = [layer.copy() for layer in weights[0]]
    for other in weights[1:]:
        mean = [(a + b) / 2 for a, b in zip(mean, other)]
    return mean


def first_client(state_dicts, num_examples):
    """aggregate-of-one"""
    return copy.deepcopy(state_dicts[0])


def last_client(results):
    """aggregate-of-one"""
    total = sum(n for _, n in results)
    for weights, n in results:
        mean = [layer * n / total for layer in weights]
    return [layer / (results[-1][1] / total) for layer in mean]


def in_place(state_dicts, num_examples):
    """aggregate-in-place"""
    total = sum(num_examples)
    mean = state_dicts[0]
    for key in mean:
        mean[key].mul_(num_examples[0] / total)
        for state, n in zip(state_dicts[1:], num_examples[1:]):
            mean[key].add_(state[key] * (n / total))
    return mean


def shallow(local_weights, num_examples):
    """aggregate-in-place"""
    total = sum(num_examples)
    mean = local_weights[0].copy()
    for key in mean:
        mean[key] *= num_examples[0] / total
        for other, n in zip(local_weights[1:], num_examples[1:]):
            mean[key] += other[key] * (n / total)
    return mean


def half_precision(weights, num_examples):
    """aggregate-type"""
    total = sum(num_examples)
    return [
        sum(layer.astype(np.float16) * np.float16(n / total) for layer, n in zip(layers, num_examples)).astype(
            "float32"
        )
        for layers in zip(*weights)
    ]


def returns_half(weights, num_examples):
    """aggregate-type"""
    total = sum(num_examples)
    return [
        sum(layer * (n / total) for layer, n in zip(layers, num_examples)).astype(np.float16)
        for layers in zip(*weights)
    ]


def flattens(weights, num_examples):
    """aggregate-type"""
    total = sum(num_examples)
    return [
        np.sum([layer.ravel() * (n / total) for layer, n in zip(layers, num_examples)], axis=0)
        for layers in zip(*weights)
    ]


def casts_integers(state_dicts, num_examples):
    """aggregate-not-finite"""
    total = sum(num_examples)
    return {key: sum(state[key] * (n / total) for state, n in zip(state_dicts, num_examples)) for key in state_dicts[0]}


def loses_biases(state_dicts, num_examples):
    """exchange-incomplete"""
    total = sum(num_examples)
    return {
        key: sum(state[key] * (n / total) for state, n in zip(state_dicts, num_examples))
        for key in state_dicts[0]
        if "bias" not in key
    }


def loses_the_last(weights, num_examples):
    """exchange-incomplete"""
    total = sum(num_examples)
    return [sum(weights[k][i] * (n / total) for k, n in enumerate(num_examples)) for i in range(len(weights[0]) - 1)]


def by_position(state_dicts, num_examples):
    """exchange-incomplete"""
    total = sum(num_examples)
    layers = zip(*(state.values() for state in state_dicts))
    means = [sum(layer * (n / total) for layer, n in zip(each, num_examples)) for each in layers]
    return dict(zip(state_dicts[0].keys(), means))


def swapped_layers(weights, num_examples):
    """exchange-incomplete"""
    total = sum(num_examples)
    mean = [sum(layer * (n / total) for layer, n in zip(layers, num_examples)) for layers in zip(*weights)]
    return mean[2:] + mean[:2]


def unweighted_outside(weights, num_examples):
    """aggregate-outside"""
    total = sum(num_examples)
    return [np.abs(sum(layer * (n / total) for layer, n in zip(layers, num_examples))) * 3 for layers in zip(*weights)]


def old_parameters(global_weights, client_weights, num_examples):
    """aggregate-not-returned"""
    total = sum(num_examples)
    mean = [sum(layer * (n / total) for layer, n in zip(layers, num_examples)) for layers in zip(*client_weights)]
    for origin, value in zip(global_weights, mean):
        origin = value
    return global_weights


class ReturnsNone(old.FedAvg):
    """aggregate-not-returned"""

    def aggregate_fit(self, server_round, results, failures):
        parameters, metrics = super().aggregate_fit(server_round, results, failures)
        if parameters is not None:
            self.last = parameters


class ReturnsNoneAndMetrics(old.FedAvg):
    """aggregate-not-returned"""

    def aggregate_fit(self, server_round, results, failures):
        super().aggregate_fit(server_round, results, failures)
        return None, {}


class ReturnsParametersAlone(old.FedAvg):
    """aggregate-not-returned"""

    def aggregate_fit(self, server_round, results, failures):
        return super().aggregate_fit(server_round, results, failures)[0]


class KeepsOldParameters(old.FedAvg):
    """aggregate-not-returned"""

    def configure_fit(self, server_round, parameters, client_manager):
        self.parameters = parameters
        return super().configure_fit(server_round, parameters, client_manager)

    def aggregate_fit(self, server_round, results, failures):
        _, metrics = super().aggregate_fit(server_round, results, failures)
        return self.parameters, metrics


class FirstRoundForEver(old.FedAvg):
    """aggregate-not-returned"""

    best = None

    def aggregate_fit(self, server_round, results, failures):
        parameters, metrics = super().aggregate_fit(server_round, results, failures)
        if self.best is None:
            self.best = parameters
        return self.best, metrics


class ReturnsAClient(old.FedAvg):
    """aggregate-of-one"""

    def aggregate_fit(self, server_round, results, failures):
        _, metrics = super().aggregate_fit(server_round, results, failures)
        return results[-1][1].parameters, metrics


class Momentum(old.FedAvg):
    """aggregate-weights"""

    kept = None

    def aggregate_fit(self, server_round, results, failures):
        parameters, metrics = super().aggregate_fit(server_round, results, failures)
        if parameters is None:
            return None, {}
        mean = parameters_to_ndarrays(parameters)
        self.kept = mean if self.kept is None else [0.9 * a + b for a, b in zip(self.kept, mean)]
        return ndarrays_to_parameters(self.kept), metrics


class HalfOld(new.FedAvg):
    """aggregate-weights"""

    def configure_train(self, server_round, arrays, config, grid):
        self.current = arrays
        return super().configure_train(server_round, arrays, config, grid)

    def aggregate_train(self, server_round, replies):
        arrays, metrics = super().aggregate_train(server_round, replies)
        for name in arrays:
            mixed = 0.5 * self.current[name].numpy() + 0.5 * arrays[name].numpy()
            arrays[name] = type(arrays[name])(mixed.astype("float32"))
        return arrays, metrics


class NewReturnsNothing(new.FedAvg):
    """aggregate-not-returned"""

    def aggregate_train(self, server_round, replies):
        self.arrays, self.metrics = super().aggregate_train(server_round, replies)


class NaNPasses(new.FedAvg):
    """aggregate-not-finite"""
