"""An aggregation's adapter leaves open what its code reads in another way than the argument's name says."""

import pytest

from zk0.core.verdicts import Verdict
from zk0.probes.harness.adapter_conventions import MARK
from zk0.probes.harness.adapters import adapter_of
from zk0.probes.judging import judge

CODE = """\
def of_objects(clients, server):
    total = sum(each.sample_num for each in clients)
    names = clients[0].fed_keys
    server["mean"] = {name: sum(each.model.state_dict()[name] * each.sample_num for each in clients) for name in names}
    return {name: value / total for name, value in server["mean"].items()}


def of_keras(global_model, client_models, num_examples):
    sent = [each.get_weights() for each in client_models]
    mean = [sum(n * a for n, a in zip(num_examples, each)) / sum(num_examples) for each in zip(*sent)]
    global_model.set_weights(mean)
    return mean


def counted(clients, weights_list):
    return [sum(each) / len(clients) for each in zip(*weights_list)]


def of_states(w, num_examples):
    return {name: sum(n * each[name] for each, n in zip(w, num_examples)) / sum(num_examples) for name in w[0].keys()}
"""
OPEN = {
    "of_objects": ["clients = ...", "one for each client, which has fed_keys, model, sample_num", "server = ..."],
    "of_keras": ["global_model = ...", "what has set_weights", "client_models = ...", "which has get_weights()"],
    "counted": ["clients = ...", "a list, one for each client"],
    "of_states": [],
}


@pytest.mark.parametrize("name", OPEN)
def test_what_an_argument_is_is_left_open_where_its_name_can_t_tell(tmp_path, name):
    (tmp_path / "code.py").write_text(CODE)

    text = adapter_of("aggregation", f"code.py:{name}", tmp_path)["text"]

    assert [each for each in OPEN[name] if each not in text] == []
    assert text.count(MARK) == sum("= ..." in each for each in OPEN[name])
    assert "clients=len(weights_list)" not in text


def test_an_adapter_whose_open_argument_is_completed_is_judged(tmp_path):
    (tmp_path / "code.py").write_text(CODE)
    text = adapter_of("aggregation", "code.py:of_keras", tmp_path)["text"]
    model = "type('Model', (), {'get_weights': lambda self: self.w, 'set_weights': lambda self, w: None})()"
    text = text.replace("global_model = ...", f"global_model = {model}")
    text = text.replace("client_models = ...", f"client_models = [{model} for _ in weights_list]")
    text = text.replace(
        "    return", "    for each, w in zip(client_models, weights_list):\n        each.w = w\n    return"
    )
    (tmp_path / "adapter.py").write_text(text)

    found = {each.check: each.verdict for each in judge("aggregation", "adapter.py:probe", tmp_path)}

    assert found["probe.aggregation.mean"] is Verdict.passed
