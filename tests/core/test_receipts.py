"""A receipt has an address that changes with its content, and is read back as it was written."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zk0.core.errors import UnknownNameError
from zk0.core.git import GitState
from zk0.core.receipts import (
    Receipt,
    ReceiptStore,
    artifact,
    canonical_digest,
    file_digest,
    read_receipt,
    write_atomically,
)
from zk0.core.verdicts import Evidence, Verdict, failed

START = datetime(2026, 1, 24, 13, 15, tzinfo=UTC)


def receipt(**changes) -> Receipt:
    content = {
        "run": "r1",
        "workflow": "train",
        "step": "data",
        "title": "Prepare",
        "uses": "data.prepare",
        "inputs": {"clients": 4},
        "seed": 3,
        "code": GitState(commit="c0ffee"),
        "environment": {"numpy": "2"},
        "started": START,
        "finished": START + timedelta(seconds=2.5),
        "outputs": {"episodes": {"a": 8}},
        "findings": (failed("too few", evidence=[Evidence(name="episodes", value=8)]),),
        "verdict": Verdict.failed,
    }
    return Receipt(**{**content, **changes})


numbers = st.floats() | st.integers() | st.none() | st.text()


@given(st.dictionaries(st.text(), numbers | st.lists(numbers)), numbers)
def test_any_receipt_is_read_back_with_its_address(tmp_path_factory, outputs, value):
    evidence = [Evidence(name="loss", value=value)]
    store = ReceiptStore(tmp_path_factory.mktemp("runs"))
    written = receipt(outputs=outputs, findings=(failed("x", evidence=evidence),))

    read = read_receipt(store.save(written))

    assert read.digest == written.digest


def test_the_address_changes_with_the_content_and_not_with_the_order_of_keys():
    assert receipt().digest == receipt().digest
    assert receipt().digest != receipt(seed=4).digest
    assert canonical_digest({"a": 1, "b": 2}) == canonical_digest({"b": 2, "a": 1})


def test_a_receipt_that_was_changed_is_refused(tmp_path):
    path = ReceiptStore(tmp_path).save(receipt())
    content = json.loads(path.read_text())
    content["verdict"] = "pass"
    path.write_text(json.dumps(content))

    with pytest.raises(UnknownNameError, match="was changed"):
        read_receipt(path)


@pytest.mark.parametrize("text", ["", "{}", "[]", "{"])
def test_a_file_that_is_no_receipt_is_refused(tmp_path, text):
    (tmp_path / "x.json").write_text(text)

    with pytest.raises(UnknownNameError, match="is not a receipt"):
        read_receipt(tmp_path / "x.json")


def test_a_store_gives_receipts_in_the_order_they_were_finished(tmp_path):
    store = ReceiptStore(tmp_path)
    store.save(receipt(step="b", finished=START + timedelta(seconds=1)))
    store.save(receipt(step="a", finished=START + timedelta(seconds=2)))
    store.save(receipt(run="r0", step="z"))

    assert [found.step for found in store.of_run("r1")] == ["b", "a"]
    assert [found.step for found in store.all()] == ["z", "b", "a"]


def test_a_step_s_time_is_from_its_start_to_its_end():
    assert receipt().seconds == 2.5


def test_a_directory_s_digest_is_over_its_names_and_contents(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("1")
    first = file_digest(tmp_path / "a")
    (tmp_path / "a" / "x").rename(tmp_path / "a" / "y")

    assert file_digest(tmp_path / "a") != first


def test_an_artifact_is_named_relative_to_its_base(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("123")

    inside = artifact("data", tmp_path / "a", base=tmp_path)
    outside = artifact("data", tmp_path / "a" / "x", base=tmp_path / "elsewhere")

    assert (inside.path, inside.size) == ("a", 3)
    assert outside.path == str(tmp_path / "a" / "x")


def test_a_write_that_fails_leaves_the_old_content(tmp_path):
    path = tmp_path / "x"
    write_atomically(path, "old")

    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\ud800")

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
