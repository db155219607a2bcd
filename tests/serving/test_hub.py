"""What is published is read back; the hub is a server of this machine that speaks the hub's protocol."""

import hashlib

import pytest
from huggingface_hub import constants

from zk0.core.errors import PublishingError
from zk0.serving.hub import publish

from .fake_hub import COMMIT, fake_hub

TOKEN = "hf_" + "a" * 30


@pytest.fixture
def hub(monkeypatch):
    with fake_hub(TOKEN) as found:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield found


@pytest.fixture
def files(tmp_path):
    checkpoint = tmp_path / "round-001"
    (checkpoint / "backbone").mkdir(parents=True)
    (checkpoint / "config.json").write_text("{}")
    (checkpoint / "model.safetensors").write_bytes(bytes(range(256)) * 9)
    (checkpoint / "backbone" / "tokenizer.json").write_text('{"a": 1}')
    card = tmp_path / "README.md"
    card.write_text("---\ntags: [robotics]\n---\n# A policy\n")
    return checkpoint, card


def test_every_file_comes_back_as_it_was_sent(hub, files):
    found = publish("alice/arm", *files, token=TOKEN, private=True, endpoint=hub.url)

    assert found.commit == COMMIT
    assert sorted(found.sent) == ["README.md", "backbone/tokenizer.json", "config.json", "model.safetensors"]
    assert found.read_back == found.sent
    assert found.sent["config.json"] == hashlib.sha256(b"{}").hexdigest()
    assert hub.files["model.safetensors"] == bytes(range(256)) * 9
    assert found.others == []


def test_a_file_that_the_hub_changed_is_seen(hub, files):
    hub.stored = lambda name, content: content[:-1] if name.endswith(".safetensors") else content

    found = publish("alice/arm", *files, token=TOKEN, private=True, endpoint=hub.url)

    assert [name for name in found.sent if found.read_back[name] != found.sent[name]] == ["model.safetensors"]


def test_what_else_is_in_the_repository_is_named(hub, files):
    hub.files["old.bin"] = b"old"

    assert publish("alice/arm", *files, token=TOKEN, private=True, endpoint=hub.url).others == ["old.bin"]


def test_a_wrong_token_is_refused_and_nothing_is_stored(hub, files):
    with pytest.raises(PublishingError, match="the hub refuses alice/arm") as caught:
        publish("alice/arm", *files, token="hf_" + "b" * 30, private=True, endpoint=hub.url)

    assert "HF_TOKEN" in caught.value.remedy
    assert hub.files == {}


def test_a_name_that_is_none_and_a_machine_that_is_offline_are_told(hub, files, monkeypatch):
    with pytest.raises(PublishingError, match="no name on the hub"):
        publish("alice/../arm", *files, token=TOKEN, private=True, endpoint=hub.url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    with pytest.raises(PublishingError, match="HF_HUB_OFFLINE is set"):
        publish("alice/arm", *files, token=TOKEN, private=True, endpoint=hub.url)

    assert hub.requests == []


def test_a_hub_that_is_not_there_is_told(hub, files, monkeypatch):
    from huggingface_hub.utils import _http

    monkeypatch.setattr(_http.time, "sleep", lambda _seconds: None)

    with pytest.raises(PublishingError, match="can't be reached"):
        publish("alice/arm", *files, token=TOKEN, private=True, endpoint="http://127.0.0.1:1")
