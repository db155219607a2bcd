"""The pre-commit hooks and the GitHub Action beside the package call the CLI as it is."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from zk0.probes import Probe

ROOT = Path(__file__).parents[2]
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
TERM = """\
def term(model, global_params, mu):
    return {mu} * sum(((p - g) ** 2).sum() for p, g in zip(model.parameters(), global_params))
"""


def test_there_is_a_hook_for_each_contract():
    assert [hook["id"] for hook in HOOKS] == [f"zk0-probe-{kind}" for kind in Probe]
    for hook in HOOKS:
        assert {"id", "name", "description", "entry", "language"} <= set(hook)
        assert hook["language"] == "python"
        assert hook["pass_filenames"] is False


@pytest.mark.slow  # each probe imports PyTorch in a process of its own
@pytest.mark.parametrize(("factor", "status"), [("mu / 2", 0), ("mu", 1)])
def test_a_hook_s_entry_passes_and_fails(program, factor, status):
    (program.root / "term.py").write_text(TERM.format(mu=factor))
    name, *arguments = shlex.split(HOOKS[0]["entry"])
    assert name == "zk0"

    done = program(*arguments, "term.py:term", "--python", sys.executable)

    assert done.returncode == status, done.stdout + done.stderr


def test_the_action_has_the_structure_that_github_asks_for():
    assert set(ACTION) == {"name", "description", "inputs", "runs"}
    assert ACTION["runs"]["using"] == "composite"
    assert all(("uses" in step) != ("run" in step) for step in ACTION["runs"]["steps"])
    assert all(step["shell"] == "bash" for step in ACTION["runs"]["steps"] if "run" in step)
    assert all("description" in each for each in ACTION["inputs"].values())
    # An input in a script could hold commands; it goes through the environment.
    assert not any("${{" in step.get("run", "") for step in ACTION["runs"]["steps"])


@pytest.mark.slow  # a probe imports PyTorch in a process of its own
@pytest.mark.parametrize(("factor", "status"), [("mu / 2", 0), ("mu", 1)])
def test_the_action_s_last_step_probes(program, tmp_path, factor, status):
    (program.root / "term.py").write_text(TERM.format(mu=factor))
    there = tmp_path / "zk0" / "bin" / "zk0"
    there.parent.mkdir(parents=True)
    there.write_text(f"#!{sys.executable}\nimport sys\nfrom zk0.cli import main\nsys.exit(main())\n")
    there.chmod(0o755)
    given = {
        "CONTRACT": "proximal",
        "TARGET": "term.py:term",
        "PYTHON": sys.executable,
        "STRICT": "false",
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }
    script = ACTION["runs"]["steps"][-1]["run"]
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]

    done = subprocess.run(
        command, cwd=program.root, env={**os.environ, **given}, capture_output=True, text=True, check=False
    )

    assert done.returncode == status, done.stdout + done.stderr
    assert "gradient" in (tmp_path / "summary.md").read_text()
