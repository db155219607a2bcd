"""Faults on the way between client and server, and in the server's average."""

from dataclasses import replace

import numpy as np
import torch

from zk0.core.errors import Zk0Error
from zk0.core.faults import Fault
from zk0.federation import client, rules, strategy
from zk0.federation.exchange import to_record
from zk0.training.parameters import frozen_tensors

from .kinds import first_client, kind


def _reply(patch, change):
    """Let `change(arrays, client, round)` stand for what the server reads from a reply."""
    original = strategy.CheckedStrategy._read

    def read(self, answered):
        updates, refused = original(self, answered)
        for update in updates:
            change(update.arrays, update.client)
        return updates, refused

    patch.setattr(strategy.CheckedStrategy, "_read", read)


def _mean(patch, change):
    """Let `change(mean, updates)` stand for the average."""
    original = rules.weighted_mean
    patch.setattr(rules, "weighted_mean", lambda updates: change(original(updates), updates))


@kind("parameters not applied", Fault.parameters_not_applied)
def not_applied(patch, values):
    """The client goes on from its own weights."""
    patch.setattr(client, "set_trainable", lambda *_: None)


@kind("parameters not trained", Fault.parameters_not_trained)
def not_trained(patch, values):
    """The optimizer holds other tensors than the policy."""
    original = client.setup_training_components

    def setup(*given):
        components = original(*given)
        components.optimizer.step = lambda *_: None
        return components

    patch.setattr(client, "setup_training_components", setup)


@kind("tensor lost on the way", Fault.exchange_incomplete)
def incomplete(patch, values):
    """The reply of a client lacks a tensor."""
    first = first_client(values)
    _reply(patch, lambda arrays, name: arrays.pop(min(arrays)) if name == first else None)


@kind("reply changed on the way", Fault.digest_mismatch)
def changed(patch, values):
    """One number of a reply is another when it arrives."""

    def change(arrays, name):
        key = min(arrays)
        arrays[key] = arrays[key].copy()
        arrays[key].flat[0] += 1

    first = first_client(values)
    _reply(patch, lambda arrays, name: change(arrays, name) if name == first else None)


@kind("frozen tensors moved", Fault.frozen_moved)
def frozen_moved(patch, values):
    """The backbone is trained along, and what a client learns there is never averaged."""
    original = client.run_training_loop

    def run(components, *given, **named):
        result = original(components, *given, **named)
        with torch.no_grad():
            for value in frozen_tensors(components.policy).values():
                if value.is_floating_point():
                    value.add_(1e-3)
        return result

    patch.setattr(client, "run_training_loop", run)


@kind("aggregate not returned", Fault.aggregate_not_returned)
def not_returned(patch, values):
    """The strategy forgets to return what it has averaged, and Flower goes on with the old parameters."""
    original = strategy.CheckedStrategy.aggregate_train

    def aggregate(self, server_round, replies):
        _, metrics = original(self, server_round, replies)
        return to_record(self.federation.sent), metrics

    patch.setattr(strategy.CheckedStrategy, "aggregate_train", aggregate)


@kind("aggregate not taken", Fault.aggregate_not_returned)
def not_taken(patch, values):
    """The strategy averages into a copy and goes on with what it had."""
    kept = {}
    original = strategy.CheckedStrategy.configure_train

    def configure(self, *given):
        messages = original(self, *given)
        kept.update(self.federation.sent)
        return messages

    patch.setattr(strategy.CheckedStrategy, "configure_train", configure)
    _mean(patch, lambda mean, _: {name: kept[name].copy() for name in mean})


@kind("aggregate without one tensor", Fault.exchange_incomplete)
def aggregate_incomplete(patch, values):
    """The loop over tensors ends one too early."""
    _mean(patch, lambda mean, _: {name: mean[name] for name in sorted(mean)[:-1]})


@kind("aggregate of one client", Fault.aggregate_of_one)
def of_one(patch, values):
    """The last client's parameters stand for all."""
    _mean(patch, lambda _, updates: dict(updates[-1].arrays))


@kind("aggregate without weights", Fault.aggregate_weights)
def unweighted(patch, values):
    """The mean of the clients, whatever their number of examples."""
    _mean(
        patch,
        lambda mean, updates: {
            name: np.mean([update.arrays[name] for update in updates], axis=0, dtype=np.float64).astype(np.float32)
            for name in mean
        },
    )


@kind("weights of another kind", Fault.aggregate_weights)
def other_weights(patch, values):
    """Clients state weights of their own, and the server believes them."""
    original = strategy.CheckedStrategy._read

    def read(self, answered):
        updates, refused = original(self, answered)
        return [replace(one, weight=float(1 + 4 * number)) for number, one in enumerate(updates)], refused

    patch.setattr(strategy.CheckedStrategy, "_read", read)


@kind("a client without weight", Fault.aggregate_weights)
def weightless(patch, values):
    """One client says that it has no examples."""
    original = strategy.CheckedStrategy._read

    def read(self, answered):
        updates, refused = original(self, answered)
        return [replace(updates[0], weight=0.0), *updates[1:]], refused

    patch.setattr(strategy.CheckedStrategy, "_read", read)


@kind("aggregate not finite", Fault.aggregate_not_finite)
def not_finite(patch, values):
    """One value of the average is a NaN."""

    def spoil(mean, _):
        mean[min(mean)].flat[0] = np.nan
        return mean

    _mean(patch, spoil)


@kind("aggregate a sum", Fault.aggregate_outside)
def summed(patch, values):
    """The division is forgotten."""
    _mean(patch, lambda mean, updates: {name: array * np.float32(len(updates)) for name, array in mean.items()})


@kind("aggregate overshooting", Fault.aggregate_outside)
def overshooting(patch, values):
    """The server's step is three times the clients'."""
    sent = {}
    original = strategy.CheckedStrategy.configure_train

    def configure(self, server_round, arrays, config, grid):
        messages = original(self, server_round, arrays, config, grid)
        sent.update(self.federation.sent)
        return messages

    patch.setattr(strategy.CheckedStrategy, "configure_train", configure)
    _mean(patch, lambda mean, _: {name: sent[name] + 3 * (array - sent[name]) for name, array in mean.items()})


@kind("aggregate in bfloat16", Fault.aggregate_type)
def in_bfloat16(patch, values):
    """The average goes through bfloat16, which rounds away what a round has learnt."""
    _mean(
        patch,
        lambda mean, _: {name: torch.from_numpy(array).bfloat16().float().numpy() for name, array in mean.items()},
    )


@kind("aggregate in float64", Fault.aggregate_type)
def in_float64(patch, values):
    """NumPy's mean is float64, and nobody casts it back."""
    _mean(patch, lambda mean, _: {name: array.astype(np.float64) for name, array in mean.items()})


@kind("clients failing", Fault.client_dropouts)
def failing(patch, values):
    """One client fails in every other round."""
    original = client.train
    first = first_client(values)

    def train(one, *given, number, **named):
        if one.name == first and number % 2:
            raise Zk0Error("the client went away")
        return original(one, *given, number=number, **named)

    patch.setattr(client, "train", train)


@kind("client never asked", Fault.client_starved)
def starved(patch, values):
    """The sampling takes the first two of three, round after round."""
    values |= {"fraction-train": 0.67, "rounds": 10}
    patch.setattr(strategy.CheckedStrategy, "_sample", lambda self, _: sorted(self.federation.clients)[:2])
