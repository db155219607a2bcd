"""What a person signed counts while its text, its item, its time and its signature are what they were."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import git
import pytest

from zk0.checklists.evaluation import EvaluatedItem, evaluate
from zk0.checklists.items import Checklist, ChecklistFile, Item
from zk0.checklists.signatures import Signature, SignatureDecision, read_signatures, save_signature
from zk0.checklists.snapshot import ProjectSnapshot
from zk0.core.errors import ConfigurationError
from zk0.core.git import GitState
from zk0.core.project import Project
from zk0.core.verdicts import Verdict

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def item(**more) -> Item:
    manual = {} if "check" in more else {"manual": True}
    return Item.model_validate({"id": "review", "section": "S", "sentence": "It was reviewed.", **manual, **more})


def word(**changes) -> Signature:
    fields = {
        "item": "review",
        "sentence": "It was reviewed.",
        "decision": SignatureDecision.signed,
        "note": "read line by line",
        "by": "ada",
        "how": "terminal",
        "at": NOON,
        "expires": NOON + 30 * DAY,
        "code": "t1",
    }
    return Signature.model_validate(fields | changes)


def decided(project: Project, what: Item, *, now: datetime = NOON, tree: str = "t1") -> EvaluatedItem:
    part = ChecklistFile(name="mine", title="Mine", phase="all", items=(what,))
    checklist = Checklist(name="mine", title="Mine", phase="all", parts=(part,))
    [found] = evaluate(checklist, [], ProjectSnapshot(GitState(tree=tree), now), read_signatures(project)).items
    return found


def test_a_signature_ticks_and_tells_who_until_when_and_why(project: Project) -> None:
    save_signature(project, word())

    found = decided(project, item())

    assert (found.ticked, found.verdict) == (True, Verdict.passed)
    assert found.message == "stated by ada in a terminal until 2026-03-31: read line by line"


def test_an_expired_signature_leaves_the_box_open(project: Project) -> None:
    save_signature(project, word())

    found = decided(project, item(), now=NOON + 31 * DAY)

    assert (found.ticked, found.message) == (False, "what ada stated expired on 2026-03-31")


def test_another_sentence_is_another_promise(project: Project) -> None:
    save_signature(project, word())

    found = decided(project, item(sentence="It was reviewed twice."))

    assert (found.ticked, found.message) == (False, "ada stated another sentence: It was reviewed.")


def test_what_was_said_of_other_code_counts_only_where_the_item_is_not_about_code(project: Project) -> None:
    save_signature(project, word())

    assert decided(project, item(), tree="t2").ticked
    found = decided(project, item(for_code=True), tree="t2")
    assert (found.ticked, found.message) == (False, "the code changed since ada stated it on 2026-03-01")


def test_a_waiver_ticks_nothing_and_ends(project: Project) -> None:
    save_signature(project, word(decision="waived", note="no GPU here"))
    machine = item(check={"check": "data.format"})

    found = decided(project, machine)

    assert (found.ticked, found.verdict) == (False, Verdict.not_available)
    assert found.waived == "waived by ada in a terminal until 2026-03-31: no GPU here"
    assert not decided(project, machine, now=NOON + 31 * DAY).waived


def test_a_file_that_is_no_signature_is_told_of(project: Project) -> None:
    project.signatures_dir.mkdir(parents=True)
    (project.signatures_dir / "review.signed.json").write_text("{}")

    found = decided(project, item())

    assert not found.ticked
    assert found.message.startswith("review.signed.json is not a signature")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def allow(repository: git.Repo, name: str, key: Path) -> None:
    public = key.with_suffix(".pub").read_text()
    (Path(repository.working_dir) / "allowed_signers").write_text(f"{name} {public}")
    repository.index.add(["allowed_signers"])
    repository.index.commit("Name the signers")


def sealed(tmp_path: Path, key: Path, signature: Signature) -> Signature:
    statement = tmp_path / "statement"
    statement.write_text(signature.statement)
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", "zk0", "-f", str(key), str(statement)], check=True)
    armored = statement.with_suffix(".sig")
    text = armored.read_text()
    armored.unlink()
    return signature.model_copy(update={"how": "signature", "signature": text})


def test_where_signers_are_named_only_their_keys_count(
    project: Project, repository: git.Repo, key: Path, tmp_path: Path
) -> None:
    save_signature(project, word())
    assert decided(project, item()).ticked

    allow(repository, "ada", key)
    assert "has no SSH signature" in decided(project, item()).message

    save_signature(project, sealed(tmp_path, key, word()))
    assert decided(project, item()).ticked


def test_a_signed_text_that_was_changed_does_not_count(
    project: Project, repository: git.Repo, key: Path, tmp_path: Path
) -> None:
    allow(repository, "ada", key)
    path = save_signature(project, sealed(tmp_path, key, word()))
    path.write_text(path.read_text().replace("2026-03-31", "2036-03-31"))

    assert "is not a signature" in decided(project, item()).message


def test_nobody_signs_in_another_s_name_or_with_a_stranger_s_key(
    project: Project, repository: git.Repo, key: Path, tmp_path: Path
) -> None:
    allow(repository, "ada", key)
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)

    with pytest.raises(ConfigurationError, match="it says eve, and ada signed it"):
        save_signature(project, sealed(tmp_path, key, word(by="eve")))
    with pytest.raises(ConfigurationError, match="is not a signature"):
        save_signature(project, sealed(tmp_path, other, word()))
