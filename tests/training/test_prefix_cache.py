"""What is frozen is computed once per frame, and a step's loss and gradients stay what they are without a cache."""

from dataclasses import replace

import pytest
import torch

from zk0.training.frames import plan_batches
from zk0.training.loop import run_training_loop, setup_training_components
from zk0.training.parameters import trainable_parameters
from zk0.training.policy import build_policy, make_processors
from zk0.training.prefix_cache import LIMIT, PrefixCache, fits, is_valid
from zk0.training.presets import TINY
from zk0.training.statistics import training_statistics

from .conftest import CAMERAS

FROZEN = replace(TINY, name="tiny-frozen", trains="expert")
PLAN = [[0, 7, 3, 20], [7, 21, 0, 22]]


@pytest.fixture
def frozen(cache):
    return build_policy(FROZEN, cameras=CAMERAS, seed=0, cache=cache)


def test_loss_and_gradients_are_those_without_a_cache(frozen, frames, dataset):
    before = make_processors(frozen, training_statistics(dataset, [0, 1])).before
    cached = PrefixCache(frozen)
    for batch in frames.batches(PLAN):
        found = []
        for prefix in (None, cached):
            torch.manual_seed(0)
            made = before(dict(batch.data))
            loss = prefix.loss(made, batch.frames) if prefix else frozen.forward(made)[0]
            loss.backward()
            found.append((loss, {name: value.grad for name, value in trainable_parameters(frozen).items()}))
            frozen.zero_grad(set_to_none=True)
        torch.testing.assert_close(*(loss for loss, _ in found))
        for name, gradient in found[0][1].items():
            torch.testing.assert_close(found[1][1][name], gradient, rtol=1e-4, atol=1e-6)
    assert "forward" not in vars(frozen.model)


def test_a_frame_is_computed_by_itself_once(frozen, frames, dataset, monkeypatch):
    before = make_processors(frozen, training_statistics(dataset, [0, 1])).before
    sizes = []
    plain = frozen.model.embed_prefix
    monkeypatch.setattr(
        frozen.model, "embed_prefix", lambda *given, **more: (sizes.append(len(given[2])), plain(*given, **more))[1]
    )

    cached = PrefixCache(frozen)
    for batch in frames.batches(PLAN):
        cached.loss(before(dict(batch.data)), batch.frames)

    assert sizes == [1] * len({frame for step in PLAN for frame in step})


def test_a_round_with_it_ends_where_one_without_it_does(cache, frames, dataset, settings):
    ends = []
    for is_cached in (False, True):
        policy = build_policy(FROZEN, cameras=CAMERAS, seed=0, cache=cache)
        processors = make_processors(policy, training_statistics(dataset, [0, 1]))
        prefix = PrefixCache(policy) if is_cached else None
        components = setup_training_components(policy, processors, settings(proximal_mu=0.1), prefix)
        plan = plan_batches(len(frames), batch_size=4, steps=3, seed=0, purpose=("test",))
        run_training_loop(components, frames.batches(plan), steps=3, purpose=("test",))
        ends.append(trainable_parameters(policy))

    for name, value in ends[0].items():
        torch.testing.assert_close(ends[1][name], value, rtol=0, atol=2e-4)


def test_it_is_off_where_the_backbone_is_trained_random_or_too_large(policy, frozen):
    assert is_valid(frozen)
    assert not is_valid(policy)
    assert fits(frozen, 100, samples=200)
    assert not fits(frozen, 100, samples=199)
    assert not fits(frozen, LIMIT, samples=2 * LIMIT)

    frozen.model.vlm_with_expert.vlm.model.text_model.layers[0].self_attn.attention_dropout = 0.1

    assert not is_valid(frozen)
