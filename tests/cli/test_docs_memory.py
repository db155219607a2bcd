"""The commands of docs/memory.md, word for word."""

import os
import re
import shlex
import subprocess
from pathlib import Path

AUTHOR = {f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
PAGE = (Path(__file__).parents[2] / "docs" / "memory.md").read_text(encoding="utf-8")


def commands_below(heading: str) -> list[str]:
    """Return the commands in the first block of a section."""
    section = PAGE.partition(f"\n## {heading}\n")[2]
    block = re.search(r"```bash\n(.*?)```", section, re.DOTALL)[1]
    return [line for line in block.replace("\\\n", " ").splitlines() if line]


def test_the_example_of_a_task_runs_and_passes_its_own_check(command, program):
    (program.root / "smoke.py").write_text("a = 1\nb = 2\nc = 3\n")
    (program.root / "pyproject.toml").write_text("[tool.x]\nmu = 0.01\n")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
        subprocess.run(["git", *arguments], cwd=program.root, env={**os.environ, **AUTHOR}, check=True)
    ids: list[str] = []
    for line in commands_below("Tasks"):
        words = shlex.split(line)
        names = {"ID": ids[0] if ids else "", "CHILD": ids[-1] if ids else ""}
        if words[2] == "close":
            for task in ids:
                status, out, _ = command("task", "show", task, "--check")
                assert status == 0
                assert {row.split()[0] for row in out.splitlines()} == {"pass"}, out
        status, out, err = command(*(names.get(word, word) for word in words[1:]))
        assert status == 0, err
        if words[2] == "new":
            ids.append(out.strip())
    assert len(ids) == 2


def test_the_examples_of_setting_up_and_importing_run(command, program):
    bank = program.root / ".kilocode" / "rules" / "memory-bank"
    bank.mkdir(parents=True)
    (bank / "context.md").write_text("# Context\n- a\n")
    (program.root / "memory-bank").mkdir()
    (program.root / "memory-bank" / "activeContext.md").write_text("# Active\n")

    for line in [*commands_below("Import what you have"), *commands_below("Set up")]:
        status, _, err = command(*shlex.split(line, comments=True)[1:])
        assert status == 0, err


def test_every_command_and_option_of_the_page_exists(command):
    used = set(re.findall(r"zk0 (memory|task) ([a-z]+)", PAGE))

    for group, name in used:
        assert command(group, name, "--help")[0] == 0, (group, name)
    listed = command("memory", "--help")[1]
    assert {name for group, name in used if group == "memory"} == set(re.findall(r"│ ([a-z]+) ", listed))
