"""Killed at any write to its journal and resumed, a run gives what an uninterrupted one gives."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LOG = "echo {} >> performed"
STEPS = """\
- {id: first, title: First, uses: trial.note, with: {text: a}, checks: [trial.length]}
- {id: second, title: Second, run: [sh, -c, 'echo second >> performed; echo words']}
- id: again
  title: Again
  uses: trial.fail
  with: {how: bug, times: 1}
  retry: {attempts: 3, on: [error]}
- {id: skipped, title: Skipped, when: "{{ steps.first.verdict == 'fail' }}", run: ['true']}
- {id: bad, title: Bad, run: [sh, -c, 'echo bad >> performed; exit 3']}
- {id: halted, title: Halted, run: ['true']}
- id: repair
  title: Repair
  when: "{{ steps.bad.verdict == 'fail' }}"
  uses: trial.note
  with: {text: "{{ steps.first.outputs.file }}", number: "{{ steps.first.outputs.length }}"}
"""
GROUPS = """\
- id: sweep
  title: Sweep
  foreach: {word: [b], copy: [1, 2]}
  run: [sh, -c, 'echo "$0-$1" >> performed; echo "$0"', "{{ item.word }}", "{{ item.copy }}"]
- {id: parts, title: Parts, foreach: [d, e], workflow: part, with: {word: "{{ item }}"}}
- {id: end, title: End, run: [cat, "{{ steps.parts.outputs.each[0].file }}", "{{ steps.parts.outputs.each[1].file }}"]}
"""
PART = """\
name: part
title: Part
purpose: To be a part.
inputs: {word: {type: string}}
steps:
  - {id: write, title: Write, run: [sh, -c, 'echo "part-$0" >> performed', "{{ inputs.word }}"]}
  - {id: note, title: Note, uses: trial.note, with: {text: "{{ inputs.word }}"}}
outputs: {file: "{{ steps.note.outputs.file }}"}
"""
HEAD = "name: crash\ntitle: Crash\npurpose: To be killed.\n"


def crash(project, text: str) -> dict:
    (project.root / "workflows" / "crash.yaml").write_text(text)
    (project.root / "workflows" / "part.yaml").write_text(PART)
    path = os.pathsep.join((str(HERE.parents[1]), str(HERE / "plugin"), os.environ.get("PYTHONPATH", "")))
    ended = subprocess.run(
        [sys.executable, str(HERE / "crashing.py")],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def twice(names: list[str]) -> set[str]:
    return {name for name in names if names.count(name) > 1}


@pytest.mark.parametrize("steps", [STEPS, GROUPS], ids=["steps", "groups"])
def test_a_run_killed_at_any_write_and_resumed_gives_what_an_uninterrupted_one_gives(project, steps):
    told = crash(project, HEAD + "steps:\n" + steps)

    whole, cases = told["whole"], told["cases"]
    whole_order = whole.pop("performed")
    assert len(cases) > 3 * len(whole["outputs"])
    for case in cases:
        gave = case["gave"]
        if gave is None:
            assert case["at"] == 1
            continue
        order = gave.pop("performed")
        # The tally of a step that is tried again counts the attempt in flight twice.
        for each in (gave, whole):
            each["outputs"].pop("again", None)
            each["files"].pop("steps/again/tally", None)
        assert gave == whole, case
        # Only the step in flight ran twice, so at most one of them.
        assert len(twice(order)) <= 1, case
        assert list(dict.fromkeys(order)) == whole_order
        if case["mode"] == "after":
            assert len(order) <= len(whole_order) + 1
