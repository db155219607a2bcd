"""An adapter has what zk0 knows filled in, and few lines to complete; completed, it is probed like any code."""

import pytest

from zk0.core.errors import ProbeError
from zk0.core.project import Project
from zk0.core.verdicts import Verdict
from zk0.probes import Probe, judge, write_adapter
from zk0.probes.harness.adapter_conventions import MARK
from zk0.probes.harness.adapter_instances import MOST_LINES
from zk0.probes.harness.adapters import adapter_of
from zk0.probes.harness.targets import find_target

CLIENTS = """\
import torch
from torch.nn import functional as F


class Base:
    def __init__(self, one, two, three, four, five, six):
        raise RuntimeError("needs a cluster")


class Client(Base):
    def fit(self):
        start = [p.detach().clone() for p in self.model.parameters()]
        for x, y in self.trainloader:
            self.optimizer.zero_grad()
            loss = F.cross_entropy(self.model(x), y)
            loss += self.settings.mu / 2 * sum(((p - s) ** 2).sum() for p, s in zip(self.model.parameters(), start))
            loss.backward()
            self.optimizer.step()


def penalty(bundle, net, strength):
    return strength / 2 * sum(((p - q) ** 2).sum() for p, q in zip(net.parameters(), bundle["w0"]))


def combine(replies_by_site, power):
    total = sum(n for _, n in replies_by_site.values())
    pairs = ([(a, n) for a in w] for w, n in replies_by_site.values())
    return [sum(n * a for a, n in each) / total for each in zip(*pairs)]
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "clients.py").write_text(CLIENTS)
    return tmp_path


def completed(project, kind, target, **lines):
    text = adapter_of(kind, target, project)["text"]
    assert text.count(MARK) <= MOST_LINES
    for before, after in lines.values():
        assert before in text
        text = text.replace(before, after)
    (project / "adapter.py").write_text(text)
    return list(judge(kind, "adapter.py" if kind == "exchange" else "adapter.py:probe", project))


def test_a_function_that_asks_for_what_is_unknown(project):
    line = ("bundle = ...", 'bundle = {"w0": global_params}')

    findings = completed(project, "proximal", "clients.py:penalty", line=line)

    assert findings[0].verdict is Verdict.passed
    assert not any(finding.verdict.stops for finding in findings)


def test_a_method_of_a_class_that_can_t_be_made(project):
    findings = completed(project, "proximal", "clients.py:Client.fit")

    assert findings[0].verdict is Verdict.passed


def test_an_aggregation_of_a_form_of_its_own(project):
    lines = {
        "replies": ("replies_by_site = ...", "replies_by_site = dict(enumerate(zip(weights_list, num_examples)))"),
        "power": ("power = ...", "power = 1"),
    }

    points = {each.check: each for each in completed(project, "aggregation", "clients.py:combine", **lines)}

    assert points["probe.aggregation.mean"].verdict is Verdict.passed


@pytest.mark.slow  # a process of its own, which imports PyTorch
def test_an_adapter_is_written_beside_the_code_and_never_over_another(project):
    (project / "deep").mkdir()
    (project / "clients.py").rename(project / "deep" / "clients.py")

    file = write_adapter(Probe.proximal, "deep/clients.py:penalty", Project(project))

    assert file == project / "deep" / "probe_penalty.py"
    assert find_target("deep/probe_penalty.py:probe", project).at.startswith("deep/probe_penalty.py:")
    with pytest.raises(ProbeError, match="exists already"):
        write_adapter(Probe.proximal, "deep/clients.py:penalty", Project(project))


def test_a_class_that_asks_for_much_leaves_few_lines_open(tmp_path):
    (tmp_path / "client.py").write_text(
        "class Client:\n"
        "    def __init__(self, net, alpha, beta, gamma, delta, omega, cluster):\n        self.net = net\n\n"
        "    def get_parameters(self, config):\n        return [v.numpy() for v in self.net.state_dict().values()]\n\n"
        "    def set_parameters(self, parameters):\n        self.other.update(parameters)\n"
    )

    text = adapter_of("exchange", "client.py:Client", tmp_path)["text"]

    assert text.count(MARK) <= MOST_LINES
    assert "it.net = model" in text
    assert "vars(it).update(other=...)" in text


TRAINER = """\
class Trainer:
    def __init__(self, args, cid):
        self.model, self.optimizer, self.note = args.model, args.optimizer, {}

    def load_train_data(self, size=None):
        return self.read(self.dataset, size)

    def train(self):
        self.__class__.count = 1
        for x, y in self.load_train_data():
            self.optimizer.zero_grad()
            self.model(x).sum().backward()
            self.optimizer.step()
        self.note["done"] = self.id

    def set_parameters(self, other):
        self.model.load_state_dict(other.state_dict())
"""


def test_a_trainer_gets_batches_in_place_of_what_loads_its_data(tmp_path):
    (tmp_path / "trainer.py").write_text(TRAINER)

    text = adapter_of("proximal", "trainer.py:Trainer.train", tmp_path)["text"]

    assert "it.load_train_data = lambda *_, **__: loader" in text
    assert "vars(it).update(note=...)" in text  # neither what the loading reads nor what args hold
    assert "it.id = 0" in text


def test_what_a_class_lacks_for_an_exchange_is_left_open(tmp_path):
    (tmp_path / "trainer.py").write_text(TRAINER)

    text = adapter_of("exchange", "trainer.py:Trainer", tmp_path)["text"]

    assert text.count(MARK) == 1
    assert f"return ...{MARK}: what is sent" in text


def test_an_abstract_class_gets_what_it_lacks_left_open(tmp_path):
    (tmp_path / "split.py").write_text(
        "import abc\n\n\n"
        "class Split(abc.ABC):\n    def __init__(self, model):\n        self.body = self.parts(model)\n\n"
        "    @abc.abstractmethod\n    def parts(self, model): ...\n\n"
        "    def get_parameters(self):\n        return list(self.body.parameters())\n\n"
        "    def set_parameters(self, parameters):\n        self.body.load(parameters)\n"
    )

    text = adapter_of("exchange", "split.py:Split", tmp_path)["text"]

    assert "class Whole(Split):\n        def parts(self, *arguments):" in text
    assert text.count(MARK) == 1


HELD = """\
import torch
from torch.nn import functional as F


class Client:
    def __init__(self, name="a", batch_size=4):
        self.net = torch.nn.Linear(6, 3)
        self.data_loader = torch.utils.data.DataLoader(name, batch_size=batch_size)
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.1)
        self.global_params = None
        self.mu = 0.1

    def train(self):
        for x, y in self.data_loader:
            self.optimizer.zero_grad()
            loss = F.cross_entropy(self.net(x), y)
            if self.global_params is not None:
                pairs = zip(self.net.parameters(), self.global_params)
                loss = loss + self.mu / 2 * sum(((p - q) ** 2).sum() for p, q in pairs)
            loss.backward()
            self.optimizer.step()
"""
BATCHES = ("it.data_loader = ...", "it.data_loader = [(torch.randn(8, 6), torch.randint(3, (8,))) for _ in range(3)]")


@pytest.mark.parametrize(
    ("reference", "verdict"),
    [
        ("it.global_params = [p.detach().clone() for p in it.net.parameters()]", Verdict.passed),
        ("it.global_params = None", Verdict.failed),
    ],
)
def test_a_client_with_a_model_of_its_own_gets_mu_and_leaves_its_data_and_its_reference_open(
    tmp_path, reference, verdict
):
    (tmp_path / "clients.py").write_text(HELD)

    lines = {"data": BATCHES, "reference": ("it.global_params = ...", reference)}
    findings = completed(tmp_path, "proximal", "clients.py:Client.train", **lines)

    assert findings[0].verdict is verdict
    assert ("never set" in (findings[0].cause or "")) is (verdict is Verdict.failed)


OPTIONAL = """\
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader


class Client:
    def __init__(self, samples, device):
        self.samples = samples
        self.count = len(samples.rows)

    def train(self, model, epochs, lr, mu=0.0, global_model=None):
        optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        for x, y in DataLoader(self.samples, batch_size=8):
            loss = F.cross_entropy(model(x), y)
            if mu > 0 and global_model is not None:
                pairs = zip(model.parameters(), global_model.parameters())
                loss = loss + mu / 2 * sum(((p - q.detach()) ** 2).sum() for p, q in pairs)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
OWN_MODEL = """model, global_model = torch.nn.Linear(4, 7), torch.nn.Linear(4, 7)
    global_model.load_state_dict(model.state_dict())
    samples = torch.utils.data.TensorDataset(*(torch.cat(each) for each in zip(*loader)))
    samples.rows = range(32)
"""


def test_a_parameter_with_a_default_is_given_where_it_is_what_is_judged(tmp_path):
    (tmp_path / "clients.py").write_text(OPTIONAL)

    findings = completed(tmp_path, "proximal", "clients.py:Client.train", line=("samples = ...", OWN_MODEL))

    assert "what has rows" in adapter_of("proximal", "clients.py:Client.train", tmp_path)["text"]
    assert findings[0].verdict is Verdict.passed
    assert not any(finding.verdict.stops for finding in findings)


NESTED = """\
from torch.nn import functional as F


class Base:
    def __init__(self, one, two, three, four, five, six):
        raise RuntimeError("needs a cluster")


class Client(Base):
    def __init__(self, **rest):
        super().__init__(**rest)

    def fit(self):
        self.dataset.train()
        global_params = list(self.model.parameters())
        for x, y in self.trainloader:
            self.optimizer.zero_grad()
            F.cross_entropy(self.model(x), y).backward()
            for p, q in zip(self.model.parameters(), global_params):
                if p.requires_grad:
                    p.grad.data += self.args.prox.mu * (p.data - q.data)
            self.optimizer.step()
"""


def test_settings_in_settings_are_written_as_the_code_reads_them(tmp_path):
    (tmp_path / "clients.py").write_text(NESTED)

    line = ("it.dataset = ...", "it.dataset = SimpleNamespace(train=lambda: None)")
    findings = completed(tmp_path, "proximal", "clients.py:Client.fit", line=line)

    assert "prox=SimpleNamespace(mu=mu)" in (tmp_path / "adapter.py").read_text()
    # The adapter's own global_params, which it does not read, is no reference that the code keeps.
    assert (findings[0].verdict, findings[0].fault) == (Verdict.failed, "proximal-reference")


MODULES = """\
import copy

import torch
from torch.nn import functional as F


class Client(torch.nn.Module):
    def __init__(self, {asked}):
        super().__init__()
        self.shards, self.mu = shards, mu
        self.model = None

    def fit(self):
        start = copy.deepcopy(self.model)
        optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        for x, y in self.shards:
            pairs = zip(self.model.parameters(), start.parameters())
            optimizer.zero_grad()
            loss = F.cross_entropy(self.model(x), y) + self.mu / 2 * sum(((p - q) ** 2).sum() for p, q in pairs)
            loss.backward()
            optimizer.step()
"""


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ("shards, mu", ("shards = ...", "shards = loader")),
        ("shards, mu, one, two, three, four, five", ("shards=...", "shards=loader")),
    ],
)
def test_a_client_that_is_a_module_and_gets_its_model_later_is_given_one(tmp_path, asked, line):
    (tmp_path / "clients.py").write_text(MODULES.format(asked=asked))

    findings = completed(tmp_path, "proximal", "clients.py:Client.fit", line=line)

    assert findings[0].verdict is Verdict.passed
