"""A server's method is called on an object of its own, and what it keeps is its result."""

import textwrap

import pytest

from zk0.core.errors import ProbeError
from zk0.core.verdicts import Verdict
from zk0.probes.judging import judge

HEAD = """\
import torch


class Server:
    def __init__(self, global_model, sites, cluster):
        raise RuntimeError("needs a cluster")

"""
REPLIES = {
    "objects with a number and a state": """
    def aggregate(self, uploads):
        total = sum(each.num_samples for each in uploads)
        mean = {}
        for name in self.global_model.state_dict():
            mean[name] = sum(each.state_dict[name] * each.num_samples / total for each in uploads)
        self.global_model.load_state_dict(mean)
""",
    "clients with a model, and their shares": """
    def aggregate(self, clients, fractions):
        mean = {}
        for position, client in enumerate(clients):
            state = client.model.state_dict()
            for name in state:
                mean[name] = mean.get(name, 0) + state[name] * fractions[position]
        self.net.load_state_dict(mean)
""",
    "dicts of words": """
    def aggregate(self, answers):
        total = sum(answer["n_samples"] for answer in answers)
        names = answers[0]["weights"].keys()
        self.merged = {name: sum(a["weights"][name] * a.get("n_samples") / total for a in answers) for name in names}
""",
    "objects that are asked, and whose data are counted": """
    def aggregate(self, members):
        sizes = [len(member.dataset) for member in members]
        states = [member.get_weights() for member in members]
        return {name: sum(s[name] * n for s, n in zip(states, sizes)) / sum(sizes) for name in states[0]}
""",
    "a list of state dicts": """
    def aggregate(self, local_model_state_dicts, num_samples):
        total, mean = sum(num_samples), {}
        for name in local_model_state_dicts[0]:
            mean[name] = sum(s[name] * n / total for s, n in zip(local_model_state_dicts, num_samples))
        return mean
""",
}


def points(tmp_path, source, name="Server.aggregate"):
    (tmp_path / "server.py").write_text(HEAD + source)
    return {each.check.rpartition(".")[2]: each for each in judge("aggregation", f"server.py:{name}", tmp_path)}


def broken(found):
    return [(point, finding.fault) for point, finding in found.items() if finding.verdict.stops]


@pytest.mark.parametrize("kind", REPLIES)
def test_a_right_mean_of_replies_of_any_known_form_is_called_right(tmp_path, kind):
    found = points(tmp_path, REPLIES[kind])

    assert broken(found) == []
    assert found["mean"].verdict is Verdict.passed
    assert found["next-round"].verdict is Verdict.passed


def test_a_wrong_mean_that_a_server_keeps_is_found(tmp_path):
    wrong = REPLIES["objects with a number and a state"].replace(" / total", " / len(uploads)")

    assert ("mean", "aggregate-weights") in broken(points(tmp_path, wrong))


def test_replies_that_say_how_much_they_count_make_an_unweighted_mean_a_fault(tmp_path):
    source = """
    def aggregate(self, uploads):
        print(sum(each.num_samples for each in uploads))
        names = self.global_model.state_dict()
        mean = {name: sum(each.state_dict[name] for each in uploads) / len(uploads) for name in names}
        self.global_model.load_state_dict(mean)
"""

    assert ("mean", "aggregate-weights") in broken(points(tmp_path, source))


def test_a_sum_that_is_built_in_a_client_s_object_is_seen(tmp_path):
    source = """
    def aggregate(self, uploads):
        total = sum(each.num_samples for each in uploads)
        mean = uploads[0].state_dict
        for name in mean:
            mean[name] *= uploads[0].num_samples / total
            for each in uploads[1:]:
                mean[name] += each.state_dict[name] * each.num_samples / total
        return mean
"""

    assert broken(points(tmp_path, source)) == [("untouched", "aggregate-in-place")]


FUNCTION = """

def server_aggregate(global_model, client_models):
    mean = global_model.state_dict()
    for name in mean:
        mean[name] = torch.stack([each.state_dict()[name] for each in client_models], 0).mean(0)
    {last}
"""


def test_a_function_may_load_the_mean_into_the_model_it_is_given(tmp_path):
    found = points(tmp_path, FUNCTION.format(last="global_model.load_state_dict(mean)"), "server_aggregate")

    assert broken(found) == []
    assert found["mean"].verdict is Verdict.warned  # it is told no numbers of examples


def test_a_mean_that_is_handed_out_to_every_client_is_not_built_in_one(tmp_path):
    last = """global_model.load_state_dict(mean)
    for each in client_models:
        each.load_state_dict(global_model.state_dict())"""

    assert broken(points(tmp_path, FUNCTION.format(last=last), "server_aggregate")) == []


UNKNOWN = {
    "an attribute whose name says nothing": """
    def aggregate(self, uploads):
        return [each.blob for each in uploads]
""",
    "an object that keeps it where nobody can look": """
    def aggregate(self, uploads):
        self.update({name: sum(each.state_dict[name] * each.num_samples for each in uploads) for name in ("a", "b")})

    def update(self, mean):
        pass
""",
    "two results": """
    def aggregate(self, uploads):
        self.first = uploads[0].state_dict
        self.sums = {name: sum(each.state_dict[name] * each.num_samples for each in uploads) for name in self.first}
""",
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_what_can_t_be_known_is_left_to_an_adapter(tmp_path, kind):
    with pytest.raises(ProbeError) as raised:
        points(tmp_path, UNKNOWN[kind])

    assert "--adapter" in raised.value.remedy


def test_a_path_that_forgets_to_return_is_a_fault(tmp_path):
    source = """
    def aggregate(self, uploads):
        if not uploads:
            return {}
        {name: sum(each.state_dict[name] * each.num_samples for each in uploads) for name in uploads[0].state_dict}
"""

    assert broken(points(tmp_path, textwrap.indent(textwrap.dedent(source), "    "))) == [
        ("returned", "aggregate-not-returned")
    ]


CALLED = """

class Merger:
    {made}

    def __call__(self, outputs, losses):
        total = sum(each.size for each in outputs)
        names = outputs[0].weight.keys()
        return {{name: sum(each.weight[name] * each.size for each in outputs) * {scale} / total for name in names}}

    def reset(self):
        return self
"""


@pytest.mark.parametrize(
    ("made", "scale"), [("kind = 'mean'", "1"), ("def __init__(self):\n        self.scale = 1", "self.scale")]
)
def test_a_class_whose_objects_are_called_is_judged_by_its_call(tmp_path, made, scale):
    found = points(tmp_path, CALLED.format(made=made, scale=scale), "Merger")

    assert broken(found) == []
    assert found["mean"].verdict is Verdict.passed
    assert found["mean"].at.startswith("server.py:")


def test_a_class_that_aggregates_in_a_method_of_its_own_is_told_to_name_it(tmp_path):
    source = "\n\nclass Plain:\n    def merge(self, updates):\n        return updates[0]\n"

    with pytest.raises(ProbeError) as raised:
        points(tmp_path, source, "Plain")

    assert "server.py:Plain.merge" in raised.value.remedy
