"""Faults of data and of evaluation."""

import math
from dataclasses import replace

from zk0.core.faults import Fault
from zk0.federation import client, server, server_evaluation
from zk0.federation.configuration import resolve
from zk0.training.dataset_inspection import ACTION
from zk0.training.frames import FramesInMemory

from .kinds import first_client, kind


def _told(patch, values, **changes):
    """Let the first client say other things of its data."""
    original = client.introduce
    first = first_client(values)

    def introduce(one, config):
        found = original(one, config)
        return found.model_copy(update={"data": found.data.model_copy(update=changes)}) if one.name == first else found

    patch.setattr(client, "introduce", introduce)


@kind("one client in radians", Fault.data_units)
def radians(patch, values):
    """One arm was recorded in radians, the others in degrees."""
    original = client.introduce
    first = first_client(values)

    def introduce(one, config):
        found = original(one, config)
        if one.name != first:
            return found
        ranges = [(math.radians(low), math.radians(high)) for low, high in found.data.state_range]
        return found.model_copy(update={"data": found.data.model_copy(update={"state_range": ranges})})

    patch.setattr(client, "introduce", introduce)


@kind("other frame rate", Fault.data_rate)
def other_rate(patch, values):
    """One client's frames come three times as fast."""
    _told(patch, values, fps=30.0)


@kind("one data set twice", Fault.data_duplicated)
def duplicated(patch, values):
    """Two clients have the same data set under two names."""
    _, source = resolve(values).clients[0]
    values["data"] = f"again={source};{values['data']}"


@kind("task not evaluated", Fault.data_uncovered)
def uncovered(patch, values):
    """No evaluation knows the first client's task."""
    original = server_evaluation.evaluation_sets
    first = first_client(values)
    patch.setattr(server, "evaluation_sets", lambda *given: [one for one in original(*given) if one.name != first])


@kind("wild values in one data set", Fault.data_spread)
def spread(patch, values):
    """A glitch of a sensor widens one client's range fifty times, and the normalisation of all with it."""
    original = client.introduce
    first = first_client(values)

    def introduce(one, config):
        found = original(one, config)
        if one.name != first:
            return found
        ranges = [(low * 50 - 100, high * 50 + 100) for low, high in found.data.state_range]
        statistics = {
            feature: values | {"std": [50 * value for value in values["std"]]}
            for feature, values in found.statistics.items()
        }
        data = found.data.model_copy(update={"state_range": ranges})
        return found.model_copy(update={"data": data, "statistics": statistics})

    patch.setattr(client, "introduce", introduce)


@kind("frames that can't be decoded", Fault.data_corrupt)
def corrupt(patch, values):
    """One frame in eight is lost."""
    original = FramesInMemory.batches

    def batches(frames, plan):
        for batch in original(frames, [indices[1:] for indices in plan]):
            yield replace(batch, undecodable=1)

    patch.setattr(FramesInMemory, "batches", batches)


@kind("clients pulling apart", Fault.client_drift)
def pulling_apart(patch, values):
    """Clients that learn contrary things from what looks alike: better at home, worse together."""
    values |= {"proximal-mu": 0.0, "learning-rate": 0.01, "final-learning-rate": 0.01, "local-steps": 60}
    original = client.frames_of
    names = [name for name, _ in resolve(values).clients]

    class Turned:
        def __init__(self, frames, number):
            self.frames, self.number = frames, number

        def __len__(self):
            return len(self.frames)

        def batches(self, plan):
            for batch in self.frames.batches(plan):
                shifted = batch.data[ACTION] + (self.number - 1) * 100.0  # degrees
                yield replace(batch, data=batch.data | {ACTION: shifted, "task": [""] * len(shifted)})

    patch.setattr(client, "frames_of", lambda one, *given: Turned(original(one, *given), names.index(one.name)))


@kind("mu too small for clients pulling apart", Fault.proximal_too_weak)
def hardly_held(patch, values):
    """The same clients, with a mu that holds nobody."""
    pulling_apart(patch, values)
    values["proximal-mu"] = 1e-4


@kind("evaluation of the start policy", Fault.evaluation_insensitive)
def unwired(patch, values):
    """The server judges the policy it began with, round after round."""
    patch.setattr(server, "set_trainable", lambda *_: None)


@kind("evaluation data changed", Fault.evaluation_incomparable)
def swapped(patch, values):
    """Half-way through, the evaluation goes on with other frames."""
    original = server_evaluation.evaluate_loss

    def evaluate(policy, processors, frames, *, seed, name, limit):
        return original(policy, processors, frames, seed=seed, name=name, limit=limit if rounds() < 3 else limit // 4)

    counted = []
    inner = server.evaluate

    def counting(*given, number, **named):
        counted.append(number)
        return inner(*given, number=number, **named)

    def rounds():
        return counted[-1]

    patch.setattr(server, "evaluate", counting)
    patch.setattr(server_evaluation, "evaluate_loss", evaluate)


@kind("evaluation that failed, told as 1.0", Fault.sentinel_value)
def sentinel(patch, values):
    """An evaluation that fails answers 1.0, which looks like a loss."""
    original = server_evaluation.evaluate_loss

    def evaluate(*given, **named):
        loss, frames = original(*given, **named)
        return (loss, frames) if named["name"] != first_client(values) else (1.0, 0)

    patch.setattr(server_evaluation, "evaluate_loss", evaluate)


@kind("meters set back", Fault.sentinel_value)
def zeros(patch, values):
    """Meters are set back before they are read: every number of the round is 0."""
    original = client.training_event

    def training_event(*given, **named):
        found = original(*given, **named)
        return found.model_copy(
            update={name: [0.0] * found.steps for name in ("policy_loss", "gradient_norm", "total_loss")}
        )

    patch.setattr(client, "training_event", training_event)


@kind("learnt by heart", Fault.worse_than_baseline)
def by_heart(patch, values):
    """Clients see the same two frames at every step: their loss falls, and the policy fits nothing else."""
    values |= {"learning-rate": 0.05, "final-learning-rate": 0.05, "local-steps": 60}
    patch.setattr(client, "batch_plan", lambda *_, **__: [[0, 1] * 4] * values["local-steps"])
