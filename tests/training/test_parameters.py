import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zk0.training.parameters import digest_of, frozen_tensors, module_of, norms_by_module, trainable_parameters


def test_trainable_and_frozen_tensors_are_all_tensors_and_no_tensor_is_both(policy):
    trained, frozen = trainable_parameters(policy), frozen_tensors(policy)

    assert trained.keys() | frozen.keys() == policy.state_dict().keys()
    assert not trained.keys() & frozen.keys()


def test_every_trained_tensor_belongs_to_a_known_module(policy):
    assert {module_of(name) for name in trainable_parameters(policy)} == {"vision", "language", "expert", "projections"}


@pytest.mark.parametrize(
    "other",
    [
        {"b": torch.ones(2, 3)},
        {"a": torch.ones(3, 2)},
        {"a": torch.ones(6)},
        {"a": torch.ones(2, 3, dtype=torch.float64)},
        {"a": torch.ones(2, 3, dtype=torch.bfloat16)},
        {"a": torch.zeros(2, 3)},
        {"a": torch.ones(2, 3), "b": torch.ones(0)},
    ],
)
def test_another_name_shape_dtype_or_value_gives_another_digest(other):
    assert digest_of({"a": torch.ones(2, 3)}) != digest_of(other)


@given(st.permutations(["a", "b", "c"]))
def test_the_order_of_names_does_not_matter(names):
    values = {"a": torch.ones(1), "b": torch.zeros(2), "c": torch.ones(3)}

    assert digest_of({name: values[name] for name in names}) == digest_of(values)


def test_a_numpy_array_has_the_digest_of_the_tensor_it_came_from():
    value = torch.randn(3, 4).t()

    assert digest_of({"a": value}) == digest_of({"a": value.numpy()}) == digest_of({"a": np.ascontiguousarray(value)})


def test_norms_are_summed_within_a_module():
    norms = norms_by_module([("lm_expert.a", torch.tensor([3.0])), ("lm_expert.b", torch.tensor([4.0]))])

    assert norms == {"expert": 5.0}
