"""Aggregation as people write it, and right. Each must pass."""

import copy
from collections import OrderedDict
from functools import reduce

import numpy as np
import torch
from flwr.common import ndarrays_to_parameters, parameters_to_ndarrays
from flwr.server import strategy as old
from flwr.serverapp import strategy as new


def of_pairs(results):
    total = sum(num_examples for _, num_examples in results)
    weighted = [[layer * num_examples for layer in weights] for weights, num_examples in results]
    return [reduce(np.add, layers) / total for layers in zip(*weighted)]


def of_lists(weights, num_examples):
    total = float(sum(num_examples))
    return [
        sum((n / total) * layer for layer, n in zip(layers, num_examples)).astype(layers[0].dtype)
        for layers in zip(*weights, strict=True)
    ]


def numpy_average(client_weights, num_samples):
    return [np.average(np.stack(layers), axis=0, weights=num_samples) for layers in zip(*client_weights)]


def of_state_dicts(state_dicts, num_examples):
    total = sum(num_examples)
    mean = OrderedDict()
    for key in state_dicts[0]:
        mean[key] = sum(state[key].float() * (n / total) for state, n in zip(state_dicts, num_examples))
    return mean


def keeps_integers(state_dicts, weights):
    mean = copy.deepcopy(state_dicts[0])
    total = sum(weights)
    for key, value in mean.items():
        if not value.is_floating_point():
            continue
        stacked = torch.stack([state[key] for state in state_dicts])
        shares = torch.tensor([w / total for w in weights]).view(-1, *[1] * value.dim())
        mean[key] = (stacked * shares).sum(0)
    return mean


def of_fractions(local_weights, fractions):
    mean = copy.deepcopy(local_weights[0])
    for key in mean:
        mean[key] = sum(w[key] * f for w, f in zip(local_weights, fractions))
    return mean


def of_clients(client_states, num_examples):
    total = sum(num_examples.values())
    names = next(iter(client_states.values())).keys()
    return {name: sum(client_states[c][name] * (num_examples[c] / total) for c in client_states) for name in names}


def into_global_model(global_model, local_models, num_samples):
    total = sum(num_samples)
    state = global_model.state_dict()
    for key in state:
        state[key] = sum(m.state_dict()[key] * (n / total) for m, n in zip(local_models, num_samples))
    global_model.load_state_dict(state)
    return global_model


def of_deltas(global_weights, client_deltas, num_examples):
    total = sum(num_examples)
    return [
        origin + sum(delta[i] * (n / total) for delta, n in zip(client_deltas, num_examples))
        for i, origin in enumerate(global_weights)
    ]


def refuses(updates, num_examples):
    names = set(updates[0])
    kept = []
    for update, n in zip(updates, num_examples):
        whole = set(update) == names and all(np.isfinite(v).all() for v in update.values())
        if not whole or not n > 0 or any(update[k].shape != updates[-1][k].shape for k in names):
            raise ValueError("a reply that can't be averaged")
        kept.append((update, n))
    total = sum(n for _, n in kept)
    return {
        k: sum(u[k].astype(np.float64) * (n / total) for u, n in kept).astype(updates[0][k].dtype) for k in updates[0]
    }


class OldFedAvg(old.FedAvg):
    pass


class OldFedProx(old.FedProx):
    """It saves a checkpoint each round."""

    def aggregate_fit(self, server_round, results, failures):
        parameters, metrics = super().aggregate_fit(server_round, results, failures)
        if parameters is not None:
            self.saved = parameters_to_ndarrays(parameters)
        return parameters, metrics


class OldFromScratch(old.Strategy):
    def initialize_parameters(self, client_manager):
        return None

    def configure_fit(self, server_round, parameters, client_manager):
        return []

    def aggregate_fit(self, server_round, results, failures):
        if not results:
            return None, {}
        pairs = [(parameters_to_ndarrays(r.parameters), r.num_examples) for _, r in results]
        return ndarrays_to_parameters(of_pairs(pairs)), {"clients": len(results)}

    def configure_evaluate(self, server_round, parameters, client_manager):
        return []

    def aggregate_evaluate(self, server_round, results, failures):
        return None, {}

    def evaluate(self, server_round, parameters):
        return None


class NewFedAvg(new.FedAvg):
    """It looks at the metrics, and leaves the average to Flower."""

    def aggregate_train(self, server_round, replies):
        arrays, metrics = super().aggregate_train(server_round, replies)
        self.best = metrics
        return arrays, metrics


def make_strategy():
    return new.FedProx(proximal_mu=0.1)


def server_adam():
    return new.FedAdam()


def median():
    return old.FedMedian()


def trimmed():
    return new.FedTrimmedAvg()


def krum():
    return new.Krum(num_malicious_nodes=0)


def momentum(initial_parameters):
    return old.FedAvgM(server_momentum=0.9, initial_parameters=initial_parameters)


def fair():
    return new.QFedAvg(client_learning_rate=0.1)
