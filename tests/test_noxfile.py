"""Each workflow is a session of nox; CI uses their list, and arguments after `--` reach the run."""

import importlib.util
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import nox.registry
import pytest

from zk0.workflow.names import SESSIONS, nox_sessions

ROOT = Path(__file__).parents[1]
OWN = ("bench", "engines", "environment", "lint", "tests", "types")
WORKFLOWS = {path.stem for path in (ROOT / "workflows").glob("*.yaml")}


def listed(*arguments: str) -> list[dict]:
    command = [sys.executable, "-m", "nox", "--json", "-l", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("arguments", "sessions"),
    [
        (["-t", "workflow"], WORKFLOWS),
        ([], {"lint", "types", "tests"}),
    ],
)
def test_nox_lists_a_session_for_each_workflow_and_the_checks_it_runs_by_default(arguments, sessions):
    names = {session["name"] for session in listed(*arguments)}

    assert names - {"environment"} == sessions  # which all others require


def test_the_sessions_with_the_tag_are_a_matrix_for_ci():
    matrix = [session["session"] for session in listed("-t", "workflow") if "workflow" in session["tags"]]

    assert set(matrix) == WORKFLOWS
    assert len(matrix) == len(WORKFLOWS)


@pytest.mark.parametrize(("file", "session"), [("types.yaml", "types"), ("tests.yaml", "tests"), ("mine.yml", "mine")])
def test_a_workflow_file_replaces_no_session_and_is_reported(tmp_path, file, session):
    shutil.copy(ROOT / "noxfile.py", tmp_path)
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / file).write_text("name: types\n")
    before, after = sessions_in(ROOT), sessions_in(tmp_path)

    assert after.get(session) == before.get(session)
    done = subprocess.run([sys.executable, "-m", "nox", "-l"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert f"workflows/{file} is not a session" in done.stderr


def sessions_in(folder):
    command = [sys.executable, "-m", "nox", "--json", "-l", "-s", *OWN]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return {session["session"]: session["description"] for session in json.loads(done.stdout)}


def test_lint_knows_the_sessions_of_this_noxfile():
    found = nox_sessions((ROOT / "noxfile.py").read_bytes())

    assert set(found) == set(OWN) == set(SESSIONS)


@dataclass
class Session:
    """Takes note of the programs that a session runs, in place of running them."""

    posargs: list[str]
    ran: list[tuple[str, ...]] = field(default_factory=list)

    def run(self, program: str, *arguments: str, **_options: object) -> None:
        self.ran.append((Path(program).name, *arguments))


def test_what_follows_the_dashes_reaches_the_run():
    nox.registry.reset()
    spec = importlib.util.spec_from_file_location("zk0_noxfile", ROOT / "noxfile.py")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    session = Session(["-i", "rounds=2", "--seed", "3"])

    nox.registry.get()["train"].func(session)

    assert session.ran == [("zk0", "run", "train", "-i", "rounds=2", "--seed", "3")]
