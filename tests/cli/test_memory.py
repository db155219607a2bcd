"""`zk0 memory`: what a person, an agent and CI do with the bank."""

import io
import json
import os
import subprocess
import sys

import pytest

from zk0.core.project import Project

STEPS = """\
  - id: note
    title: A note
    uses: trial.note
    with: {text: hello}
    checks: [trial.length]
"""
AUTHOR = {f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@pytest.fixture
def repository(program, write):
    """A project with a workflow, a program and a setting, all in one commit."""
    write("note", STEPS)
    write("note-repair", STEPS)  # what the check proposes
    (program.root / "pyproject.toml").write_text("[tool.x]\nmu = 0.01\n")
    (program.root / "train.py").write_text("import math\n\nmu = 0.01\n")
    (program.root / ".gitignore").write_text(".zk0/\n")
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
        subprocess.run(["git", *arguments], cwd=program.root, env={**os.environ, **AUTHOR}, check=True)
    return program.root


def data(printed: tuple[int, str, str]):
    return json.loads(printed[1])["data"]


def test_a_result_is_fresh_stale_when_the_code_changes_and_fresh_when_it_is_run_again(command, repository):
    command("run", "note", "--quiet")
    status, out, _ = command("memory", "verify", "--strict")
    assert (status, out) == (0, "1 fresh, 0 unverifiable, 0 stale, 0 contradicted; 0 superseded, 0 to repair\n")

    (repository / "train.py").write_text("mu = 0.1\n")
    status, out, _ = command("memory", "verify")
    assert status == 0
    assert "the code has changed since: train.py" in out
    assert command("memory", "verify", "--strict")[0] == 1

    command("run", "note", "--quiet")
    status, out, _ = command("memory", "verify", "--strict")
    assert (status, out) == (0, "1 fresh, 0 unverifiable, 0 stale, 0 contradicted; 1 superseded, 0 to repair\n")


def test_what_is_known_to_be_wrong_fails_and_is_told_as_data_too(command, repository):
    command("memory", "add", "decision", "mu stays at 0.01", "--source", "config:tool.x.mu")
    (repository / "pyproject.toml").write_text("[tool.x]\nmu = 0.1\n")
    command("memory", "add", "fact", "mu is 0.1", "--source", "config:tool.x.mu")
    (repository / "memory-bank" / "tech.md").write_text("# Tech\n\nSee `src/task.py`.\n")

    status, out, _ = command("memory", "verify")
    found = data(command("memory", "verify", "--json"))

    assert status == 1
    assert "contradicted  2" in out
    assert "tool.x.mu in pyproject.toml is 0.1, not 0.01" in out
    assert "contradiction  tool.x.mu in pyproject.toml is 0.01 in" in out
    assert "problem  tech.md:3: names src/task.py, which is not there" in out
    assert found["counts"] == {"fresh": 1, "unverifiable": 0, "stale": 0, "contradicted": 1}
    assert found["problems"] == [{"file": "tech.md", "line": 3, "message": "names src/task.py, which is not there"}]
    assert len(found["contradictions"]) == 1


def test_an_entry_is_added_shown_and_found(command, repository):
    added = data(command("memory", "add", "fact", "mu is small", "-b", "Measured.", "-s", "file:train.py:3", "--json"))

    status, out, _ = command("memory", "show", added["id"][-8:])
    listed = data(command("memory", "show", "--json"))

    assert status == 0
    assert "mu is small" in out
    assert "  train.py:3\nfresh\n" in out
    assert [entry["id"] for entry in listed["entries"]] == [added["id"]]
    assert added["id"] in command("memory", "show", "--kind", "fact")[1]
    assert added["id"] not in command("memory", "show", "--kind", "decision")[1]
    assert added["id"] in command("memory", "search", "measured", "small")[1]
    assert data(command("memory", "search", "small", "--json"))[0]["id"] == added["id"]


def test_a_body_is_read_from_stdin(command, repository, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("Two\nlines.\n"))

    added = data(command("memory", "add", "fact", "x", "--body", "-", "--json"))

    assert added["body"] == "Two\nlines.\n"


def test_a_write_that_rests_on_a_stale_reading_is_refused(command, repository):
    revision = data(command("memory", "show", "--json"))["revision"]
    command("memory", "add", "fact", "somebody else's")

    status, _, err = command("memory", "add", "fact", "mine", "--based-on", revision)

    assert status == 2
    assert "ZK221" in err
    assert "somebody else's" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("fact", "the token is hf_" + "a1B2c3D4e5" * 4), "ZK222"),
        (("fact", "x", "-s", "0.5"), "names no source"),
        (("fact", "x", "--stale-after", "soon"), "is not a time"),
        (("fact", "x", "--by", "somebody"), "is not an author"),
        (("result", "x"), "zk0 run records results"),
        (("task", "x"), "zk0 task new"),
        (("rumour", "x"), "rumour"),
    ],
)
def test_what_can_not_be_kept_is_refused_with_what_to_do(arguments, words, command, repository):
    status, _, err = command("memory", "add", *arguments)

    assert status == 2
    assert words in err
    assert not list((repository / "memory-bank").glob("entries/*"))


def test_rendering_can_be_checked_and_heals_a_conflict(command, repository):
    command("memory", "render")
    page = repository / "memory-bank" / "context.md"
    page.write_text(f"<<<<<<< HEAD\n{page.read_text()}=======\n# Context\n>>>>>>> left\n")

    assert command("memory", "render", "--check")[:2] == (1, "context.md is outdated: zk0 memory render\n")
    assert "a merge left it in conflict" in command("memory", "verify")[1]
    assert command("memory", "render")[:2] == (0, "context.md rendered\n")
    assert command("memory", "render", "--check", "--json")[0] == 0


def test_pruning_explains_and_moves_only_when_asked(command, repository):
    first = data(command("memory", "add", "fact", "old", "--json"))["id"]
    second = data(command("memory", "add", "fact", "new", "--supersedes", first, "--json"))["id"]
    assert command("memory", "prune")[1] == ""

    status, out, err = command("memory", "prune", "--kept", "0d")
    assert (status, out) == (0, f"{first}  old\n  superseded by {second}\n")
    assert "1 entries may be archived: zk0 memory prune --apply" in err

    assert data(command("memory", "prune", "--kept", "0d", "--apply", "--json"))["moved"] == 1
    assert (repository / "memory-bank" / "archive" / f"{first}.md").is_file()
    assert "superseded" not in command("memory", "show", first)[1]
    assert command("memory", "archive", second)[1] == f"memory-bank/archive/{second}.md\n"
    assert data(command("memory", "stats", "--json"))["archived"] == 2
    assert "archived" in command("memory", "stats")[1]


def test_the_bank_and_the_merge_driver_are_set_up_once(command, repository):
    status, out, _ = command("memory", "init")
    assert status == 0
    assert "defined the merge driver" in out
    assert data(command("memory", "init", "--json"))["done"] == ["rendered context.md and tasks.md"]


def test_an_agent_is_known_by_its_environment_and_is_no_person(command, repository, monkeypatch):
    monkeypatch.setenv("CLAUDECODE", "1")

    added = data(command("memory", "add", "fact", "x", "--json"))
    status, _, err = command("memory", "add", "fact", "y", "--by", "person:ada")

    assert added["generated"]["by"] == "agent:claudecode"
    assert status == 2
    assert "--by agent:NAME" in err


def test_the_bank_of_a_clone_can_be_verified_without_its_runs(command, repository):
    command("run", "note", "--quiet")
    (repository / ".zk0").rename(repository.parent / f"{repository.name}-runs")

    assert Project(repository).memory_dir.is_dir()
    assert command("memory", "verify", "--strict")[0] == 0


def git(root, *arguments):
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=root, env={**os.environ, **AUTHOR}, capture_output=True, text=True, check=True)
    return done.stdout


def test_a_run_changes_one_file_of_the_user_s_while_it_goes_on(program, write, repository):
    write("look", "  - {id: one, title: One, run: [echo]}\n  - {id: two, title: Two, run: [git, status, -s, -uall]}\n")
    assert program("run", "look").returncode == 0
    git(program.root, "add", "-A")
    git(program.root, "commit", "-qm", "The first run")

    assert program("run", "look").returncode == 0

    assert program("logs", "latest", "two").stdout == "==> two <==\n M memory-bank/context.md\n"
    changed = {line[3:].partition("/")[2].partition("/")[0] for line in git(program.root, "status", "-s").splitlines()}
    assert changed == {"context.md", "tasks.md", "entries", "evidence"}


def test_a_result_is_not_lost_with_an_engine_that_is_killed_at_the_very_end(program, repository):
    script = (
        "import os, signal; from zk0.cli import main; from zk0.memory import recording;"
        "recording.entries_of = lambda *_: os.kill(os.getpid(), signal.SIGKILL); main(['run', 'note', '--quiet'])"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script], cwd=program.root, env=program.environment, capture_output=True, check=False
    )
    [lost] = json.loads(program("runs", "--json").stdout)["data"]
    assert (killed.returncode, lost["status"]) == (-9, "done")
    assert json.loads(program("memory", "show", "--json").stdout)["data"]["entries"] == []

    program("run", "note", "--quiet")
    program("run", "note", "--quiet")

    entries = json.loads(program("memory", "show", "--json", "--all").stdout)["data"]["entries"]
    runs = [run["run"] for run in json.loads(program("runs", "--json").stdout)["data"]]
    assert [entry["run"]["id"] for entry in entries if entry["kind"] == "result"] == runs[::-1]
    assert program("memory", "verify").returncode == 0
