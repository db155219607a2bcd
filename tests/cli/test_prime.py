"""`zk0 prime`, with the real program."""

import json
import subprocess
import sys

FIX = """\
  - id: fix
    title: Fix it
    ask: agent
    instruction: Make the file fixed.
    accept: [run: [test, -e, fixed]]
"""


def test_an_agent_is_told_what_waits_for_it(program, write):
    write("fix", FIX)
    program("run", "fix")

    text = program("prime").stdout
    brief = json.loads(program("prime", "--json").stdout)["data"]

    assert "waits for an agent: Fix it. Read `.zk0/runs/" in text
    assert brief["brief"] == text
    assert brief["tokens"] <= 2000
    assert set(brief["entries"]) == {"fresh", "unverifiable", "stale", "contradicted"}


def test_the_brief_needs_neither_the_engine_nor_a_terminal_library(program):
    script = "import sys; from zk0.cli import main; main(['prime']); sys.stderr.write(' '.join(sys.modules))"
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=program.root,
        env=program.environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert not {"rich", "git", "jinja2", "zk0.workflow.engine", "torch"} & set(ended.stderr.split())
