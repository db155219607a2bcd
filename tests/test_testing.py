"""A project's own tests keep the contracts, of objects and of names, and say what is wrong."""

import subprocess
import sys

import pytest

from zk0.testing import assert_exchange, assert_proximal, assert_weighted_mean


def term(model, global_params, mu):
    return mu / 2 * sum(((p - g) ** 2).sum() for p, g in zip(model.parameters(), global_params, strict=True))


def twice(model, global_params, mu):
    return 2 * term(model, global_params, mu)


def mean(weights, num_examples):
    return [
        sum(n * a for a, n in zip(each, num_examples, strict=True)) / sum(num_examples)
        for each in zip(*weights, strict=True)
    ]


def get(model):
    return [value.cpu().numpy().copy() for value in model.state_dict().values()]


def put(model, parameters):
    import torch

    with torch.no_grad():
        for value, new in zip(model.state_dict().values(), parameters, strict=True):
            if value.shape != new.shape:
                raise ValueError("another shape")
            value.copy_(torch.tensor(new))


def test_code_that_keeps_its_contract_passes():
    assert_proximal(term)
    assert_weighted_mean(mean)
    assert_exchange(get, put)


def test_a_local_function_can_be_asserted_too():
    def here(model, global_params, mu):
        return term(model, global_params, mu)

    assert_proximal(here)


def test_what_is_wrong_is_said_with_numbers_cause_and_remedy():
    with pytest.raises(AssertionError) as raised:
        assert_proximal(twice)

    text = str(raised.value)
    assert "gradient: the term's gradient is 2 times mu * (w - w_round)" in text
    assert "because mu is used instead of mu/2" in text
    assert "-> " in text


def test_a_point_may_be_allowed_and_warnings_may_count():
    with pytest.raises(AssertionError, match="frozen: frozen tensors are in the term"):
        assert_proximal(term, strict=True)
    assert_proximal(term, strict=True, allow=["frozen", "pairing"])


def test_an_average_that_is_none_fails():
    with pytest.raises(AssertionError, match=r"mean: .*counts"):
        assert_weighted_mean(lambda weights, num_examples: [sum(each) / 3 for each in zip(*weights, strict=True)])


@pytest.mark.slow  # a process of its own, which imports PyTorch
def test_a_text_names_code_too(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "code.py").write_text("def term(model, global_params, mu):\n    return 0.0 * mu\n")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(AssertionError, match="gradient: the term is zero"):
        assert_proximal("code.py:term")


def test_importing_it_imports_no_torch():
    program = "import sys, zk0.testing; print([each for each in ('torch', 'flwr', 'lerobot') if each in sys.modules])"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
