"""`zk0 runs prune`: what nobody needs goes, and evidence, waiting runs and runs in progress stay."""

import json
import shutil

from zk0.core.project import Project
from zk0.workflow.run import run_directories

from .conftest import in_flight, wait_for

HELLO = "  - {id: say, title: Say it, run: [echo, hello]}\n"
FIX = "  - {id: fix, title: Fix it, ask: agent, instruction: Fix., accept: [run: [test, -e, fixed]]}\n"
SLOW = "  - {id: slow, title: Slow, run: [sh, -c, 'while ! test -e go; do sleep 0.05; done']}\n"
CHECKLIST = """\
name: ours
title: Ours
phase: training
items:
  - {id: said, section: All, sentence: It was said., check: {verdict_of: say}}
"""


def ids(program) -> list[str]:
    return [run.id for run in run_directories(Project(program.root))]


def begin_run(program, command, *arguments):
    command("run", *arguments, "--quiet")
    return ids(program)[0]


def prune(command, *options):
    return json.loads(command("runs", "prune", "--json", *options)[1])["data"]


def test_the_newest_runs_and_the_results_in_force_stay(program, command, write):
    write("hello", HELLO)
    write("other", HELLO)
    [old, other, *new] = [begin_run(program, command, name) for name in ("hello", "other", "hello", "hello")]
    size = sum(path.stat().st_size for path in (program.root / ".zk0" / "runs" / old).rglob("*") if path.is_file())

    dry = prune(command, "--keep", "2", "--dry-run")
    assert ids(program) == [*reversed(new), other, old]
    done = prune(command, "--keep", "2")

    assert dry["removed"] == done["removed"] == [{"run": old, "bytes": size}]
    assert done["bytes"] == size
    reasons = {run["run"]: run["reason"] for run in done["kept"]}
    assert reasons == {**dict.fromkeys(new, "one of the newest 2"), other: "cited as evidence"}
    assert ids(program) == [*reversed(new), other]


def test_only_runs_that_are_old_enough_go(program, command, write):
    write("hello", HELLO)
    for _ in range(2):
        begin_run(program, command, "hello")

    assert prune(command, "--keep", "0", "--older-than", "1d")["removed"] == []
    assert len(prune(command, "--keep", "0", "--older-than", "2100-01-01")["removed"]) == 1  # the other is the result


def test_runs_that_wait_or_are_in_progress_stay(program, command, write):
    write("fix", FIX)
    write("slow", SLOW)
    command("run", "fix", "--quiet")
    running = program.begin("run", "slow", "--quiet")
    wait_for(lambda: in_flight(program.root, "slow"))

    found = prune(command, "--keep", "0")

    (program.root / "go").touch()
    running.communicate(timeout=20)
    assert running.returncode == 0
    assert found["removed"] == []
    assert [run["reason"] for run in found["kept"]] == ["in progress", "it waits"]


def test_a_run_whose_outcome_another_took_stays_with_it(program, command, write):
    write("pair", f"{HELLO}  - {{id: end, title: End, run: [echo, '{{{{ steps.say.outputs.log }}}}']}}\n")
    first = begin_run(program, command, "pair")
    begin_run(program, command, "pair")  # so that the first result is no longer in force
    shutil.rmtree(program.root / ".zk0" / "runs" / ids(program)[0])
    begin_run(program, command, "pair", "--only", "end")

    [kept] = [run for run in prune(command, "--keep", "1")["kept"] if run["run"] == first]

    assert kept["reason"].endswith("names it")


def test_what_decides_a_box_of_a_checklist_stays(program, command, write):
    (program.root / "checklists").mkdir()
    (program.root / "checklists" / "ours.yaml").write_text(CHECKLIST)
    write("hello", HELLO)
    runs = [begin_run(program, command, "hello") for _ in range(3)]
    shutil.rmtree(program.root / "memory-bank")

    found = prune(command, "--keep", "0")

    assert [run["run"] for run in found["removed"]] == runs[1::-1]
    assert [run["reason"] for run in found["kept"]] == ["cited as evidence"]


def test_what_an_interrupted_removal_left_is_no_run_and_goes(program, command, write):
    write("hello", HELLO)
    run = begin_run(program, command, "hello")
    runs = program.root / ".zk0" / "runs"
    shutil.copytree(runs / run, runs / f".removed-{run}")

    assert ids(program) == [run]
    prune(command)

    assert [path.name for path in runs.iterdir()] == [run]
