"""The proximal term's gradient, against autograd and against what it must not do."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zk0.training.fedprox import PART, ProximalTerm

TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12, torch.bfloat16: 1e-2}

shapes = st.lists(st.lists(st.integers(1, 4), min_size=0, max_size=3).map(tuple), min_size=1, max_size=4)


def tensors(shapes_of, dtype, seed):
    generator = torch.Generator().manual_seed(seed)
    made = [torch.randn(shape, generator=generator).to(dtype).requires_grad_() for shape in shapes_of]
    for tensor in made:
        tensor.grad = torch.randn(tensor.shape, generator=generator).to(dtype)
    return made


def moved(parameters, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in parameters:
            value.add_(torch.randn(value.shape, generator=generator).to(value.dtype))


@settings(deadline=None)
@given(shapes, st.sampled_from(list(TOLERANCE)), st.floats(1e-4, 10), st.integers(0, 2**31))
def test_the_gradient_is_that_of_half_mu_times_the_squared_distance(shapes_of, dtype, mu, seed):
    parameters = tensors(shapes_of, dtype, seed)
    term = ProximalTerm(parameters, mu)
    moved(parameters, seed + 1)
    exact = [value.detach().double().requires_grad_() for value in parameters]
    distance = sum(((w - w0.double()) ** 2).sum() for w, w0 in zip(exact, term.reference, strict=True))
    (mu / 2 * distance).backward()
    before = [value.grad.clone() for value in parameters]

    term.add_gradient()

    for value, old, wanted in zip(parameters, before, exact, strict=True):
        torch.testing.assert_close(
            value.grad.double(), old.double() + wanted.grad, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * 10
        )


@pytest.mark.parametrize("turned", [False, True])
def test_a_tensor_that_is_added_in_parts_gets_the_same_bits_as_in_one(turned):
    parameters = tensors([(3, PART // 2 + 1)], torch.float32, seed=0)
    if turned:
        parameters = [torch.empty_like(parameters[0].T).copy_(parameters[0].detach().T).T.requires_grad_()]
        parameters[0].grad = torch.ones(parameters[0].shape)
    term = ProximalTerm(parameters, mu=0.3)
    moved(parameters, seed=1)
    wanted = parameters[0].grad.add(parameters[0].detach() - term.reference[0], alpha=0.3)

    term.add_gradient()

    assert torch.equal(parameters[0].grad, wanted)


@given(shapes, st.floats(1e-4, 10), st.integers(0, 2**31))
@settings(deadline=None)
def test_at_the_rounds_first_step_the_gradient_is_untouched_to_the_last_bit(shapes_of, mu, seed):
    parameters = tensors(shapes_of, torch.float32, seed)
    before = [value.grad.clone() for value in parameters]

    ProximalTerm(parameters, mu).add_gradient()

    assert all(torch.equal(value.grad, old) for value, old in zip(parameters, before, strict=True))


def test_with_mu_zero_the_gradient_is_untouched_wherever_the_weights_are():
    parameters = tensors([(3, 2)], torch.float32, 0)
    term = ProximalTerm(parameters, 0.0)
    moved(parameters, 1)
    before = parameters[0].grad.clone()

    term.add_gradient()

    assert torch.equal(parameters[0].grad, before)


def test_the_reference_stays_where_the_round_began():
    parameters = tensors([(4,)], torch.float32, 0)
    begun = parameters[0].detach().clone()
    term = ProximalTerm(parameters, 0.1)

    moved(parameters, 1)

    assert torch.equal(term.reference[0], begun)
    assert term.drift() > 0


def test_drift_and_value_are_those_of_the_definition():
    parameters = [torch.zeros(2, 2, requires_grad=True)]
    term = ProximalTerm(parameters, mu=0.5)
    with torch.no_grad():
        parameters[0].fill_(3.0)

    assert term.drift() == pytest.approx(6.0)
    assert term.value(term.drift()) == pytest.approx(0.5 / 2 * 36)


def test_a_parameter_without_a_gradient_is_left_alone():
    used, unused = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    term = ProximalTerm([used, unused], 1.0)
    moved([used, unused], 0)
    used.grad = torch.zeros(2)

    term.add_gradient()

    assert unused.grad is None
    assert torch.equal(used.grad, used.detach() - 1)
