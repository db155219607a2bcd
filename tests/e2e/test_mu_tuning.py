"""The workflow `mu-tuning`, as a user runs it: it replaces a mu that is too large, and keeps one that is good."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import git
import pytest

HERE = Path(__file__).parent
PROGRAM = ["-i", "train_command=python,train.py,--proximal-mu={mu},--seed={seed}", "-i", "workers=2"]

pytestmark = pytest.mark.slow


@pytest.fixture
def arms(project):
    """Return a function that makes somebody else's project with this mu, committed."""

    def make(mu):
        shutil.copy(HERE / "foreign" / "arms" / "train.py", project / "train.py")
        config = f"[tool.flwr.app.config]\nrounds = 8  # short\nproximal-mu = {mu}  # a guess\n"
        (project / "pyproject.toml").write_text(f'[project]\nname = "arms"\nversion = "0"\n\n{config}')
        (project / ".gitignore").write_text(".zk0/\n__pycache__/\n")
        with git.Repo(project) as repository:
            repository.git.add("--all")
            repository.git.commit("--message", "The arms as they were")
            return repository

    return make


def outputs_of(done, project, name):
    run = json.loads(done.stdout)["data"]["run"]
    for path in (project / ".zk0" / "runs" / run).rglob("*.json"):
        receipt = json.loads(path.read_text())
        if receipt.get("step") == name:
            return receipt["outputs"]
    raise AssertionError(f"no receipt of {name}")


def test_from_a_mu_of_10_it_finds_a_smaller_one_commits_it_and_remembers(zk0, arms, project):
    repository = arms(10)

    done = zk0("run", "mu-tuning", "--json", *PROGRAM)

    assert done.returncode == 0, done.stdout + done.stderr
    written = (project / "pyproject.toml").read_text()
    assert re.search(r"rounds = 8  # short\nproximal-mu = 1\.8  # was 10; .*p = 0\.0078, 8 seeds", written)
    assert repository.head.commit.message.startswith("Set proximal-mu to 1.8")
    assert repository.heads.main.commit.message == "The arms as they were\n"
    assert list(repository.head.commit.stats.files) == ["pyproject.toml"]
    context = (project / "memory-bank" / "context.md").read_text()
    assert "proximal-mu is 1.8, it was 10.0" in context
    losses = dict(re.findall(r"held-out loss at mu ([\d.]+) \| ([\d.]+)", context))
    assert float(losses["1.8"]) < 0.1 * float(losses["10"])
    explained = json.loads(zk0("config", "explain", "proximal-mu", "--json").stdout)["data"]
    assert "changes the held-out loss" in explained["decided"]["reason"]
    [picture] = project.glob(".zk0/runs/*/steps/validation/mu.svg")
    assert picture.read_text().startswith("<?xml")


def test_a_good_mu_stays_and_the_reason_is_remembered(zk0, arms, project):
    repository = arms(2)

    done = zk0("run", "mu-tuning", "--json", *PROGRAM)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "proximal-mu = 2  # a guess" in (project / "pyproject.toml").read_text()
    assert repository.active_branch.name == "main"
    assert not repository.is_dirty()
    assert "proximal-mu stays 2" in (project / "memory-bank" / "context.md").read_text()


def test_an_inert_term_stops_it_before_the_first_trial(zk0, arms, project):
    arms(10)
    shutil.copytree(HERE / "foreign" / "fleet", project / "fleet", ignore=shutil.ignore_patterns("__pycache__"))

    done = zk0("run", "mu-tuning", "--json", "-i", "target=fleet/learner.py:fit_locally", *PROGRAM)

    data = json.loads(done.stdout)["data"]
    assert done.returncode == 1, done.stdout + done.stderr
    assert "fedprox-debug" in done.stdout
    verdicts = {step["id"]: step["verdict"] for step in data["steps"]}
    assert verdicts["cause"] == "fail"
    assert verdicts.get("reduction") in (None, "not-applicable")
    assert not list(project.glob(".zk0/runs/*/steps/reduction/runs/*"))
    assert "proximal-mu = 10  # a guess" in (project / "pyproject.toml").read_text()


def test_it_is_killed_and_resumed_and_decides_the_same(zk0, arms, project, cache):
    arms(10)
    process = subprocess.Popen(
        [sys.executable, "-m", "zk0", "run", "mu-tuning", *PROGRAM],
        cwd=project,
        env=os.environ | {"ZK0_CACHE": str(cache), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while len(list(project.glob(".zk0/runs/*/steps/reduction/runs/*"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = {path: path.stat().st_mtime_ns for path in project.glob(".zk0/runs/*/steps/reduction/runs/*seed-[01]")}

    done = zk0("resume", "latest", "--json")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "proximal-mu = 1.8  # was 10" in (project / "pyproject.toml").read_text()
    assert before
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*PROGRAM, "-i", "study=postgresql://user:hunter22@127.0.0.1:1/x"], "can't be used"),
        ([*PROGRAM, "-i", "study=studies.db"], "is not the URL of a database"),
        ([*PROGRAM, "-i", "file=other.toml"], "other.toml"),
        (["-i", "train_command=python,train.py,--seed={seed}"], "so every run would be the same"),
    ],
)
def test_bad_input_is_refused_and_changes_nothing(zk0, arms, project, arguments, message):
    repository = arms(10)

    done = zk0("run", "mu-tuning", *arguments)

    assert done.returncode in (1, 2, 4), done.stdout + done.stderr
    assert message in done.stdout + done.stderr
    assert "hunter22" not in done.stdout + done.stderr
    assert not repository.is_dirty()


@pytest.mark.parametrize(("mu", "message"), [("-1", "proximal-mu is -1"), ('"much"', "has 'much' as proximal-mu")])
def test_a_bad_value_in_the_file_is_named_with_its_place(zk0, arms, project, mu, message):
    arms(mu)

    done = zk0("run", "mu-tuning", *PROGRAM)

    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr


def test_a_file_without_the_key_is_refused(zk0, arms, project):
    arms(10)
    path = project / "pyproject.toml"
    path.write_text(path.read_text().replace("proximal-mu = 10  # a guess\n", ""))

    done = zk0("run", "mu-tuning", *PROGRAM)

    assert done.returncode == 2
    assert "has no proximal-mu" in done.stderr
