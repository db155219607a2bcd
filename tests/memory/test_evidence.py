"""Evidence is read again from where it is, and a changed receipt is no evidence."""

import json
from collections.abc import Callable
from pathlib import Path

import git
import pytest

from zk0.core.errors import SecretError, UnknownNameError
from zk0.core.project import Project
from zk0.core.receipts import Receipt, ReceiptStore
from zk0.core.verdicts import Evidence, Verdict, passed
from zk0.memory.evidence import EvidenceReader, copy_receipt, evidence_of, numbers_of, value_at

type MakeReceipt = Callable[..., Receipt]


def test_a_receipt_is_found_in_the_runs_and_in_a_clone_that_has_only_the_bank(
    project: Project, make_receipt: MakeReceipt, tmp_path: Path
) -> None:
    receipt = make_receipt(outputs={"results": [{"name": "loss", "value": 0.5}]})
    ReceiptStore(project.runs_dir).save(receipt)
    found = EvidenceReader(project).receipt(receipt.digest)
    copy_receipt(project, receipt.digest, receipt.model_dump_json(indent=2) + "\n")
    (project.root / "memory-bank").rename(tmp_path / "memory-bank")

    carried = EvidenceReader(Project(tmp_path)).receipt(receipt.digest)

    assert carried == found
    assert carried
    assert carried["outputs"]["results"][0]["value"] == 0.5


def test_a_receipt_that_is_nowhere_is_not_there(project: Project) -> None:
    assert EvidenceReader(project).receipt("0" * 16) is None


def test_a_changed_receipt_is_refused(project: Project, make_receipt: MakeReceipt) -> None:
    receipt = make_receipt(outputs={"loss": 0.5})
    copy_receipt(project, receipt.digest, receipt.model_dump_json())
    path = project.memory_dir / "evidence" / f"{receipt.digest}.json"
    path.write_text(path.read_text().replace("0.5", "0.1"))

    with pytest.raises(match="was changed"):
        EvidenceReader(project).receipt(receipt.digest)

    path.write_text("no JSON")
    with pytest.raises(match="is not a receipt"):
        EvidenceReader(project).receipt(receipt.digest)


def test_a_receipt_with_a_secret_does_not_travel(project: Project, make_receipt: MakeReceipt) -> None:
    receipt = make_receipt(outputs={"said": f"hf_{'a1B2c3D4e5' * 4}"})

    with pytest.raises(SecretError, match=receipt.digest):
        copy_receipt(project, receipt.digest, receipt.model_dump_json())

    assert EvidenceReader(project).receipt(receipt.digest) is None


def test_settings_are_read_by_their_key_from_toml_yaml_and_json(project: Project) -> None:
    (project.root / "pyproject.toml").write_text("[tool.a]\nmu-x = 0.01\n")
    (project.root / "w.yaml").write_text("inputs:\n  - {default: 3}\n")
    (project.root / "c.json").write_text(json.dumps({"a": {"b": True}}))
    (project.root / "broken.toml").write_text("=")
    evidence = EvidenceReader(project)

    assert evidence.setting("pyproject.toml", "tool.a.mu-x") == 0.01
    assert evidence.setting("w.yaml", "inputs.0.default") == 3
    assert evidence.setting("c.json", "a.b") is True
    for file, key in (("pyproject.toml", "tool.b"), ("none.toml", "a"), ("broken.toml", "a"), (".gitignore", "a")):
        with pytest.raises(KeyError):
            evidence.setting(file, key)


def test_commits_are_told_apart_by_whether_head_contains_them(project: Project) -> None:
    with git.Repo(project.root) as repository:
        first = repository.head.commit.hexsha
        author = git.Actor("A person", "person@example.org")
        repository.git.checkout("-b", "side")
        (project.root / "train.py").write_text("mu = 1\n")
        repository.git.add("train.py")
        other = repository.index.commit("Side", author=author, committer=author).hexsha
        repository.git.checkout("main")
    evidence = EvidenceReader(project)

    assert (evidence.branch, evidence.head) == ("main", first)
    assert (evidence.contains(first), evidence.contains(first[:8])) == (True, True)
    assert evidence.contains(other[:8]) is False
    assert evidence.contains(other) is False
    assert evidence.contains("f" * 40) is None
    assert evidence.contains("--help") is None
    assert evidence.changed_since(other) == ["train.py"]


def test_outside_of_a_repository_nothing_is_told_of_commits(tmp_path: Path) -> None:
    evidence = EvidenceReader(Project(tmp_path))

    assert (evidence.head, evidence.branch, evidence.contains("f" * 40)) == (None, None, None)
    assert evidence.changed_since("HEAD") == []


def test_the_code_has_a_digest_that_notes_do_not_change(project: Project) -> None:
    before = EvidenceReader(project).tree()
    (project.root / "notes.md").write_text("A note.")
    assert EvidenceReader(project).tree() == before

    (project.root / "train.py").write_text("mu = 0.1\n")
    assert EvidenceReader(project).tree() != before


def test_an_entry_can_not_have_files_read_that_are_not_the_project_s(project: Project) -> None:
    (project.root.parent / "outside.toml").write_text("mu = 0.01\n")
    witness = EvidenceReader(project)

    assert witness.lines("../outside.toml") is None
    with pytest.raises(KeyError, match="not a file of this project"):
        witness.setting("../outside.toml", "mu")


type MakeReceipt = Callable[..., Receipt]


@pytest.fixture
def receipt(make_receipt: MakeReceipt) -> Receipt:
    """Give a receipt with two results and the evidence of a finding."""
    evidence = [
        Evidence(name="first loss", value=1.25, at="client 1"),
        Evidence(name="why", value="a text is no number"),
        Evidence(name="steps", value=200, unit="steps"),
        Evidence(name="not measured", value=None),
        Evidence(name="not finite", value=float("nan")),
    ]
    finding = passed("falls", evidence=evidence, at="round 1").model_copy(update={"check": "loss.trend"})
    results = [
        {"name": "held-out loss", "value": 0.5, "unit": ""},
        {"name": "no value"},
        {"name": "episodes", "value": 32, "unit": "episodes"},
        {"name": "is it good?", "value": True},
    ]
    return make_receipt(finding, outputs={"results": results})


def test_results_are_told_and_what_passed_stays_in_the_receipt(receipt: Receipt) -> None:
    told = [(source.name, source.value, source.unit) for source in numbers_of([receipt])]

    assert told == [("held-out loss", 0.5, ""), ("episodes", 32, "episodes")]


def test_beside_results_the_numbers_of_what_did_not_pass_are_told(receipt: Receipt, make_receipt: MakeReceipt) -> None:
    warning = receipt.findings[0].model_copy(update={"verdict": Verdict.warned})

    told = [(source.name, source.value, source.unit) for source in numbers_of([make_receipt(warning), receipt])]

    assert told == [
        ("held-out loss", 0.5, ""),
        ("episodes", 32, "episodes"),
        ("loss.trend: first loss (client 1)", 1.25, ""),
        ("loss.trend: steps (round 1)", 200, "steps"),
    ]


def test_where_no_action_names_results_all_evidence_is_told(receipt: Receipt, make_receipt: MakeReceipt) -> None:
    assert [source.value for source in numbers_of([make_receipt(*receipt.findings)])] == [1.25, 200]


def test_every_number_is_found_again_in_its_receipt(receipt: Receipt) -> None:
    of_findings = [source for number in range(len(receipt.findings)) for source in evidence_of(receipt, number)]
    for source in (*numbers_of([receipt]), *of_findings):
        assert source.receipt == receipt.digest
        assert source.metric
        assert value_at(receipt, source.metric) == source.value


@pytest.mark.parametrize("outputs", [{}, {"results": None}, {"results": "none"}, {"results": [1, "two"]}])
def test_outputs_without_results_give_no_numbers(make_receipt: MakeReceipt, outputs: dict[str, object]) -> None:
    assert numbers_of([make_receipt(outputs=outputs)]) == ()


@pytest.mark.parametrize("metric", ["findings.9.verdict", "nothing", "outputs.results.first.value", "verdict.deeper"])
def test_a_path_that_leads_nowhere_is_an_error(receipt: Receipt, metric: str) -> None:
    with pytest.raises(UnknownNameError, match="has nothing at"):
        value_at(receipt, metric)
