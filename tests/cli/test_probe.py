"""`zk0 probe` in a project: Flower's own FedProx recipe never acts, right code passes, a wrong target exits 2."""

import json
import re
import textwrap

import pytest

LOOP = """\
import copy


def train(net, trainloader, criterion, optimizer, config):
{snapshot}
    for inputs, labels in trainloader:
        optimizer.zero_grad()
        proximal_term = 0.0
{step}
        loss.backward()
        optimizer.step()
"""

APP = """\
import copy

import torch
from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from torch import nn

app = ClientApp()


@app.train()
def answer(msg, context):
    net = nn.Linear(3, 2)
    net.load_state_dict(msg.content["arrays"].to_torch_state_dict())
    data = [(torch.ones(4, 3) * number, torch.tensor([0, 1, 0, 1])) for number in range(1, 5)]
    train(net, data, nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=0.1), None, msg)
    content = {"arrays": ArrayRecord(net.state_dict()), "metrics": MetricRecord({"num-examples": 16})}
    return Message(content=RecordDict(content), reply_to=msg)


"""


def recipe(docstring: str) -> str:
    """Put the lines that Flower's docstring gives into the loop they are meant for."""
    blocks = re.findall(r"\.\. code:: python\n\n((?: {6,}.*\n|\n)+)", docstring)
    _, step, snapshot = (re.sub(r"\*\n\s*", "* ", textwrap.dedent(block)).strip() for block in blocks)
    return LOOP.format(snapshot=textwrap.indent(snapshot, " " * 4), step=textwrap.indent(step, " " * 8))


@pytest.mark.slow  # PyTorch, and what its optimizers import, in a process of its own
def test_the_recipe_in_flower_s_own_docstring_never_acts(program):
    from flwr.server.strategy import FedProx

    (program.root / "recipe.py").write_text(recipe(FedProx.__doc__))

    done = program("probe", "proximal", "recipe.py:train")

    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "recipe.py:train (recipe.py:4)"
    assert re.match(
        r"fail\s+gradient\s+the term never acts: at step 4 its gradient is 0; the reference is an exhausted iterator "
        r"from the second step on \(global_params in train, line \d+\)",
        lines[1],
    )
    assert re.match(r"\s+gradient of the term at .* = 0$", lines[2])
    assert re.match(r"\s+mu \* \(w - w_round\) at .* = -?0.0\d+$", lines[3])
    assert "a norm that is not squared" in done.stdout
    assert lines[-2:] == ["verdict: fail", "next: zk0 run fedprox-debug"]


def test_so_does_the_recipe_for_flower_s_messages(tmp_path):
    from flwr.serverapp.strategy import FedProx

    from zk0.probes.harness.contracts import findings_of

    (tmp_path / "app.py").write_text(
        APP + recipe(FedProx.__doc__).partition("\n\n\n")[2].replace("config)", "config, msg)")
    )

    findings = list(findings_of("proximal", "app.py:app", tmp_path))

    faults = [finding.fault for finding in findings if finding.verdict == "fail"]
    assert (faults[0], faults[-1]) == ("proximal-reference", "proximal-formula")


def test_a_program_reads_the_findings_as_one_object(program):
    (program.root / "losses.py").write_text(
        "def penalty(model, global_params, mu):\n"
        "    trained = [(p, g) for p, g in zip(model.parameters(), global_params, strict=True) if p.requires_grad]\n"
        "    return mu / 2 * sum(((p - g) ** 2).sum() for p, g in trained)\n"
    )

    done = program("probe", "proximal", "losses.penalty", "--json")

    assert done.returncode == 0, done.stdout
    answer = json.loads(done.stdout)
    assert answer["schema_version"] == 1
    assert (answer["data"]["probe"], answer["data"]["verdict"]) == ("proximal", "pass")
    points = {finding["check"]: finding for finding in answer["data"]["findings"]}
    assert points["probe.proximal.gradient"]["at"] == "losses.py:1"
    found, expected = points["probe.proximal.gradient"]["evidence"]
    assert found["value"] == pytest.approx(expected["value"])


def test_a_file_that_is_not_there_is_told_at_once(program):
    done = program("probe", "exchange", "nothing.py:get,set", "--json")

    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == "ZK215"
    assert "no file" in json.loads(done.stdout)["error"]["message"]
