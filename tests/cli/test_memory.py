"""`zk0 memory`: what a person, an agent and CI do with the bank."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from zk0.core.project import Project
from zk0.memory.bank import Bank

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
    arguments = ("fact", "mu is small", "-b", "Measured.", "-s", "file:train.py:3", "--json")
    status, out, err = command("memory", "add", *arguments)
    added = json.loads(out)["data"]

    shown = command("memory", "search", added["id"])
    listed = data(command("memory", "search", "--json"))

    assert (status, shown[0]) == (0, 0)
    assert f"  train.py:3, sha256 {added['sources'][0]['sha256'][:12]}" in err
    assert "mu is small" in shown[1]
    assert "fresh\n" in shown[1]
    assert [entry["id"] for entry in listed] == [added["id"]]
    assert added["id"] in command("memory", "search", "--kind", "fact")[1]
    assert added["id"] not in command("memory", "search", "--kind", "decision")[1]
    assert added["id"] not in command("memory", "search", "small", "--kind", "decision")[1]
    assert added["id"] in command("memory", "search", "measured", "small")[1]
    assert data(command("memory", "search", "small", "--json"))[0]["id"] == added["id"]


def test_adding_says_what_was_read_and_which_entry_is_in_force_on_it(command, repository):
    _, first, err = command("memory", "add", "decision", "mu stays", "--source", "mu=config:tool.x.mu")
    assert err == "  mu: pyproject.toml tool.x.mu = 0.01\n"

    err = command("memory", "add", "decision", "mu stays so", "--source", "config:tool.x.mu")[2]

    assert f"also in force on the same: {first.strip()}  mu stays\n" in err


def test_a_body_is_read_from_stdin(command, repository, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("Two\nlines.\n"))

    added = data(command("memory", "add", "fact", "x", "--body", "-", "--json"))

    assert added["body"] == "Two\nlines.\n"


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


def test_a_page_that_a_person_wrote_is_refused_by_every_command_and_imported(command, repository):
    page = repository / "memory-bank" / "context.md"
    page.parent.mkdir()
    page.write_text("# Mine\n\n## Next steps\n- try mu 0.1\n")

    for arguments in (("memory", "init"), ("memory", "render"), ("memory", "add", "fact", "x"), ("task", "new", "T")):
        status, _, err = command(*arguments)
        assert (status, "context.md was not written by zk0" in err, "zk0 memory import" in err) == (2, True, True)
    status, _, err = command("run", "note")
    assert status == 1  # the run is done, and not recorded everywhere
    assert "context.md was not written by zk0; it is not overwritten (zk0 memory import)" in err
    assert page.read_text() == "# Mine\n\n## Next steps\n- try mu 0.1\n"
    assert "problem  context.md:1: it is not as zk0 wrote it: zk0 memory import" in command("memory", "verify")[1]

    status, out, _ = command("memory", "import")

    assert (status, out) == (0, "memory-bank/context.md: 1 entries; the rest is in notes/context.md\n")
    assert "- try mu 0.1 (`" in page.read_text()
    assert "# Mine" in page.read_text()
    assert command("memory", "render")[0] == 0


def test_pruning_explains_and_moves_only_when_asked(command, repository):
    first = data(command("memory", "add", "fact", "old", "--json"))["id"]
    second = data(command("memory", "add", "fact", "new", "--supersedes", first, "--json"))["id"]
    assert command("memory", "prune")[1] == ""

    status, out, err = command("memory", "prune", "--kept", "0d")
    assert (status, out) == (0, f"{first}  old\n  superseded by {second}\n")
    assert "1 entries may be archived: zk0 memory prune --apply" in err

    assert data(command("memory", "prune", "--kept", "0d", "--apply", "--json"))["moved"] == 1
    assert (repository / "memory-bank" / "archive" / f"{first}.md").is_file()
    assert "superseded" not in command("memory", "search", first)[1]
    assert first in command("memory", "search", "--archived", "old")[1]
    assert second in command("memory", "search")[1]


def test_the_bank_is_set_up_once_and_git_keeps_no_rendered_page(command, repository):
    status, out, _ = command("memory", "init")
    assert (status, out) == (0, "made memory-bank/\nrendered context.md and tasks.md\n")
    assert data(command("memory", "init", "--json"))["done"] == ["rendered context.md and tasks.md"]

    assert git(repository, "status", "-s", "-uall").splitlines() == ["?? memory-bank/.gitignore"]


def test_the_first_verify_does_not_invalidate_what_it_verifies(command, repository):
    (repository / ".gitignore").unlink()
    git(repository, "commit", "-qam", "Nothing is ignored")
    command("memory", "add", "decision", "mu stays", "--source", "config:tool.x.mu", "--source", "commit:HEAD")
    command("run", "note", "--quiet")

    for _ in range(2):
        assert command("memory", "verify", "--strict")[0] == 0
    assert ".zk0" not in git(repository, "status", "-s")


def test_a_run_that_has_ended_is_not_in_progress_again_where_cancelling_it_is_refused(command, repository):
    command("run", "note", "--quiet")
    page = repository / "memory-bank" / "context.md"
    before = page.read_text()

    assert command("cancel", "latest")[0] == 2

    assert page.read_text() == before


def test_a_result_without_evidence_fails_without_strict_too(command, repository):
    command("run", "note", "--quiet")
    for path in (repository / "memory-bank" / "evidence").iterdir():
        path.unlink()

    status, out, _ = command("memory", "verify")

    assert status == 1
    assert "is in a run on this machine alone, not in the repository" in out


@pytest.mark.parametrize("status", ["done", "failed"])
def test_a_result_that_somebody_made_up_without_a_receipt_is_named(status, command, repository):
    tree = Project(repository).tree().code[:16]
    entry = (
        '---\nkind: "result"\ntitle: "train: pass after 3600 s"\n'
        'generated: {"by": "process:zk0 0.1.0", "at": "2026-11-25T03:03:37Z"}\n'
        f'tree: "{tree}"\n'
        f'run: {{"id": "r", "workflow": "train", "verdict": "pass", "ended": "{status}", "seconds": 3600}}\n---\n'
    )
    made = repository / "memory-bank" / "entries" / "2026-11-25-00000000.md"
    made.parent.mkdir(parents=True)
    made.write_text(entry)

    code, out, _ = command("memory", "verify")

    assert code == 1
    assert "unverifiable  2026-11-25-00000000" in out


def test_a_fresh_clone_verifies_strictly_and_knows_no_user_and_no_path(command, repository, tmp_path, monkeypatch):
    command("run", "note", "--quiet")
    command("memory", "add", "decision", "mu stays", "--source", "config:tool.x.mu")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "What was learned")
    git(tmp_path, "clone", "-q", str(repository), "clone")
    monkeypatch.chdir(tmp_path / "clone")

    assert command("memory", "verify", "--strict")[0] == 0
    command("memory", "init")
    assert "mu stays (`" in (tmp_path / "clone" / "memory-bank" / "context.md").read_text()
    carried = list((tmp_path / "clone" / "memory-bank" / "evidence").iterdir())
    assert carried
    for path in carried:
        assert str(repository) not in path.read_text()
        assert str(Path.home()) not in path.read_text()
        assert path.stat().st_size < 10_000


def test_an_agent_is_known_by_its_environment_and_is_no_person(command, repository, monkeypatch):
    monkeypatch.setenv("CLAUDECODE", "1")

    added = data(command("memory", "add", "fact", "x", "--json"))
    status, _, err = command("memory", "add", "fact", "y", "--by", "person:ada")

    assert added["generated"]["by"] == "agent:claudecode"
    assert status == 2
    assert "--by agent:NAME" in err


def test_a_receipt_counts_without_its_run_once_a_commit_has_it(command, repository):
    command("run", "note", "--quiet")
    (repository / ".zk0").rename(repository.parent / f"{repository.name}-runs")

    assert command("memory", "verify", "--strict")[0] == 1  # written by anybody: neither a journal nor git has it
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "What was learned")
    assert command("memory", "verify", "--strict")[0] == 0


def git(root, *arguments):
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=root, env={**os.environ, **AUTHOR}, capture_output=True, text=True, check=True)
    return done.stdout


def test_a_run_changes_no_file_that_git_keeps_while_it_goes_on(program, write, repository):
    write("look", "  - {id: one, title: One, run: [echo]}\n  - {id: two, title: Two, run: [git, status, -s, -uall]}\n")
    assert program("run", "look").returncode == 0
    git(program.root, "add", "-A")
    git(program.root, "commit", "-qm", "The first run")

    assert program("run", "look").returncode == 0

    assert program("logs", "latest", "two").stdout == ""
    changed = {line[3:].partition("/")[2].partition("/")[0] for line in git(program.root, "status", "-s").splitlines()}
    assert changed == {"entries", "evidence"}


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
    assert json.loads(program("memory", "search", "--json").stdout)["data"] == []

    program("run", "note", "--quiet")
    program("run", "note", "--quiet")

    entries = sorted(Bank.of(Project(program.root)).read().entries, key=lambda entry: entry.generated.at)
    runs = [run["run"] for run in json.loads(program("runs", "--json").stdout)["data"]]
    assert [entry.run.id for entry in entries if entry.run] == runs[::-1]
    assert program("memory", "verify").returncode == 0
