"""The card is what the receipts give; nothing is published without a token, and what came back is compared."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import constants
from pydantic import SecretStr
from serving.fake_hub import fake_hub

from zk0.actions.model_card import CardInputs, PublishInputs, PublishOutputs, publish_policy, write
from zk0.core.errors import SecretMissingError
from zk0.core.project import Project

TOKEN = "hf_" + hashlib.sha256(b"token").hexdigest()[:34]


@pytest.fixture
def arms(trained, tmp_path, context):
    project = Project(Path(shutil.copytree(trained, tmp_path / "arms", symlinks=True)))
    [run] = project.runs_dir.iterdir()
    return replace(context, project=project, run=run.name)


def verdicts(findings):
    return [str(one.verdict) for one in findings]


def test_the_card_names_its_receipts_and_says_what_nobody_measured(arms, judge):
    found = write(CardInputs(training=arms.run, round=2), arms)

    assert found.card.read_text().partition("\n# ")[2].startswith("arms\n")
    assert found.unmeasured == ["success", "success through the server", "equality"]
    assert verdicts(judge("model-card.traceable", found)) == ["pass", "pass", *["not-available"] * 3]


def test_a_card_that_was_improved_by_hand_fails(arms, judge):
    found = write(CardInputs(training=arms.run, round=2), arms)
    found.card.write_text(found.card.read_text().replace("not measured", "20 of 20 (84% to 100%)"))

    assert "fail" in verdicts(judge("model-card.traceable", found))


@pytest.mark.parametrize(
    "changes",
    [{"receipts": ["f" * 16]}, {"receipts": []}, {"private": ["the path /home/alice"]}],
    ids=["a receipt is missing", "there is none", "a path is shown"],
)
def test_each_fault_of_a_card_is_found(arms, judge, changes):
    found = write(CardInputs(training=arms.run, round=2), arms).model_copy(update=changes)

    assert "fail" in verdicts(judge("model-card.traceable", found))


def test_a_path_and_a_secret_in_a_card_are_seen(arms):
    found = write(CardInputs(training=arms.run, round=2, name=f"{arms.project.root} {TOKEN}"), arms)

    assert found.private[0].startswith("the path /")
    assert len(found.private) >= 2


def test_without_a_token_nothing_is_sent(arms):
    with fake_hub(TOKEN) as hub, pytest.raises(SecretMissingError, match="HF_TOKEN"):
        publish_policy(PublishInputs(repository="alice/arm", checkpoint=Path(), card=Path("README.md")), arms)

    assert hub.requests == []


def test_what_was_published_is_compared_with_what_came_back(arms, judge, monkeypatch):
    card = write(CardInputs(training=arms.run, round=2), arms).card
    [checkpoint] = arms.project.root.rglob("checkpoints/round-002")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    inputs = PublishInputs(repository="alice/arm", checkpoint=checkpoint, card=card, token=SecretStr(TOKEN))

    with fake_hub(TOKEN) as hub:
        monkeypatch.setattr("zk0.serving.hub.default_endpoint", lambda: hub.url)
        found = publish_policy(inputs, arms)

    assert set(verdicts(judge("model-card.published", found))) == {"pass"}
    assert hub.files["README.md"] == card.read_bytes()
    assert TOKEN not in found.model_dump_json()
    assert "Bearer" not in found.model_dump_json()


def test_another_file_on_the_hub_fails_and_more_files_warn(judge):
    outputs = PublishOutputs(
        url="u", commit="c", sent={"a": "1", "b": "2"}, read_back={"a": "1", "b": "3"}, others=["old.bin"], table=[]
    )

    assert verdicts(judge("model-card.published", outputs)) == ["pass", "fail", "warn"]
