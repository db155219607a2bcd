"""Whether an entry is still true, by what its sources say now."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import git
import pytest

from zk0.core.project import Project
from zk0.core.receipts import Receipt
from zk0.memory.entries import Entry, Kind
from zk0.memory.evidence import CODE_LENGTH, EvidenceReader, copy_receipt, lines_digest
from zk0.memory.freshness import Freshness, assess

type MakeEntry = Callable[..., Entry]
type MakeReceipt = Callable[..., Receipt]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEXT = "import math\n\nmu = 0.01\nrounds = 3\n"


def of(project: Project, entry: Entry, now: datetime = NOON) -> tuple[Freshness, str]:
    assessment = assess(entry, EvidenceReader(project), now)
    return assessment.freshness, "; ".join(assessment.reasons)


@pytest.fixture
def carried(project: Project, make_receipt: MakeReceipt, save_receipt: Callable[..., None]) -> Receipt:
    receipt = make_receipt(outputs={"results": [{"name": "loss", "value": 0.5}]})
    save_receipt(project, receipt)
    copy_receipt(project, receipt.digest, receipt.model_dump_json(indent=2))
    return receipt


def test_a_number_is_fresh_where_its_receipt_says_so(project: Project, make_entry: MakeEntry, carried: Receipt) -> None:
    source = {"receipt": carried.digest, "metric": "outputs.results.0.value", "value": 0.5}

    assert of(project, make_entry("the loss is 0.5", sources=[source])) == (Freshness.fresh, "")


def test_a_receipt_by_hand_is_no_evidence_until_it_is_committed(
    project: Project, make_entry: MakeEntry, make_receipt: MakeReceipt
) -> None:
    """Then git shows who committed it; in a fresh clone that is all there is of a run."""
    receipt = make_receipt(outputs={"loss": 0.0})
    copy_receipt(project, receipt.digest, receipt.model_dump_json())
    entry = make_entry("the loss is 0", sources=[{"receipt": receipt.digest, "metric": "outputs.loss", "value": 0.0}])

    by_hand = assess(entry, EvidenceReader(project), NOON)
    with git.Repo(project.root) as repository:
        repository.git.add("-A")
        repository.git.execute(
            ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "Evidence"]
        )
    committed = assess(entry, EvidenceReader(project), NOON)

    assert (by_hand.freshness, by_hand.is_missing) == (Freshness.unverifiable, True)
    assert by_hand.reasons[0].endswith("is in no commit, and in the journal of no run on this machine")
    assert committed.freshness is Freshness.fresh


def test_a_receipt_of_a_run_that_has_another_outcome_is_contradicted(
    project: Project, make_entry: MakeEntry, make_receipt: MakeReceipt, save_receipt: Callable[..., None]
) -> None:
    save_receipt(project, make_receipt(outputs={"loss": 0.5}))
    forged = make_receipt(outputs={"loss": 0.0})
    copy_receipt(project, forged.digest, forged.model_dump_json())
    source = {"receipt": forged.digest, "metric": "outputs.loss", "value": 0.0}

    truth, reason = of(project, make_entry("the loss is 0", sources=[source]))

    assert (truth, reason) == (Freshness.contradicted, "the records of run run-1 do not agree (zk0 runs verify run-1)")


def test_a_number_that_its_receipt_does_not_say_is_contradicted(
    project: Project, make_entry: MakeEntry, carried: Receipt
) -> None:
    source = {"receipt": carried.digest, "metric": "outputs.results.0.value", "value": 0.1}
    missing = {"receipt": carried.digest, "metric": "outputs.accuracy", "value": 0.1}

    truth, reason = of(project, make_entry("the loss is 0.1", sources=[source]))
    assert (truth, reason) == (
        Freshness.contradicted,
        f"outputs.results.0.value of receipt {carried.digest} is 0.5, not 0.1",
    )
    assert of(project, make_entry("accurate", sources=[missing]))[0] is Freshness.contradicted


def test_a_receipt_that_was_edited_contradicts(project: Project, make_entry: MakeEntry, carried: Receipt) -> None:
    path = project.memory_dir / "evidence" / f"{carried.digest}.json"
    path.write_text(path.read_text().replace("0.5", "0.1"))
    source = {"receipt": carried.digest, "metric": "outputs.results.0.value", "value": 0.1}

    truth, reason = of(project, make_entry("the loss is 0.1", sources=[source]))

    assert truth is Freshness.contradicted
    assert "was changed" in reason


def test_what_is_not_here_is_unverifiable(project: Project, make_entry: MakeEntry) -> None:
    assert of(project, make_entry("x", sources=[{"receipt": "0" * 16}])) == (
        Freshness.unverifiable,
        f"receipt {'0' * 16} is not here, not in the repository",
    )
    assert of(project, make_entry("x", sources=[{"commit": "f" * 40}]))[0] is Freshness.unverifiable
    assert of(project, make_entry("x", sources=[{"link": "https://example.org"}]))[0] is Freshness.unverifiable
    assert of(project, make_entry("x")) == (Freshness.unverifiable, "it names no source that can be read again")


def test_a_link_beside_other_evidence_does_not_count(project: Project, make_entry: MakeEntry) -> None:
    sources = [{"link": "https://example.org"}, {"file": "train.py"}]

    assert of(project, make_entry("x", sources=sources))[0] is Freshness.fresh


def test_cited_lines_are_fresh_until_they_change_also_where_they_only_moved(
    project: Project, make_entry: MakeEntry
) -> None:
    file = project.root / "train.py"
    file.write_text(TEXT)
    entry = make_entry(
        "x", sources=[{"file": "train.py", "lines": [3, 4], "sha256": lines_digest(TEXT.splitlines()[2:4])}]
    )
    assert of(project, entry)[0] is Freshness.fresh

    file.write_bytes(f"# A comment.\n{TEXT}".replace("\n", "\r\n").encode())
    assert of(project, entry)[0] is Freshness.fresh

    file.write_text(TEXT.replace("0.01", "0.1"))
    assert of(project, entry) == (Freshness.stale, "train.py:3-4 has changed since it was cited")

    file.unlink()
    assert of(project, entry) == (Freshness.stale, "train.py is not there any more")


def test_a_whole_file_that_changed_is_stale(project: Project, make_entry: MakeEntry) -> None:
    entry = make_entry("x", sources=[{"file": "train.py", "sha256": lines_digest(["mu = 0.01"])}])
    assert of(project, entry)[0] is Freshness.fresh

    (project.root / "train.py").write_text("mu = 0.01\nrounds = 3\n")
    assert of(project, entry)[0] is Freshness.stale


def test_a_setting_that_is_another_now_is_contradicted(project: Project, make_entry: MakeEntry) -> None:
    settings = project.root / "pyproject.toml"
    settings.write_text("[tool.x]\nmu = 0.01\nmeasure = true\n")
    entry = make_entry(
        "x", sources=[{"config": "tool.x.mu", "value": 0.01}, {"config": "tool.x.measure", "value": True}]
    )
    assert of(project, entry)[0] is Freshness.fresh

    settings.write_text("[tool.x]\nmu = 0.1\nmeasure = 1\n")
    assert of(project, entry) == (
        Freshness.contradicted,
        "tool.x.mu in pyproject.toml is 0.1, not 0.01; tool.x.measure in pyproject.toml is 1, not True",
    )

    settings.write_text("[tool.y]\n")
    assert of(project, entry)[0] is Freshness.stale


def test_an_entry_about_a_commit_of_another_branch_is_stale_here(project: Project, make_entry: MakeEntry) -> None:
    with git.Repo(project.root) as repository:
        author = git.Actor("A person", "person@example.org")
        repository.git.checkout("-b", "side")
        side = repository.index.commit("Side", author=author, committer=author).hexsha
        repository.git.checkout("main")
        entry = make_entry("x", sources=[{"file": "train.py"}], commit=side, branch="side")

        truth, reason = of(project, entry)
        assert truth is Freshness.stale
        assert "of branch side, which is not part of HEAD" in reason
        assert of(project, make_entry("x", sources=[{"commit": side}]))[0] is Freshness.stale

        repository.git.merge("side")
        assert of(project, entry)[0] is Freshness.fresh
        assert of(project, make_entry("x", sources=[{"commit": side}]))[0] is Freshness.fresh


def test_what_was_said_to_hold_until_yesterday_is_stale(project: Project, make_entry: MakeEntry) -> None:
    entry = make_entry("x", sources=[{"file": "train.py"}], stale_after=NOON - timedelta(days=1))

    assert of(project, entry) == (Freshness.stale, "it was said to hold until 2026-02-28")
    assert of(project, entry, NOON - timedelta(days=2))[0] is Freshness.fresh


def result(make_entry: MakeEntry, receipt: Receipt, **fields: object) -> Entry:
    run = {"id": "run-1", "workflow": "train", "verdict": "pass", "seconds": 1, "files": fields.pop("files", ())}
    run["id"] = fields.pop("of_run", "run-1")
    step = fields.pop("step", "federate")
    steps = [{"id": step, "title": "F", "verdict": fields.pop("said", "pass"), "receipt": receipt.digest}]
    return make_entry("train: pass", Kind.result, run={**run, "steps": steps}, **fields)


def test_a_result_is_fresh_for_the_code_it_vouches_for_and_stale_for_any_other(
    project: Project, make_entry: MakeEntry, carried: Receipt
) -> None:
    entry = result(make_entry, carried, tree=EvidenceReader(project).tree(), commit=EvidenceReader(project).head)
    assert len(entry.tree or "") == CODE_LENGTH
    assert of(project, entry)[0] is Freshness.fresh

    (project.root / "train.py").write_text("mu = 0.1\n")
    assert of(project, entry) == (Freshness.stale, "the code has changed since: train.py")


def test_a_digest_of_the_code_of_an_older_kind_can_t_be_compared(
    project: Project, make_entry: MakeEntry, carried: Receipt
) -> None:
    entry = result(make_entry, carried, code="0123456789abcdef", commit=EvidenceReader(project).head)

    assert of(project, entry)[0] is Freshness.unverifiable


@pytest.mark.parametrize("name", ["workflows/train.yaml", "task.md.j2", "settings.json"])
def test_a_workflow_a_template_and_a_settings_file_are_code(
    project: Project, make_entry: MakeEntry, carried: Receipt, name: str
) -> None:
    entry = result(make_entry, carried, tree=EvidenceReader(project).tree(), commit=EvidenceReader(project).head)

    (project.root / name).parent.mkdir(exist_ok=True)
    (project.root / name).write_text("changed: true\n")

    assert of(project, entry)[0] is Freshness.stale


def test_a_result_without_numbers_rests_on_the_verdicts_of_its_steps(
    project: Project, make_entry: MakeEntry, carried: Receipt
) -> None:
    entry = result(make_entry, carried, tree=EvidenceReader(project).tree(), said="warn")

    assert of(project, entry) == (Freshness.contradicted, f"verdict of receipt {carried.digest} is 'pass', not 'warn'")


@pytest.mark.parametrize(
    ("fake", "reason"),
    [
        ({"of_run": "run-2"}, "run of receipt {} is 'run-1', not 'run-2'"),  # a receipt copied from another run
        ({"step": "validation"}, "step of receipt {} is 'federate', not 'validation'"),
        ({"said": "fail"}, "verdict of receipt {} is 'pass', not 'fail'; a step did not pass, and it says pass"),
    ],
)
def test_a_receipt_of_something_else_is_no_evidence_for_a_result(
    fake: dict[str, object], reason: str, project: Project, make_entry: MakeEntry, carried: Receipt
) -> None:
    entry = result(make_entry, carried, tree=EvidenceReader(project).tree(), **fake)

    assert of(project, entry) == (Freshness.contradicted, reason.format(carried.digest))


def test_a_number_of_another_run_is_no_evidence_for_a_result(
    project: Project,
    make_entry: MakeEntry,
    make_receipt: MakeReceipt,
    carried: Receipt,
    save_receipt: Callable[..., None],
) -> None:
    other = make_receipt(outputs={"loss": 0.1}, run="run-9")
    save_receipt(project, other)
    copy_receipt(project, other.digest, other.model_dump_json())
    source = {"receipt": other.digest, "metric": "outputs.loss", "value": 0.1}

    entry = result(make_entry, carried, tree=EvidenceReader(project).tree(), sources=[source])

    assert of(project, entry) == (Freshness.contradicted, f"run of receipt {other.digest} is 'run-9', not 'run-1'")


@pytest.mark.parametrize(
    "fields",
    [
        {"sources": [{"file": "train.py"}]},
        {"sources": [{"link": "https://example.org"}]},
        {},
        {"run": {"id": "r", "workflow": "train", "verdict": "pass", "seconds": 1}, "sources": [{"file": "train.py"}]},
        {"run": {"id": "r", "workflow": "train", "verdict": "pass", "seconds": 1}},
    ],
)
def test_a_result_without_a_receipt_is_known_to_be_without_evidence(
    fields: dict[str, object], project: Project, make_entry: MakeEntry
) -> None:
    entry = make_entry("99 % success", Kind.result, tree=EvidenceReader(project).tree(), **fields)

    assessment = assess(entry, EvidenceReader(project), NOON)

    assert (assessment.freshness, assessment.is_missing) == (Freshness.unverifiable, True)


def test_a_run_that_was_broken_off_before_its_first_step_claims_nothing(
    project: Project, make_entry: MakeEntry
) -> None:
    run = {"id": "r", "workflow": "train", "verdict": "pass", "seconds": 1, "ended": "cancelled"}
    entry = make_entry("train: cancelled after 1 s", Kind.result, run=run, tree=EvidenceReader(project).tree())

    assert of(project, entry) == (Freshness.fresh, "")


def test_a_result_whose_code_changed_while_it_ran_vouches_for_none(
    project: Project, make_entry: MakeEntry, carried: Receipt
) -> None:
    entry = result(make_entry, carried, files=["a.py", "b.py", "c.py", "d.py"])

    assert of(project, entry) == (Freshness.stale, "the code changed while it ran: a.py, b.py, c.py and 1 more")


def test_a_result_of_an_older_zk0_is_judged_by_its_commit(
    project: Project, make_entry: MakeEntry, carried: Receipt, tmp_path: Path
) -> None:
    assert of(project, result(make_entry, carried, commit=EvidenceReader(project).head))[0] is Freshness.fresh
    assert of(Project(tmp_path), result(make_entry, carried))[0] is Freshness.unverifiable
    assert of(project, result(make_entry, carried, commit="f" * 40)) == (
        Freshness.unverifiable,
        "it does not say which code it is about",
    )
