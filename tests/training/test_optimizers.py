"""Which tensor is moved by which optimizer, and that the proximal term acts under both."""

import pytest
import torch

from zk0.training.fedprox import ProximalTerm
from zk0.training.frames import plan_batches
from zk0.training.loop import run_training_loop, setup_training_components
from zk0.training.optimizers import hidden_matrices, make_optimizer
from zk0.training.parameters import digest_of, trainable_parameters
from zk0.training.policy import build_policy
from zk0.training.presets import TINY


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_every_trained_tensor_is_moved_by_exactly_one_optimizer(policy, name):
    optimizer = make_optimizer(policy, name, learning_rate=1e-3, weight_decay=0.0)

    held = [id(value) for part in optimizer.parts for group in part.param_groups for value in group["params"]]

    assert len(held) == len(set(held))
    assert set(held) >= {id(value) for value in trainable_parameters(policy).values()}


def test_muon_gets_the_matrices_between_the_layers_and_not_words_or_patches(policy):
    names = {id(value): name for name, value in trainable_parameters(policy).items()}
    chosen = {names[id(value)] for value in hidden_matrices(policy)}

    assert any("lm_expert" in name for name in chosen)
    assert not any("embed" in name or "lm_head" in name or "norm" in name for name in chosen)


def test_muon_moves_a_matrix_in_all_its_directions(policy):
    optimizer = make_optimizer(policy, "muon", learning_rate=1e-2, weight_decay=0.0)
    matrix = max(hidden_matrices(policy), key=lambda one: min(one.shape))
    before = matrix.detach().clone()
    chance = torch.Generator().manual_seed(0)
    rows, columns = matrix.shape
    # Of rank 1, and a hundredth of noise.
    matrix.grad = torch.outer(torch.randn(rows, generator=chance), torch.randn(columns, generator=chance))
    matrix.grad += 1e-2 * torch.randn(matrix.shape, generator=chance)

    optimizer.step()

    moved = torch.linalg.svdvals((matrix - before).detach())
    given = torch.linalg.svdvals(matrix.grad)
    assert moved[0] / moved[30] < 2 < given[0] / given[30]


def test_under_muon_the_proximal_term_holds_the_weights_back(processors, settings, frames, cache):
    plan = plan_batches(len(frames), batch_size=8, steps=6, seed=0, purpose=("client", 1))

    def train(mu):
        policy = build_policy(TINY, cameras=("wrist", "overhead"), seed=0, cache=cache)
        components = setup_training_components(policy, processors, settings(proximal_mu=mu, optimizer="muon"))
        assert isinstance(components.proximal, ProximalTerm)
        result = run_training_loop(components, frames.batches(plan), steps=6, purpose=("client", 1))
        return result.steps[-1].drift, digest_of(trainable_parameters(policy))

    (free, first), (held, _), (_, again) = train(0.0), train(100.0), train(0.0)

    assert held < free
    assert first == again
