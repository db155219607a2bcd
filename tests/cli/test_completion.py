"""What bash completes: commands, workflows, runs, steps and inputs."""

import os
import subprocess
import sys

import pytest

HEAD = """\
inputs:
  preset: {type: string, choices: [tiny, small], default: tiny}
  loud: {type: boolean, default: false}
  count: {type: integer, default: 1}
"""
STEPS = """\
  - {id: first, title: First, run: [echo, "{{ inputs.preset }}", "{{ inputs.loud }}", "{{ inputs.count }}"]}
  - {id: sweep, title: Sweep, foreach: [1, 2], run: [echo]}
"""


def completed(program, *words: str, **environment: str) -> list[str]:
    """Ask as Typer's script for bash does, which gets the words as bash split them."""
    asked = {"_ZK0_COMPLETE": "complete_bash", "COMP_WORDS": "\n".join(("zk0", *words)), "COMP_CWORD": str(len(words))}
    done = subprocess.run(
        [sys.executable, "-m", "zk0"],
        cwd=program.root,
        env={**program.environment, **asked, **environment, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["canc"], ["cancel"]),
        (["runs", "pr"], ["prune"]),
        (["run", "go"], ["good"]),
        (["resume", "la"], ["latest"]),
        (["run", "good", "--only", ""], ["first", "sweep"]),
        (["run", "good", "--only", "first", "--from", "s"], ["sweep"]),
        (["run", "good", "-i", "co"], ["count="]),
        (["run", "good", "-i", "pre"], ["preset=tiny", "preset=small"]),
        (["run", "good", "-i", "preset", "="], ["tiny", "small"]),
        (["run", "good", "-i", "preset", "=", "s"], ["small"]),
        (["run", "-i", "preset", "=", "small", "good", "-i", ""], ["loud=true", "loud=false", "count="]),
        (["run", "absent", "--only", ""], []),
        (["run", "broken", "-i", ""], []),
        (["why", "latest", ""], []),
    ],
)
def test_a_shell_completes(program, write, words, found):
    write("good", STEPS, HEAD)
    (program.root / "workflows" / "broken.yaml").write_text("inputs: [\nsteps: 3")

    assert completed(program, *words) == found


def test_a_shell_completes_the_steps_of_a_run(program, write):
    write("good", STEPS, HEAD)
    program("run", "good", "--quiet")

    assert completed(program, "why", "latest", "") == ["first", "sweep", "sweep/0", "sweep/1"]
    assert completed(program, "logs", "latest", "sweep/") == ["sweep/0", "sweep/1"]
    assert completed(program, "resume", "latest", "--from", "f") == ["first"]


def test_a_workflow_that_only_has_some_of_its_parts_is_completed(program):
    (program.root / "workflows" / "draft.yaml").write_text(
        "inputs: {a: {type: boolean}}\nsteps:\n  - {id: one}\n  - 3\n"
    )

    assert completed(program, "run", "draft", "--only", "") == ["one"]
    assert completed(program, "run", "draft", "-i", "") == ["a=true", "a=false"]
