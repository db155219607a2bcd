import numpy as np
import pytest
import torch
from flwr.app import Array, ArrayRecord

from zk0.federation.compression import BLOCK, compress, received_arrays
from zk0.federation.exchange import flat, to_record

SHAPES = {"weight": (70, 11), "bias": (), "empty": (0, 3)}


def drawn(seed, scale=1.0):
    generator = np.random.default_rng(seed)
    return {name: np.float32(scale * generator.normal(size=shape)) for name, shape in SHAPES.items()}


def moved(sent, seed, scale=0.01):
    return {name: sent[name] + way for name, way in drawn(seed, scale).items()}


SENT = drawn(0)


@pytest.mark.parametrize(("bits", "of_float32"), [(16, 0.5), (8, 0.26)])
def test_the_server_has_what_the_client_says_it_has(bits, of_float32):
    update = compress(moved(SENT, 1), SENT, {}, bits)

    received = received_arrays(update.record, SENT)

    assert {name: array.shape for name, array in received.items()} == SHAPES
    assert all(np.array_equal(received[name], update.received[name]) for name in SHAPES)
    assert all(array.dtype == np.float32 for array in received.values())
    [array] = update.record.values()
    assert array.numpy().nbytes <= of_float32 * flat(SENT).nbytes + 4


@pytest.mark.parametrize("bits", [16, 8])
def test_what_rounding_loses_arrives_with_a_later_update(bits):
    trained, lost, sent = moved(SENT, 1), {}, SENT
    for _ in range(20):  # the client trains to the same tensors each round, from wherever the server is
        update = compress(trained, sent, lost, bits)
        sent, lost = received_arrays(update.record, sent), update.lost

    # Without feedback the 8-bit way of each round ends short; with it only float32's own rounding is left.
    np.testing.assert_allclose(flat(sent), flat(trained), atol=1e-6)


def test_eight_bits_lose_at_most_half_a_step_of_their_block():
    sent = {"a": np.zeros(2 * BLOCK, np.float32)}
    trained = {"a": np.concatenate([np.linspace(-1, 1, BLOCK), np.linspace(-1e-4, 1e-4, BLOCK)]).astype(np.float32)}

    lost = compress(trained, sent, {}, 8).lost["a"]

    assert np.abs(lost[:BLOCK]).max() <= 0.5 / 127 * (1 + 1e-5)
    assert np.abs(lost[BLOCK:]).max() <= 0.5e-4 / 127 * (1 + 1e-5)


def test_sixteen_bits_are_pytorchs_bfloat16():
    way = np.float32(np.random.default_rng(0).normal(size=999) * 10.0 ** np.arange(-30, 3.3, 1 / 30)[:999])

    received = compress({"a": way}, {"a": np.zeros_like(way)}, {}, 16).received["a"]

    assert np.array_equal(received, torch.from_numpy(way).bfloat16().float().numpy())


@pytest.mark.parametrize("bits", [16, 8])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_arrives_as_such_and_is_not_kept(bits, value):
    trained = moved(SENT, 1)
    trained["weight"][3, 3] = value

    update = compress(trained, SENT, {}, bits)

    assert not np.isfinite(received_arrays(update.record, SENT)["weight"]).all()
    assert np.isfinite(flat(update.lost)).all()


def test_tensors_that_are_not_compressed_are_read_as_they_are():
    assert np.array_equal(flat(received_arrays(to_record(SENT), moved(SENT, 1))), flat(SENT))


@pytest.mark.parametrize(
    ("key", "numbers", "reason"),
    [
        ('update8:{"b": [2]}', np.zeros(6, np.uint8), "other tensors"),
        ('update8:{"a": [2]}', np.zeros(5, np.uint8), "no update of 2 numbers"),
        ('update16:{"a": [2]}', np.zeros(6, np.uint8), "no update of 2 numbers"),
        ('update16:{"a": [2]}', np.zeros(4, np.float32), "no update of 2 numbers"),
        ("update8:[", np.zeros(6, np.uint8), "Expecting"),
    ],
)
def test_bytes_that_are_no_update_are_refused(key, numbers, reason):
    with pytest.raises(ValueError, match=reason):
        received_arrays(ArrayRecord({key: Array(numbers)}), {"a": np.zeros(2, np.float32)})
