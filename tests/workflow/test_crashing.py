"""Killed at any write to its journal and resumed, a run gives what an uninterrupted one gives."""

import json
import os
import subprocess
import sys
from collections import Counter
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
REPAIRED = """\
- {id: first, title: First, run: [sh, -c, 'echo first >> performed']}
- id: broken
  title: Broken
  run: [sh, -c, 'echo broken >> performed; exec test -e mended-$0', "{{ run.id }}"]
  retry: {attempts: 2, wait: 0.01s}
  on_fail: {run: mend, with: {name: "mended-{{ run.id }}"}}
- {id: then, title: Then, run: [sh, -c, 'echo then >> performed']}
"""
MEND = """\
name: mend
title: Mend
purpose: To repair.
inputs: {name: {type: string}}
steps:
  - {id: look, title: Look, run: [sh, -c, 'echo look >> performed']}
  - {id: mend, title: Mend, run: [sh, -c, 'echo mend >> performed; touch "$0"', "{{ inputs.name }}"]}
"""
BESIDE = """\
- {id: one, title: One, run: [sh, -c, 'echo one >> performed']}
- {id: note, title: Note, needs: [], uses: trial.note, with: {text: a}}
- {id: each, title: Each, needs: [], foreach: [a, b], run: [sh, -c, 'echo $0 >> performed', "{{ item }}"]}
- {id: bad, title: Bad, needs: [one], run: [sh, -c, 'echo bad >> performed; exit 3']}
- {id: both, title: Both, needs: [one], run: [cat, "{{ steps.note.outputs.file }}"]}
- {id: last, title: Last, finally: true, run: [sh, -c, 'echo last >> performed']}
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


def crash(project, text: str, jobs: int = 1) -> dict:
    (project.root / "workflows" / "mend.yaml").write_text(MEND)
    (project.root / "workflows" / "crash.yaml").write_text(text)
    (project.root / "workflows" / "part.yaml").write_text(PART)
    path = os.pathsep.join((str(HERE.parents[1]), str(HERE / "plugin"), os.environ.get("PYTHONPATH", "")))
    ended = subprocess.run(
        [sys.executable, str(HERE / "crashing.py"), str(jobs)],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def repeated(names: list[str], usual: list[str]) -> list[str]:
    """Return what was done oftener than usual."""
    return list((Counter(names) - Counter(usual)).elements())


@pytest.mark.parametrize("steps", [STEPS, GROUPS, REPAIRED], ids=["steps", "groups", "repaired"])
def test_a_run_killed_at_any_write_and_resumed_gives_what_an_uninterrupted_one_gives(project, steps):
    told = crash(project, HEAD + "steps:\n" + steps)

    whole, cases = told["whole"], told["cases"]
    whole_order = whole.pop("performed")
    assert len(cases) > 2 * len(whole["outputs"])
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
        # Only the step in flight ran once more than it would have.
        assert len(repeated(order, whole_order)) <= 1, case
        assert list(dict.fromkeys(order)) == list(dict.fromkeys(whole_order))
        if case["mode"] == "after":
            assert len(order) <= len(whole_order) + 1


def test_a_run_of_several_steps_at_a_time_does_again_only_those_in_flight(project):
    jobs = 3

    told = crash(project, HEAD + "steps:\n" + BESIDE, jobs)

    whole, cases = told["whole"], told["cases"]
    usual = whole.pop("performed")
    assert len(cases) > 2 * len(whole["outputs"])
    for case in cases:
        gave = case["gave"]
        if gave is None:
            assert case["at"] == 1
            continue
        order = gave.pop("performed")
        assert gave == whole, case
        again = repeated(order, usual)
        assert len(again) <= jobs, case
        assert len(set(again)) == len(again), case
        assert not Counter(usual) - Counter(order), case
