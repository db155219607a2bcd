"""Kept answers count only where the journal beside them says that zk0 wrote them."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from zk0.checklists import answers
from zk0.checklists.answers import PROJECT, AnswerStore
from zk0.core.project import Project
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Verdict, failed, passed


@pytest.fixture
def store(project: Project) -> AnswerStore:
    return AnswerStore(project)


@pytest.fixture
def folder(project: Project) -> Path:
    return project.state_dir / "checklists" / PROJECT


@pytest.fixture
def answer(make_receipt):
    """Give a function that makes the answer of a check."""

    def make(check: str = "style.lint", *, good: bool = True) -> Receipt:
        finding = passed("it holds") if good else failed("it does not")
        return make_receipt(finding, step=check, run=PROJECT, workflow=PROJECT)

    return make


def counted(store: AnswerStore) -> dict[str, Verdict]:
    return {receipt.step: receipt.verdict for receipt in store.read().receipts}


def test_the_last_answer_of_each_check_counts(store, answer):
    store.save(answer(good=False))
    store.save(answer("style.format"))
    store.save(answer())

    assert counted(store) == {"style.format": Verdict.passed, "style.lint": Verdict.passed}
    assert store.read().problems == {}


def write_by_hand(folder, answer):
    (folder / "receipts" / "style.lint.json").write_text(answer().model_dump_json())


def edit(folder, answer):
    path = folder / "receipts" / "style.lint.json"
    path.write_text(path.read_text().replace('"fail"', '"pass"'))


def copy_another(folder, answer):
    (folder / "receipts" / "style.lint.json").write_text((folder / "receipts" / "style.format.json").read_text())


def append_without_chain(folder, answer):
    write_by_hand(folder, answer)
    with (folder / "journal.jsonl").open("a") as stream:
        stream.write(json.dumps({"check": "style.lint", "receipt": answer().digest, "chain": ""}) + "\n")


def edit_a_line(folder, answer):
    write_by_hand(folder, answer)
    path = folder / "journal.jsonl"
    first = json.loads(path.read_text().splitlines()[0])
    path.write_text(path.read_text().replace(first["receipt"], answer().digest))


def drop_the_journal(folder, answer):
    (folder / "journal.jsonl").unlink()


@pytest.mark.parametrize(
    "attack", [write_by_hand, edit, copy_another, append_without_chain, drop_the_journal], ids=lambda one: one.__name__
)
def test_an_answer_that_zk0_did_not_write_is_named_and_does_not_count(store, folder, answer, attack):
    store.save(answer(good=False))
    store.save(answer("style.format"))

    attack(folder, answer)

    assert "style.lint" in store.read().problems
    assert "style.lint" not in counted(store)
    store.save(answer(good=False))  # asked again
    assert counted(store)["style.lint"] is Verdict.failed
    assert "style.lint" not in store.read().problems


def test_lines_below_an_edited_one_do_not_count(store, folder, answer):
    store.save(answer(good=False))
    store.save(answer("style.format"))

    edit_a_line(folder, answer)

    assert "style.format" in store.read().problems


def test_an_earlier_answer_that_is_put_back_does_not_count(store, folder, answer):
    store.save(answer())
    path = folder / "receipts" / "style.lint.json"
    good = path.read_text()
    store.save(answer(good=False))

    path.write_text(good)

    assert counted(store) == {}


def test_a_process_that_was_killed_between_journal_and_file_accuses_nobody(store, folder, answer):
    store.save(answer())
    path = folder / "receipts" / "style.lint.json"
    before = path.read_text()
    store.save(answer(good=False))
    path.write_text(before)
    with (folder / "journal.jsonl").open("a") as stream:
        stream.write('{"check": "style.fo')  # torn

    assert store.read().problems == {}
    store.save(answer("style.format"))
    assert counted(store) == {"style.format": Verdict.passed}


def test_several_processes_may_keep_answers_at_once(store, project, answer):
    checks = [f"a.check-{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: AnswerStore(project).save(answer(name)), checks))

    assert set(counted(store)) == set(checks)


def test_the_journal_does_not_grow_without_end(store, folder, answer, monkeypatch):
    monkeypatch.setattr(answers, "LARGEST", 2000)
    store.save(answer("style.format"))
    for number in range(100):
        store.save(answer(good=bool(number % 2)))

    assert (folder / "journal.jsonl").stat().st_size < 2300
    assert counted(store) == {"style.format": Verdict.passed, "style.lint": Verdict.passed}
