"""A code edit makes stale only what read the edited files, as far as a trace shows what a run read."""

import json
import os
import subprocess

import pytest

from zk0.workflow.trace import tracer

needs_strace = pytest.mark.skipif(tracer() is None, reason="strace is not here, or may not trace")
AUTHOR = {f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
TRACED = """\
  - id: one
    title: One
    run: [python, -S, tool.py]
    reads: [data.txt]
    makes: []
    trace: true
"""
UNTRACED = TRACED.replace("    trace: true\n", "")
SLOPPY = TRACED.replace("[data.txt]", "[other.txt]")  # it opens data.txt, and does not say so
JUDGED = TRACED + "    checks: [{run: [python, -S, tool.py]}]\n"


@pytest.fixture
def ran(program, write, command):
    """Give a function that runs a workflow of these steps in a repository, and returns what its result read."""

    def run(steps: str) -> list[str]:
        write("look", steps)
        texts = {"tool.py": "print(open('data.txt').read())\n", "data.txt": "1\n", "other.txt": "", "unrelated.py": ""}
        for name, text in texts.items():
            (program.root / name).write_text(text)
        for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
            subprocess.run(["git", *arguments], cwd=program.root, env={**os.environ, **AUTHOR}, check=True)
        assert command("run", "look", "--quiet")[0] == 0
        [entry] = json.loads(command("memory", "search", "--json")[1])["data"]
        return entry["run"].get("reads", [])

    return run


def is_fresh(command) -> bool:
    return command("memory", "verify", "--strict")[0] == 0


@needs_strace
@pytest.mark.parametrize("steps", [TRACED, JUDGED], ids=["traced", "judged by a program"])
def test_an_edit_of_a_file_that_was_not_read_leaves_the_result_fresh(steps, ran, command, program):
    assert ran(steps) == ["data.txt", "tool.py", "workflows/look.yaml"]

    (program.root / "unrelated.py").write_text("x = 1\n")

    assert is_fresh(command)


@needs_strace
@pytest.mark.parametrize("name", ["data.txt", "tool.py", "workflows/look.yaml"])
def test_an_edit_of_a_file_that_was_read_makes_it_stale(name, ran, command, program):
    ran(TRACED)

    with (program.root / name).open("a") as stream:
        stream.write("# more\n")

    assert not is_fresh(command)
    assert f"the code has changed since: {name}" in command("memory", "verify")[1]


@needs_strace
def test_a_new_file_and_one_that_is_gone_make_it_stale(ran, command, program):
    ran(TRACED)
    (program.root / "new.py").touch()
    assert not is_fresh(command)
    (program.root / "new.py").unlink()
    assert is_fresh(command)

    (program.root / "unrelated.py").unlink()

    assert not is_fresh(command)


@pytest.mark.parametrize("steps", [UNTRACED, SLOPPY, TRACED + UNTRACED.replace("one", "two")])
def test_where_a_trace_does_not_show_all_that_was_read_every_edit_counts(steps, ran, command, program):
    assert ran(steps) == []
    assert is_fresh(command)

    (program.root / "unrelated.py").write_text("x = 1\n")

    assert not is_fresh(command)
