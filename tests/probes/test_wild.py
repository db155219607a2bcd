"""Kinds of code that people have and that were judged wrong: each is right, or wrong for the cause that is told."""

import textwrap

import pytest
import torch

from zk0.core.verdicts import Verdict
from zk0.probes.judging import judge

HEAD = """\
import copy

import torch
from torch import nn
from torch.nn import functional as F


def distance(net, start):
    return sum(((p - s) ** 2).sum() for p, s in zip(net.parameters(), start))


"""

LOOP = """\
def train(net, trainloader, mu, epochs):
    {before}
    start = [p.detach().clone() for p in net.parameters()]
    for epoch in range(epochs):
        for x, y in trainloader:
            {step}
    {after}
"""
STEP = """\
optimizer.zero_grad()
            loss = F.cross_entropy({net}(x), y)
            {term}
            loss.backward()
            optimizer.step()"""


def loop(term="loss = loss + mu / 2 * distance(net, start)", before="", after="", net="net"):
    before = before or "optimizer = torch.optim.SGD(net.parameters(), lr=0.1)"
    return LOOP.format(before=before, step=STEP.format(term=term, net=net), after=after or "pass")


def points(tmp_path, source, name, kind="proximal", **options):
    (tmp_path / "code.py").write_text(HEAD + textwrap.dedent(source))
    target = f"code.py:{name}" if name else "code.py"
    return {each.check.rpartition(".")[2]: each for each in judge(kind, target, tmp_path, **options)}


def broken(found):
    return [(point, finding.fault) for point, finding in found.items() if finding.verdict.stops]


EARLY = """
def term(model, global_params, mu):
    if mu == 0:
        return {nothing}
    return mu / 2 * distance(model, global_params)
"""

COPIES = {
    "the state of a copy is returned": """
def train(net, trainloader, mu):
    local = copy.deepcopy(net)
    optimizer = torch.optim.SGD(local.parameters(), lr=0.1)
    for x, y in trainloader:
        optimizer.zero_grad()
        (F.cross_entropy(local(x), y) + mu / 2 * distance(local, [p.detach() for p in net.parameters()])).backward()
        optimizer.step()
    return local.state_dict()
""",
    "a copy is written back": """
def train(net, trainloader, mu):
    local = copy.deepcopy(net)
    optimizer = torch.optim.SGD(local.parameters(), lr=0.1)
    for x, y in trainloader:
        optimizer.zero_grad()
        (F.cross_entropy(local(x), y) + mu / 2 * distance(local, [p.detach() for p in net.parameters()])).backward()
        optimizer.step()
    net.load_state_dict(local.state_dict())
""",
    "the steps are written by hand": """
def train(net, trainloader, mu):
    start = [p.detach().clone() for p in net.parameters()]
    trained = [p for p in net.parameters() if p.requires_grad]
    for x, y in trainloader:
        loss = F.cross_entropy(net(x), y) + mu / 2 * distance(net, start)
        for p, g in zip(trained, torch.autograd.grad(loss, trained)):
            p.data -= 0.1 * g
""",
    "the model is frozen at the end": loop(after="net.requires_grad_(False)"),
    "weight decay holds a part of the term": loop(
        "loss = loss - mu * sum((p * s).sum() for p, s in zip(net.parameters(), start))",
        before="optimizer = torch.optim.SGD(net.parameters(), lr=0.1, weight_decay=mu)",
    ),
}

OPTIMIZERS = """
class Plain(torch.optim.Optimizer):
    def __init__(self, params, lr=0.1, mu=0.0):
        super().__init__(params, dict(lr=lr, mu=mu))

    @torch.no_grad()
    def step(self, global_params):
        for group in self.param_groups:
            for p, g in zip(group["params"], global_params):
                if p.grad is not None:
                    p.add_(p.grad + group["mu"] * (p - g), alpha=-group["lr"])


class InAdam(torch.optim.Adam):
    def __init__(self, params, lr=0.1, mu=0.0):
        super().__init__(params, lr=lr)
        self.mu, self.start = mu, [p.detach().clone() for group in self.param_groups for p in group["params"]]

    def step(self, closure=None):
        for p, s in zip((p for group in self.param_groups for p in group["params"]), self.start):
            if p.grad is not None:
                p.grad = p.grad + self.mu * (p.detach() - s)
        return super().step(closure)


class AfterAdam(InAdam):
    @torch.no_grad()
    def step(self, closure=None):
        torch.optim.Adam.step(self, closure)
        for p, s in zip((p for group in self.param_groups for p in group["params"]), self.start):
            p.sub_(0.1 * self.mu * (p - s))
"""


@pytest.mark.parametrize("nothing", ["0.0", "None", "torch.zeros(())"])
def test_a_term_may_leave_early_at_mu_0(tmp_path, nothing):
    assert broken(points(tmp_path, EARLY.format(nothing=nothing), "term")) == []


@pytest.mark.parametrize("kind", COPIES)
def test_what_is_trained_may_be_another_object(tmp_path, kind):
    found = points(tmp_path, COPIES[kind], "train")

    assert broken(found) == []
    assert found["gradient"].verdict is Verdict.passed


@pytest.mark.parametrize(("name", "verdict"), [("Plain", "pass"), ("InAdam", "pass"), ("AfterAdam", "not-available")])
def test_an_optimizer_may_carry_the_term(tmp_path, name, verdict):
    found = points(tmp_path, OPTIMIZERS, name)

    assert broken(found) == []
    assert found["gradient"].verdict == verdict
    assert found["acts"].verdict is Verdict.passed


def test_the_steps_of_an_optimizer_that_calls_its_base_s_count_once(tmp_path):
    used = torch.nn.Linear(1, 1)
    torch.optim.Adam(used.parameters()).step()  # PyTorch hooks a class's step when it is first used

    assert points(tmp_path, OPTIMIZERS, "InAdam")["gradient"].verdict is Verdict.passed


def test_a_copy_that_is_dropped_is_no_training(tmp_path):
    found = points(tmp_path, COPIES["a copy is written back"].replace("net.load_state_dict", "dict"), "train")

    assert broken(found) == [("returned", "parameters-not-trained")]


WRONG = {
    "only from the second epoch on": (
        loop("loss = loss + (mu / 2 * distance(net, start) if epoch else 0)"),
        ("proximal-inert", "some epochs or steps"),
    ),
    "the product instead of the distance": (
        loop("loss = loss - mu * sum((p * s).sum() for p, s in zip(net.parameters(), start))"),
        ("proximal-formula", "the product w * w_round"),
    ),
    "a factor of its own for each tensor": (
        loop(
            "for n, (p, s) in enumerate(zip(net.parameters(), start), 1):\n"
            "                loss = loss + n * mu / 2 * ((p - s) ** 2).sum()"
        ),
        ("proximal-formula", None),
    ),
    "a sum that goes on": (
        """
total = []


def term(model, global_params, mu):
    total.append(1)
    return len(total) * mu / 2 * distance(model, global_params)
""",
        ("proximal-repeated", "adds to what it kept"),
    ),
    "a loss without a gradient": (loop("loss = torch.tensor(loss.item())"), ("proximal-detached", ".item()")),
    "a name that nothing defines": (
        loop("loss = loss + mu / 2 * distanse(net, start)"),
        ("code-raises", "nothing defines"),
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_the_cause_that_is_told_predicts_what_was_measured(tmp_path, kind):
    source, (fault, cause) = WRONG[kind]

    found = points(tmp_path, source, "term" if "def term" in source else "train")

    first = next(finding for finding in found.values() if finding.verdict.stops)
    assert first.fault == fault, first.message
    assert (first.cause is None) if cause is None else (cause in first.cause)


def test_the_pairing_that_explains_a_wrong_term_is_the_one_that_is_told(tmp_path):
    source = """
def term(trainable_params, global_params, mu):
    return mu * sum(((p - torch.from_numpy(g)) ** 2).sum() for p, g in zip(trainable_params, global_params))
"""

    assert "is 2 times mu" in points(tmp_path, source, "term")["gradient"].message


def test_code_that_needs_every_gradient_is_judged_with_nothing_frozen(tmp_path):
    found = points(
        tmp_path,
        loop("pass").replace(
            "loss.backward()",
            "loss.backward()\n            for p, s in zip(net.parameters(), start):\n"
            "                p.grad.data += mu * (p.data - s)",
        ),
        "train",
    )

    assert found["gradient"].verdict is Verdict.passed
    assert (found["frozen"].verdict, found["frozen"].fault) == (Verdict.warned, "proximal-frozen")
    assert "NoneType" in found["frozen"].message


AVERAGES = """
def median(weights, num_examples):
    import numpy as np
    return [np.median(np.stack(each), axis=0) for each in zip(*weights)]


def summed(weights, num_examples):
    return [sum(n * a for a, n in zip(each, num_examples)) for each in zip(*weights)]


def into_the_first(state_dicts, num_examples):
    first, total = state_dicts[0], sum(num_examples)
    for name in first:
        first[name] = sum(n / total * each[name] for each, n in zip(state_dicts, num_examples))
    return first


def equal(state_dicts):
    return {name: sum(each[name] for each in state_dicts) / len(state_dicts) for name in state_dicts[0]}
"""


def test_what_is_no_mean_keeps_nothing_of_the_round_before(tmp_path):
    found = points(tmp_path, AVERAGES, "summed", "aggregation")

    assert found["mean"].fault == "aggregate-weights"
    assert found["next-round"].verdict is Verdict.passed


def test_a_median_is_not_called_a_mean_that_is_wrong(tmp_path):
    assert points(tmp_path, AVERAGES, "median", "aggregation")["mean"].verdict is Verdict.not_applicable


def test_a_client_s_dict_that_becomes_the_aggregate_is_seen(tmp_path):
    found = points(tmp_path, AVERAGES, "into_the_first", "aggregation")

    assert broken(found) == [("untouched", "aggregate-in-place")]


def test_a_mean_that_is_told_no_weights_is_a_warning(tmp_path):
    found = points(tmp_path, AVERAGES, "equal", "aggregation")

    assert found["mean"].verdict is Verdict.warned
    assert found["mean"].fault == "aggregate-weights"


def test_an_integer_buffer_that_is_cast_is_not_said_to_be_left_out(tmp_path):
    found = points(
        tmp_path,
        "def get_parameters(net):\n    return [v.cpu().numpy() for v in net.state_dict().values()]\n\n\n"
        "def set_parameters(net, parameters):\n"
        "    state = {k: torch.Tensor(v) for k, v in zip(net.state_dict(), parameters)}\n"
        "    net.load_state_dict({k: v if v.numel() else torch.tensor(0) for k, v in state.items()})\n",
        "",
        "exchange",
    )

    # Batch norm reads its counter with momentum=None only.
    assert found["round-trip"].verdict is Verdict.warned
    assert "set casts or skips it" in found["round-trip"].cause


def test_memory_that_nobody_wrote_does_not_hold_the_right_number_by_chance(tmp_path):
    # torch.Tensor(array of 0 dimensions) is memory of that size; the right counter is 1, and so is much that is freed.
    found = points(
        tmp_path,
        "def get_parameters(net):\n    return [v.cpu().numpy() for v in net.state_dict().values()]\n\n\n"
        "def set_parameters(net, parameters):\n"
        "    state = {k: torch.tensor(v) for k, v in zip(net.state_dict(), parameters)}\n"
        "    counter = torch.Tensor(1).isnan() + 1\n"
        "    net.load_state_dict({k: v if v.ndim else counter for k, v in state.items()})\n",
        "",
        "exchange",
    )

    assert found["round-trip"].verdict is Verdict.warned


def test_a_running_mean_that_is_sent_and_not_set_is_a_failure(tmp_path):
    found = points(
        tmp_path,
        "def get_parameters(net):\n    return [v.cpu().numpy() for v in net.state_dict().values()]\n\n\n"
        "def set_parameters(net, parameters):\n"
        "    state = {k: torch.tensor(v) for k, v in zip(net.state_dict(), parameters) if 'running' not in k}\n"
        "    net.load_state_dict(state, strict=False)\n",
        "",
        "exchange",
    )

    assert found["round-trip"].verdict is Verdict.failed


def test_other_frameworks_are_told_and_their_arrays_are_judged(tmp_path):
    (tmp_path / "keras_client.py").write_text(
        "import tensorflow as tf\n\n\ndef train(model, global_params, mu):\n    return tf.reduce_sum(0)\n\n\n"
        "def get_weights(model):\n    return model.get_weights()\n\n\n"
        "def set_weights(model, weights):\n    model.set_weights(weights)\n"
    )

    with pytest.raises(Exception, match="is TensorFlow code") as raised:
        list(judge("proximal", "keras_client.py:train", tmp_path))
    assert "zk0 probe exchange" in raised.value.remedy
    found = {each.check: each.verdict for each in judge("exchange", "keras_client.py", tmp_path)}
    assert found["probe.exchange.round-trip"] is Verdict.passed


def test_the_one_client_of_a_file_is_judged_without_a_constructor_that_asks_for_data(tmp_path):
    found = points(
        tmp_path,
        "class Client:\n"
        "    def __init__(self, net_id, dataset, trainloader, alg):\n        raise RuntimeError('needs a cluster')\n\n"
        "    def get_parameters(self, config):\n"
        "        return [v.cpu().numpy().copy() for v in self.net.state_dict().values()]\n\n"
        "    def set_parameters(self, parameters):\n"
        "        state = dict(zip(self.net.state_dict(), map(torch.from_numpy, parameters)))\n"
        "        self.net.load_state_dict(state, strict=True)\n",
        "",
        "exchange",
    )

    assert found["round-trip"].verdict is Verdict.passed


def test_a_client_with_names_of_its_own_is_not_judged_by_what_it_inherits_from_flower(tmp_path):
    found = points(
        tmp_path,
        "from flwr.client import NumPyClient\n\n\n"
        "class Client(NumPyClient):\n"
        "    def __init__(self, net):\n        self.net = net\n\n"
        "    def get_weights(self):\n"
        "        return [v.cpu().numpy().copy() for v in self.net.state_dict().values()]\n\n"
        "    def set_weights(self, parameters):\n"
        "        state = dict(zip(self.net.state_dict(), map(torch.from_numpy, parameters)))\n"
        "        self.net.load_state_dict(state, strict=True)\n",
        "Client",
        "exchange",
    )

    assert found["round-trip"].verdict is Verdict.passed


OWN_NAMES = """
def combine(weights_list, num_examples):
    total = sum(num_examples)
    return {position: sum(w[position] * n / total for w, n in zip(weights_list, num_examples)) for position in range(4)}
"""


def test_an_aggregate_under_names_of_its_own_is_read_in_its_order(tmp_path):
    found = points(tmp_path, OWN_NAMES, "combine", "aggregation")

    assert found["mean"].verdict is Verdict.passed


PLAIN = """
def train(net, trainloader, proximal_mu, epochs):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for x, y in trainloader:
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
"""


def test_a_training_without_a_term_is_called_one(tmp_path):
    found = points(tmp_path, PLAIN, "train")

    assert found["gradient"].verdict is Verdict.failed
    assert found["gradient"].message.startswith("there is no proximal term")


def test_the_place_of_a_decorated_function_is_its_own(tmp_path):
    found = points(tmp_path, "\n@torch.enable_grad()\ndef term(model, global_params, mu):\n    return mu * 0\n", "term")

    assert found["gradient"].at.startswith("code.py:")


UNDIVIDED = {
    "each client counts 1": "[sum(each) for each in zip(*weights)]",
    "each client counts its number of examples": (
        "[sum(n * a for a, n in zip(each, num_examples)) for each in zip(*weights)]"
    ),
}


@pytest.mark.parametrize("cause", UNDIVIDED)
def test_a_sum_that_nothing_divides_is_called_one(tmp_path, cause):
    source = f"def aggregate(weights, num_examples):\n    return {UNDIVIDED[cause]}\n"

    found = points(tmp_path, source, "aggregate", "aggregation")

    assert "not to 1: the sum is not divided" in found["mean"].message
    assert found["mean"].cause == cause
    # Nothing casts the counter either: it is in the same sum.
    assert "summed as the other tensors are" in found["integers"].cause


def test_a_counter_whose_weights_are_cast_is_told_so(tmp_path):
    source = """
def aggregate(weights, num_examples):
    total = sum(num_examples)
    return [
        sum((torch.tensor(n / total).to(torch.as_tensor(a).dtype) * torch.as_tensor(a)).numpy() for a, n in pairs)
        for pairs in (list(zip(each, num_examples)) for each in zip(*weights))
    ]
"""

    found = points(tmp_path, source, "aggregate", "aggregation")

    assert found["mean"].verdict is Verdict.passed
    assert found["integers"].cause == "its weights are cast to integers before the product"
