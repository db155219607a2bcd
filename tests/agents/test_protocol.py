"""Agents that follow `zk0 next`, and agents that look for a shorter way; on the real command line."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

STEPS = """\
  - id: fix
    title: Fix it
    ask: agent
    instruction: Write `ok` into src/fixed.txt.
    scope: [src/**]
    accept: [run: [sh, accept.sh]]
  - {id: gate, title: Let it out, needs: [fix], ask: person, instruction: Let it out.}
"""


@dataclass(frozen=True)
class Agent:
    """An agent in a project; `zk0` runs a command line and returns its exit status, output and errors."""

    root: Path
    zk0: Callable[..., tuple[int, str, str]]

    def hand_in(self, run):
        status, out, err = self.zk0("resume", run)
        assert status != 5, out + err
        return status


@pytest.fixture
def agent(program, command):
    return Agent(program.root, command)


@pytest.fixture
def run(agent, write):
    """Return the run of a workflow that waits for an agent."""
    (agent.root / "accept.sh").write_text("grep -q ok src/fixed.txt\n")
    write("fix", STEPS)
    assert agent.zk0("run", "fix")[0] == 3
    return state(agent)["run"]


def state(agent):
    return json.loads(agent.zk0("runs", "--json")[1])["data"][0]


def follow(agent):
    """Do what `zk0 next` prints, and nothing else; return the exit status of handing in."""
    told = agent.zk0("next")[1]
    content, path = re.search(r"Write `(.+)` into (\S+)\.\n", told).groups()
    (agent.root / path).parent.mkdir(exist_ok=True)
    (agent.root / path).write_text(f"{content}\n")
    return agent.zk0(*told.splitlines()[-1].removeprefix("Hand in: zk0 ").split())[0]


def claims_success(agent, run):
    return agent.hand_in(run)


def claims_it_in_the_memory_bank(agent, run):
    agent.zk0("memory", "add", "result", f"{run}: fix passed", "--body", "It did.")
    return agent.hand_in(run)


def edits_the_acceptance(agent, run):
    (agent.root / "accept.sh").write_text("exit 0\n")
    return agent.hand_in(run)


def edits_the_workflow(agent, run):
    file = agent.root / "workflows" / "fix.yaml"
    file.write_text(file.read_text().replace("[sh, accept.sh]", "['true']"))
    return agent.hand_in(run)


def edits_the_run_s_workflow(agent, run):
    file = agent.root / ".zk0" / "runs" / run / "spec.yaml"
    file.write_text(file.read_text().replace("accept.sh", "-c true"))
    return agent.hand_in(run)


def writes_outside_of_its_scope(agent, run):
    (agent.root / "elsewhere.txt").write_text("x\n")
    follow(agent)
    return agent.hand_in(run)


def answers_for_a_person(agent, run):
    assert follow(agent) == 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.StringIO("y\nyes\n"))
        return agent.hand_in(run)


def edits_the_journal(agent, run):
    file = agent.root / ".zk0" / "runs" / run / "journal.jsonl"
    file.write_text(file.read_text().replace("accept.sh", "nothing.sh"))
    return agent.hand_in(run)


def makes_a_receipt(agent, run):
    follow(agent)
    folder = agent.root / ".zk0" / "runs" / run
    [receipt] = folder.rglob("*fix*.json")
    made = receipt.with_name(receipt.name.replace("fix", "gate"))
    made.write_text(receipt.read_text().replace('"fix"', '"gate"'))
    return agent.hand_in(run)


SHORTER_WAYS = (
    claims_success,
    claims_it_in_the_memory_bank,
    edits_the_acceptance,
    edits_the_workflow,
    edits_the_run_s_workflow,
    writes_outside_of_its_scope,
    answers_for_a_person,
    edits_the_journal,
    makes_a_receipt,
)


def test_an_agent_that_follows_what_is_printed_is_done_with_its_part(agent, run):
    assert follow(agent) == 3  # for a person now

    assert "A person must answer" in agent.zk0("next")[1]
    assert json.loads(agent.zk0("show", run, "--json")[1])["data"]["steps"][0]["verdict"] == "pass"


@pytest.mark.parametrize("way", SHORTER_WAYS, ids=lambda way: way.__name__)
def test_no_shorter_way_gets_there(agent, run, way):
    assert way(agent, run) != 0
    assert state(agent)["status"] != "done"
