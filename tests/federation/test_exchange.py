import numpy as np
import pytest
import torch
from flwr.app import Array, ArrayRecord

from zk0.core.errors import PolicyError
from zk0.federation.exchange import to_arrays, to_record, to_tensors
from zk0.training.parameters import digest_of


def test_tensors_survive_the_exchange_bit_for_bit():
    tensors = {"b": torch.randn(3, 2), "a": torch.tensor([1e-45, -0.0, 3.4e38])}

    record = to_record(tensors)

    assert digest_of(to_tensors(record)) == digest_of(tensors)
    assert list(to_arrays(record)) == ["a", "b"]
    assert len(record) == 1  # on the wire: Flower sends each array by requests of its own


def test_received_tensors_have_memory_of_their_own():
    record = to_record({"a": torch.zeros(2)})

    to_tensors(record)["a"].add_(1)

    assert to_arrays(record)["a"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int64])
def test_anything_but_fp32_is_refused(dtype):
    with pytest.raises(PolicyError, match="exchanged as float32"):
        to_record({"a": torch.zeros(2).to(dtype)})


def test_a_scalar_and_an_empty_tensor_keep_their_shape():
    tensors = {"scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3)}

    found = to_tensors(to_record(tensors))

    assert {name: tuple(value.shape) for name, value in found.items()} == {"empty": (0, 3), "scalar": ()}
    assert isinstance(to_record({"a": np.ones(1, dtype=np.float32)}), ArrayRecord)


def test_a_record_of_single_arrays_is_read_too():
    record = ArrayRecord({name: Array(np.full(2, 3.0, np.float32)) for name in ("b", "a")})

    assert {name: array.tolist() for name, array in to_arrays(record).items()} == {"a": [3.0, 3.0], "b": [3.0, 3.0]}


@pytest.mark.parametrize("layout", ['{"a": [3]}', '{"a": [1]}', '{"a": [-1, 5]}', "[", '{"a": 2}', "3"])
def test_numbers_that_do_not_fit_their_layout_are_refused(layout):
    record = ArrayRecord({f"packed:{layout}": Array(np.zeros(2, np.float32))})

    with pytest.raises(ValueError, match=r"layout|valid|reshape"):
        to_arrays(record)
