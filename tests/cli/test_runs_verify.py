"""`zk0 runs verify`, and what all commands say of a run whose records were altered: it never passes."""

import json
import re
import shutil
import subprocess

import pytest

from zk0.core.project import Project
from zk0.core.receipts import Receipt, canonical_digest
from zk0.workflow.journal import line_digest
from zk0.workflow.run import RunDirectory, run_directories

STEPS = """\
  - {id: build, title: Build, run: ["true"]}
  - {id: test, title: Test, run: [sh, -c, "test -e fixed"], checks: [run: ["true"]]}
"""
CHECKLIST = """\
name: mine
title: Mine
phase: all
items:
  - {id: built, section: S, sentence: It passed its tests., check: [{workflow: look, verdict_of: test}]}
"""


@pytest.fixture
def look(program, write) -> RunDirectory:
    """Run a workflow whose last step fails, in a git repository."""
    (program.root / "checklists").mkdir()
    (program.root / "checklists" / "mine.yaml").write_text(CHECKLIST)
    write("look", STEPS)
    git(program.root, "init", "-q")
    git(program.root, "add", "-A")
    git(program.root, "commit", "-qm", "one")
    assert program("run", "look", "--quiet").returncode == 1
    return run_directories(Project(program.root))[0]


def git(root, *arguments):
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)


def passing(content: dict) -> dict:
    """Return a receipt as its forger wants it, with a digest that fits."""
    forged = {**content, "verdict": "pass", "failure": None, "findings": []}
    forged.pop("digest")
    return {**forged, "digest": canonical_digest(forged)[:16]}


def edit_receipt(run: RunDirectory) -> None:
    path = run.path / "receipts" / "test.json"
    path.write_text(json.dumps(passing(json.loads(path.read_text()))))


def edit_receipt_alone(run: RunDirectory) -> None:
    path = run.path / "receipts" / "test.json"
    path.write_text(path.read_text().replace('"verdict": "fail"', '"verdict": "pass"', 1))


def edit_journal(run: RunDirectory) -> None:
    lines = [json.loads(line) for line in run.journal.read_text().splitlines()]
    for event in lines:
        if event["kind"] == "step-finished" and event["receipt"]["step"] == "test":
            event |= {"receipt": passing(event["receipt"]), "exit_status": 0}
        if event["kind"] == "run-finished":
            event |= {"exit_status": 0, "verdict": "pass"}
    run.journal.write_text("".join(json.dumps(event) + "\n" for event in lines))


def edit_last_line(run: RunDirectory) -> None:
    text = run.journal.read_text()
    run.journal.write_text(re.sub(r'"exit_status":1(?=[^\n]*\n\Z)', '"exit_status":0', text))


def cut_journal(run: RunDirectory) -> None:
    run.journal.write_text("".join(run.journal.read_text().splitlines(keepends=True)[:3]))


def edit_journal_and_receipt(run: RunDirectory) -> None:
    edit_journal(run)
    edit_receipt(run)


def drop_receipt(run: RunDirectory) -> None:
    (run.path / "receipts" / "test.json").unlink()


def swap_receipt(run: RunDirectory) -> None:
    other = json.loads((run.path / "receipts" / "build.json").read_text())
    (run.path / "receipts" / "test.json").write_text(json.dumps({**other, "step": "test"}))


def add_receipt(run: RunDirectory) -> None:
    path = run.path / "receipts" / "test.json"
    forged = Receipt.model_validate_json(path.read_text()).changed(step="more", verdict="pass")
    path.with_name("more.json").write_text(forged.model_dump_json())


def edit_spec(run: RunDirectory) -> None:
    run.spec.write_text(run.spec.read_text().replace("test -e fixed", "true"))


def edit_inputs(run: RunDirectory) -> None:
    run.inputs.write_text('{"other": 1}')


def edit_evidence(run: RunDirectory) -> None:
    [path] = [
        path
        for path in Project(run.path.parents[2]).evidence_dirs[0].glob("*.json")
        if json.loads(path.read_text())["step"] == "test"
    ]
    path.write_text(json.dumps(passing(json.loads(path.read_text()))))


ATTACKS = (
    edit_receipt,
    edit_receipt_alone,
    edit_journal,
    edit_last_line,
    cut_journal,
    edit_journal_and_receipt,
    drop_receipt,
    swap_receipt,
    add_receipt,
    edit_spec,
    edit_inputs,
    edit_evidence,
)


def test_the_records_of_a_run_agree(program, look):
    verified = program("runs", "verify", "latest")

    assert (verified.returncode, "0 differences" in verified.stdout) == (0, True), verified.stdout + verified.stderr
    assert json.loads(program("runs", "--json").stdout)["data"][0]["status"] == "failed"


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_altered_run_passes_nowhere(program, look, attack):
    attack(look)

    verified = program("runs", "verify", "latest", "--json")
    [listed] = json.loads(program("runs", "--json").stdout)["data"]
    shown = json.loads(program("show", "latest", "--json").stdout)["data"]
    boxes = json.loads(program("checklist", "show", "mine", "--json").stdout)["data"]["items"]
    memory = program("memory", "verify")
    resumed = program("resume", "latest")

    assert verified.returncode == 1
    assert json.loads(verified.stdout)["data"]["differences"]
    assert (listed["status"], listed["verdict"]) == ("altered", "not-available")
    assert (shown["status"], shown["verdict"]) == ("altered", "not-available")
    assert [(box["ticked"], "zk0 runs verify" in box["message"]) for box in boxes] == [(False, True)]
    assert memory.returncode == 1
    assert f"the records of run {look.id} do not agree" in memory.stdout
    if attack is drop_receipt:  # it is written again from the journal, and the step that failed fails again
        assert (resumed.returncode, program("runs", "verify", "latest").returncode) == (1, 0)
    else:
        assert resumed.returncode == 2
        assert "was altered" in resumed.stderr


@pytest.mark.parametrize("is_copied", [False, True])
def test_receipts_of_no_run_are_named_and_tick_nothing(program, look, is_copied):
    """Written by hand into a folder like that of a run, or copied from a run into another folder."""
    forged = look.path.with_name("29990101-000000-look-0000")
    if is_copied:
        shutil.copytree(look.path, forged)
    for path in look.path.joinpath("receipts").glob("*.json"):
        kept = forged / "receipts" / path.name
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(passing(json.loads(path.read_text()) | {"run": forged.name})))

    one = program("runs", "verify", forged.name)
    everything = program("runs", "verify", "--json")
    [box] = json.loads(program("checklist", "show", "mine", "--json").stdout)["data"]["items"]

    assert (one.returncode, everything.returncode) == (1, 1)
    wrong = {run["run"]: bool(run["differences"]) for run in json.loads(everything.stdout)["data"]}
    assert wrong == {forged.name: True, look.id: False}
    assert (box["ticked"], "zk0 runs verify" in box["message"]) == (False, True)


def test_without_a_name_all_runs_are_verified(program, look):
    program("run", "look", "--quiet")

    verified = program("runs", "verify")

    assert (verified.returncode, verified.stdout) == (0, "2 runs: 0 differences\n")


def test_all_copies_changed_consistently_do_not_agree_with_what_is_committed(program, look):
    git(program.root, "add", "-A")
    git(program.root, "commit", "-qm", "evidence")
    project = Project(program.root)
    lines = look.journal.read_text().splitlines()
    forged = "".join(f"{line}\n" for line in lines[:1])
    look.journal.write_text(forged)  # the forger drops all that was found, and the copies of it
    for path in (*project.evidence_dirs[0].glob("*.json"), *(look.path / "receipts").glob("*.json")):
        path.unlink()
    look.path.joinpath("journal.head").write_text(f"1 {line_digest(lines[0].encode())}\n")

    verified = program("runs", "verify", "latest")

    assert verified.returncode == 1
    assert "in commit" in verified.stdout


def test_an_artifact_that_changed_is_a_difference(program, look):
    look.log("build").write_text("all well\n")

    verified = program("runs", "verify", "latest")

    assert verified.returncode == 1
    assert "artifact log of build" in verified.stdout


def test_a_product_that_a_later_run_made_anew_is_no_difference_and_one_that_somebody_changed_is(program, write):
    write(
        "make", '  - {id: make, title: Make, run: [sh, -c, "cp a.txt made.txt"], reads: [a.txt], makes: [made.txt]}\n'
    )
    for text in ("one", "two"):
        (program.root / "a.txt").write_text(text)
        assert program("run", "make", "--quiet").returncode == 0
    anew = program("runs", "verify")
    (program.root / "made.txt").write_text("three")
    by_hand = program("runs", "verify")

    assert (anew.returncode, by_hand.returncode) == (0, 1), anew.stdout
    assert by_hand.stdout.count("made.txt: sha256: artifact makes.0 of make is not what its receipt says") == 2


def test_a_run_that_was_killed_is_not_altered(program, look):
    """Killed after the line in the journal, before the receipt's file; the line that was next is torn."""
    lines = look.journal.read_bytes().splitlines(keepends=True)
    look.journal.write_bytes(b"".join(lines[:-1]) + lines[-1][:20])
    (look.path / "receipts" / "test.json").unlink()
    assert json.loads(program("runs", "--json").stdout)["data"][0]["status"] == "unfinished"
    (program.root / "fixed").touch()

    assert program("resume", "latest", "--from", "test").returncode == 0
    assert program("runs", "verify", "latest").returncode == 0
