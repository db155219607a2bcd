"""A person's approval binds what they saw: another state of the project or the run needs another approval."""

import json
import subprocess

import pytest

from zk0.core.errors import ConfigurationError
from zk0.core.receipts import DIGEST_LENGTH, ReceiptStore, canonical_digest
from zk0.workflow.approval import ApprovalAnswer
from zk0.workflow.engine import Engine
from zk0.workflow.journal import line_digest
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.run_verification import verify_run
from zk0.workflow.state import RunStatus, StepStatus

GATE = """\
- {id: build, title: Build, run: [sh, -c, 'mkdir -p dist && echo one > dist/app']}
- {id: gate, title: Approve, ask: person, instruction: Approve the release.}
- {id: go, title: Go, run: [sh, release.sh]}
"""


def git(root, *arguments):
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    done = subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def make_key(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)], check=True)
    return f"{path.name}@example.org {path.with_name(f'{path.name}.pub').read_text()}"


def sign(key, file):
    subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-n", "zk0", "-f", str(key), str(file)], check=True, capture_output=True
    )


@pytest.fixture
def keys(project, tmp_path_factory):
    """Make a project with a release script, which ada may approve."""
    folder = tmp_path_factory.mktemp("keys")
    (project.root / "allowed_signers").write_text(make_key(folder / "ada"))
    (project.root / "release.sh").write_text("echo released\n")
    (project.root / ".gitignore").write_text("dist/\n.zk0/\n")
    git(project.root, "init", "-q")
    git(project.root, "add", "-A")
    git(project.root, "commit", "-qm", "one")
    make_key(folder / "mallory")
    return folder


@pytest.fixture
def resume(project, make_plan):
    def go_on(outcome, steps=GATE, answers=None):
        return Engine(project, LiveEffects(project, answers)).resume(outcome.directory, lambda _: make_plan(steps))

    return go_on


@pytest.fixture
def signed(run, keys):
    """Run up to the gate, and sign."""
    outcome = run(GATE)
    sign(keys / "ada", outcome.directory.step("gate") / "approve.txt")
    return outcome


def test_the_statement_names_what_is_approved_and_the_handover_shows_it(run, keys, project):
    step = run(GATE).state.step("gate")

    for words in (
        "step: gate\n",
        "instruction:\n  Approve the release.\n",
        f"code: sha256 {project.tree().code}\n",
        f"files: sha256 {project.file_snapshot().digest}\n",
        "artifacts: sha256 ",
        "  build log logs/build.log ",
        "receipts: sha256 ",
        "  build pass ",
    ):
        assert words in step.statement
    assert step.handover.with_name("approve.txt").read_text() == f"{step.statement}decision: approve\n"
    assert f"    step: gate\n    asked: {step.statement.partition('asked: ')[2][:10]}" in step.handover.read_text()


def test_nothing_changed_so_the_signature_counts(signed, resume):
    assert resume(signed).state.status is RunStatus.done


def test_a_commit_of_the_same_files_changes_nothing(signed, resume, project):
    git(project.root, "commit", "-q", "--allow-empty", "-m", "two")

    assert resume(signed).state.status is RunStatus.done


@pytest.mark.parametrize(
    "attack",
    [
        "echo evil > release.sh",
        "git update-index --assume-unchanged release.sh && echo evil > release.sh",
        "chmod +x release.sh",
        "echo more > README.md",
        "rm release.sh",
        "mv release.sh other.sh",
        "ln -sf /bin/true release.sh",
    ],
)
def test_code_that_changed_after_the_signature_is_asked_about_again(signed, resume, project, keys, attack):
    subprocess.run(["sh", "-c", attack], cwd=project.root, check=True)

    again = resume(signed)

    step = again.state.step("gate")
    assert (step.status, again.state.step("go").status) == (StepStatus.waiting, StepStatus.pending)
    [missing] = step.missing
    assert "files" in missing.message
    assert ("README.md" if "README" in attack else "release.sh") in missing.message
    assert "does not count" in missing.message
    assert not step.handover.with_name("approve.txt.sig").exists()
    assert resume(again).state.step("gate").status is StepStatus.waiting
    sign(keys / "ada", step.handover.with_name("approve.txt"))
    assert resume(again).state.step("gate").verdict == "pass"


def test_an_artifact_that_changed_is_named(signed, resume):
    (signed.directory.path / "logs" / "build.log").write_text("all well\n")

    [missing] = resume(signed).state.step("gate").missing

    assert "(artifacts)" in missing.message


def test_an_answer_in_the_terminal_counts_for_what_was_shown(run, resume, project):
    (project.root / "release.sh").write_text("echo released\n")
    outcome = run(GATE)
    answer = ApprovalAnswer(approved=True, by="ada", how="stated", statement=outcome.state.step("gate").statement)
    (project.root / "release.sh").write_text("echo evil\n")

    again = resume(outcome, answers={"gate": answer})

    assert again.state.step("gate").status is StepStatus.waiting
    assert "changed release.sh" in again.state.step("gate").missing[0].message


def test_what_changes_behind_an_approval_is_asked_about_before_it_runs(signed, resume, project, keys):
    """A step behind the gate fails, its script is changed, and the run goes on."""
    (project.root / "release.sh").write_text("exit 1\n")
    outcome = resume(signed)
    sign(keys / "ada", outcome.directory.step("gate") / "approve.txt")
    failed = resume(outcome)
    assert (failed.state.step("gate").verdict, failed.state.step("go").verdict) == ("pass", "fail")
    (project.root / "release.sh").write_text("echo evil\n")

    again = resume(failed)

    assert again.state.step("gate").status is StepStatus.waiting
    assert "what was approved changed since: changed release.sh" in again.state.step("gate").missing[0].message
    assert again.state.step("go").status is StepStatus.pending
    sign(keys / "ada", outcome.directory.step("gate") / "approve.txt")
    assert resume(again).state.step("go").verdict == "pass"


BEHIND = """\
- {id: gate, title: Approve, ask: person, instruction: Approve the plan.}
- {id: make, title: Make, run: [sh, -c, 'echo made > made.txt']}
"""


def test_what_the_run_itself_makes_behind_an_approval_is_not_asked_about(run, resume, keys):
    """Two gates with a step between them that writes files, then a step that fails and is run again."""
    steps = BEHIND + (
        "- {id: second, title: Approve, ask: person, instruction: Approve the result.}\n"
        "- {id: go, title: Go, run: [sh, -c, 'test -e .zk0/ready']}\n"
    )
    outcome = run(steps)
    for gate in ("gate", "second"):
        sign(keys / "ada", outcome.directory.step(gate) / "approve.txt")
        again = resume(outcome, steps)
    assert [str(step.verdict) for step in again.state.steps] == ["pass", "pass", "pass", "fail"]
    (outcome.directory.path.parents[1] / "ready").touch()

    assert resume(outcome, steps).state.step("go").verdict == "pass"


def test_an_agent_s_work_behind_an_approval_is_not_asked_about(run, resume, keys, project):
    steps = BEHIND + "- {id: do, title: Do, ask: agent, instruction: Do it., accept: [run: [test, -e, done.txt]]}\n"
    outcome = run(steps)
    sign(keys / "ada", outcome.directory.step("gate") / "approve.txt")
    assert resume(outcome, steps).state.step("do").status is StepStatus.waiting
    (project.root / "done.txt").touch()

    assert resume(outcome, steps).state.status is RunStatus.done


def test_an_approval_within_a_nested_workflow_is_looked_at_too(project, keys, make_plan, run):
    """See `test_nesting` for nested workflows; here the gate is in one, and what it guards is outside."""
    from zk0.workflow.inputs import resolve_inputs
    from zk0.workflow.loading import parse_workflow
    from zk0.workflow.plan import plan

    inner, _ = parse_workflow(
        "name: inner\ntitle: I\npurpose: I\nsteps:\n- {id: gate, title: G, ask: person, instruction: Yes?}\n"
        "- {id: after, title: A, run: ['true']}\n"
    )
    outer, problems = parse_workflow(
        "name: outer\ntitle: O\npurpose: O\nsteps:\n- {id: ask, title: A, workflow: inner}\n"
        "- {id: go, title: G, run: [sh, release.sh]}\n",
        find=lambda _: inner,
    )
    assert outer, problems
    (project.root / "release.sh").write_text("exit 1\n")

    def planned(_=None):
        return plan(outer, resolve_inputs(outer, {}), {"inner": inner})

    outcome = Engine(project, LiveEffects(project)).run(planned())
    sign(keys / "ada", outcome.directory.step("ask/gate") / "approve.txt")
    failed = Engine(project, LiveEffects(project)).resume(outcome.directory, planned)
    assert failed.state.step("go").verdict == "fail"
    (project.root / "release.sh").write_text("echo evil\n")

    again = Engine(project, LiveEffects(project)).resume(outcome.directory, planned)

    assert again.state.step("ask/gate").status is StepStatus.waiting
    assert again.state.step("go").status is StepStatus.pending


def test_an_earlier_answer_does_not_count_when_it_is_asked_again(signed, project, make_plan):
    approve = signed.directory.step("gate") / "approve.txt"
    text, signature = approve.read_bytes(), approve.with_name("approve.txt.sig").read_bytes()
    engine = Engine(project, LiveEffects(project))
    engine.resume(signed.directory, lambda _: make_plan(GATE))
    engine.resume(signed.directory, lambda _: make_plan(GATE), from_step="gate")
    approve.write_bytes(text)
    approve.with_name("approve.txt.sig").write_bytes(signature)

    with pytest.raises(ConfigurationError, match="says something else"):
        engine.resume(signed.directory, lambda _: make_plan(GATE))


def test_a_replaced_commit_brings_no_signer(run, resume, keys, project):
    outcome = run(GATE)
    commit = git(project.root, "rev-parse", "HEAD")
    signers = project.root / "allowed_signers"
    original = signers.read_text()
    signers.write_text(f"mallory@example.org {(keys / 'mallory.pub').read_text()}")
    git(project.root, "commit", "-qam", "mallory")
    forged = git(project.root, "rev-parse", "HEAD")
    git(project.root, "reset", "-q", "--soft", commit)
    signers.write_text(original)
    git(project.root, "reset", "-q")
    git(project.root, "replace", commit, forged)
    sign(keys / "mallory", outcome.directory.step("gate") / "approve.txt")

    with pytest.raises(ConfigurationError, match="not a signature"):
        resume(outcome)


def test_another_ssh_keygen_first_on_the_path_approves_nothing(run, resume, keys, project, monkeypatch, tmp_path):
    planted = tmp_path / "planted"
    planted.mkdir()
    (planted / "ssh-keygen").write_text("#!/bin/sh\necho 'ada@example.org key SHA256:x'\n")
    (planted / "ssh-keygen").chmod(0o755)
    outcome = run(GATE)
    sign(keys / "mallory", outcome.directory.step("gate") / "approve.txt")
    monkeypatch.setenv("PATH", f"{planted}:/usr/bin:/bin")

    with pytest.raises(ConfigurationError, match="not a signature"):
        resume(outcome)


def test_where_signers_are_named_a_terminal_is_not_enough(run, resume, keys):
    outcome = run(GATE)
    answer = ApprovalAnswer(approved=True, by="ada", how="stated", statement=outcome.state.step("gate").statement)

    assert resume(outcome, answers={"gate": answer}).state.step("gate").status is StepStatus.waiting


def test_a_refused_signature_leaves_a_run_that_waits(run, resume, keys, project):
    from zk0.memory.unfinished_runs import open_runs

    outcome = run(GATE)
    sign(keys / "mallory", outcome.directory.step("gate") / "approve.txt")

    with pytest.raises(ConfigurationError):
        resume(outcome)

    [waiting] = open_runs(project)
    assert waiting.waiting
    [missing] = outcome.directory.state().step("gate").missing
    assert "not a signature" in missing.message


def test_an_instruction_hides_nothing_on_a_terminal(run):
    steps = r'- {id: gate, title: G, ask: person, instruction: "Yes?\e[2K\rNo\nfiles: sha256 0"}' + "\n"

    statement = run(steps).state.step("gate").statement

    assert "\x1b" not in statement
    assert "\n  files: sha256 0\n" in statement  # indented, so no line of the statement's own


def forge(run, step, **outputs):
    """Change what the journal says of an answer, with all hashes made to fit."""
    before, lines = b"", []
    for line in run.journal.read_bytes().splitlines():
        event = json.loads(line)
        if event["kind"] == "step-finished" and event["receipt"]["step"] == step:
            event["receipt"]["outputs"] |= outputs
            event["receipt"].pop("digest")
            event["receipt"]["digest"] = canonical_digest(event["receipt"])[:DIGEST_LENGTH]
        before = json.dumps({**event, "chain": line_digest(before)}).encode()
        lines.append(before + b"\n")
    run.journal.write_bytes(b"".join(lines))
    run.journal.with_name("journal.head").write_text(f"{len(lines)} {line_digest(before)}\n")


@pytest.mark.parametrize(
    ("outputs", "field"),
    [
        ({}, None),
        ({"by": "bob@example.org"}, "outputs.by"),
        ({"key": "SHA256:x"}, "outputs.key"),
        ({"statement": "0" * 64}, "outputs.statement"),
        ({"how": "stated"}, "outputs.how"),
    ],
)
def test_what_a_receipt_says_of_an_answer_is_verified(signed, resume, project, outputs, field):
    ended = resume(signed)
    store = ReceiptStore(project.runs_dir)
    if outputs:
        forge(signed.directory, "gate", **outputs)
    for receipt in signed.directory.state().receipts:
        store.save(receipt)
    assert ended.state.status is RunStatus.done

    found = verify_run(project, signed.directory)

    assert [difference.field for difference in found] == ([field] if field else [])
