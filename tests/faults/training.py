"""Faults of settings, learning rate, gradient, loss and memory on a client."""

import math
from dataclasses import replace
from types import SimpleNamespace

import torch

from zk0.core.faults import Fault
from zk0.federation import client
from zk0.federation.configuration import RunConfig
from zk0.training import loop
from zk0.training.frames import FramesInMemory

from .kinds import kind


def _settings(patch, **changes):
    original = client.training_settings
    patch.setattr(client, "training_settings", lambda *given, **named: replace(original(*given, **named), **changes))


def _loss(patch, change):
    """Let `change(loss, number of the step among all)` stand for the loss of every training step."""
    original = loop.run_training_step

    def step(components, batch, *, step, **given):
        def forward(*arguments):
            loss, details = components.policy.forward(*arguments)
            return change(loss, step), details

        policy = SimpleNamespace(forward=forward, parameters=components.policy.parameters)
        return original(replace(components, policy=policy), batch, step=step, **given)

    patch.setattr(loop, "run_training_step", step)


@kind("mu not delivered", Fault.setting_not_delivered)
def mu_lost(patch, values):
    """The client trains with a mu of its own."""
    _settings(patch, proximal_mu=0.001)


@kind("learning rate not delivered", Fault.setting_not_delivered)
def rate_lost(patch, values):
    """The client reads its learning rate from a file of its own."""
    _settings(patch, learning_rate=1e-4, final_learning_rate=1e-5)


@kind("local steps not delivered", Fault.setting_not_delivered)
def steps_lost(patch, values):
    """The client makes a quarter of the steps it was told."""
    original = client.batch_plan
    patch.setattr(client, "batch_plan", lambda *given, **named: original(*given, **named)[: values["local-steps"] // 4])


@kind("epochs for steps", Fault.setting_not_delivered)
def epochs(patch, values):
    """The client takes the number of steps for passes over its data."""
    original = client.batch_plan

    def plan(*given, **named):
        found = original(*given, **named)
        return found + found + found

    patch.setattr(client, "batch_plan", plan)


@kind("stuck in warm-up", Fault.learning_rate_warming)
def warming(patch, values):
    """LeRobot's preset warms up over 1,000 steps, and rounds of a few never leave it."""
    values["warmup-steps"] = 1000
    patch.setattr(RunConfig, "effective_warmup", property(lambda config: config.warmup_steps))


@kind("schedule restarted each round", Fault.learning_rate_restarted)
def restarted(patch, values):
    """Each round builds its schedule anew and runs through all of it."""
    _settings(patch, first_step=0, total_steps=values["local-steps"])


@kind("schedule of another shape", Fault.learning_rate_unplanned)
def unplanned(patch, values):
    """The rate stays where it was to decay."""
    original = loop.setup_training_components

    def setup(policy, processors, settings, prefix):
        return replace(original(policy, processors, settings, prefix), learning_rate=lambda _: settings.learning_rate)

    patch.setattr(client, "setup_training_components", setup)


@kind("learning rate too high", Fault.learning_rate_too_high)
def too_high(patch, values):
    """A thousand times too high."""
    values |= {"learning-rate": 3.0, "final-learning-rate": 1.0}


@kind("learning rate too low", Fault.learning_rate_too_low)
def too_low(patch, values):
    """A hundred thousand times too low."""
    values |= {"learning-rate": 3e-8, "final-learning-rate": 1e-8}


@kind("gradient vanishing", Fault.gradient_vanishing)
def vanishing(patch, values):
    """The loss reaches the weights through a factor that is almost nothing."""
    _loss(patch, lambda loss, _: loss * 1e-12 + loss.detach() * (1 - 1e-12))


@kind("gradient exploding", Fault.gradient_exploding)
def exploding(patch, values):
    """Gradients grow by a fifth a step, as with a loss scale that is never taken back."""
    _loss(patch, lambda loss, step: loss.detach() + (loss - loss.detach()) * 1.2**step)


@kind("always at the clip", Fault.gradient_clipped)
def clipped(patch, values):
    """A clip far below every gradient."""
    values["clip-norm"] = 1e-3


@kind("loss not finite", Fault.loss_not_finite)
def not_finite(patch, values):
    """One step of twelve overflows."""
    _loss(patch, lambda loss, step: loss * math.nan if step % 16 == 11 else loss)


@kind("loss spiking", Fault.loss_spiking)
def spiking(patch, values):
    """One batch in sixteen has targets that are thirty times too large."""
    original = FramesInMemory.batches

    def batches(frames, plan):
        for number, batch in enumerate(original(frames, plan)):
            if number % 16 == 7:
                batch.data["action"] = batch.data["action"] * 30
            yield batch

    patch.setattr(FramesInMemory, "batches", batches)


@kind("learning rate a hundred times too high", Fault.learning_rate_too_high)
def ascending(patch, values):
    """Steps so large that every one of them overshoots, held together by the clip."""
    values |= {"learning-rate": 0.5, "final-learning-rate": 0.5, "warmup-steps": 0}


@kind("memory leaking", Fault.memory_leak)
def leaking(patch, values):
    """Every batch is kept: `itertools.cycle` remembers what it has given. The accelerator is counted, not there."""
    kept = []
    original = FramesInMemory.batches

    def batches(frames, plan):
        for batch in original(frames, plan):
            kept.append(batch.data | {"copies": torch.empty(6_000_000)})
            yield batch

    def memory(_):
        size = sum(value.nbytes for data in kept for value in data.values() if isinstance(value, torch.Tensor))
        return 2_000_000_000 + size, 3_000_000_000 + size

    patch.setattr(FramesInMemory, "batches", batches)
    patch.setattr(loop, "accelerator_memory", memory)


@kind("memory fragmented", Fault.memory_fragmented)
def fragmented(patch, values):
    """Five times as much is reserved as is used."""
    patch.setattr(loop, "accelerator_memory", lambda _: (2_500_000_000, 12_800_000_000))
