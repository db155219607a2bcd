"""The store: entries are added and never lost, whoever writes at the same time."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import git
import pytest

from zk0.core.errors import SecretError, SpecError, StaleReadError, UnknownNameError
from zk0.memory.bank import Bank
from zk0.memory.entries import Entry, Kind, with_id
from zk0.memory.frontmatter import write_entry

type MakeEntry = Callable[..., Entry]

HOUR = timedelta(hours=1)
AUTHOR = {f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
WRITERS, EACH = 10, 8

WRITER = f"""
import sys
from pathlib import Path
from zk0.memory.bank import Bank
from zk0.memory.entries import Entry

bank = Bank(Path(sys.argv[1]), Path(sys.argv[2]))
print("ready", flush=True)
sys.stdin.readline()
for number in range({EACH}):
    fact = {{"kind": "fact", "title": f"{{sys.argv[3]}} says {{number}}",
            "generated": {{"by": "process:" + sys.argv[3], "at": "2026-03-01"}}}}
    bank.add(lambda reading: [Entry.model_validate(fact | {{"supersedes": [e.id for e in reading.entries][-1:]}})])
    bank.write_page("page.md", lambda old: f"{{max(len(bank.read().entries), int(old or 0))}}")
"""


def test_an_entry_that_was_added_is_read_back(bank: Bank, make_entry: MakeEntry) -> None:
    [added] = bank.add(lambda _: [make_entry("mu is 0.01", body="Measured twice.")])

    assert bank.read().entries == (added,)
    assert (bank.entries_dir / f"{added.id}.md").is_file()
    assert not bank.read().problems


def test_the_same_entry_is_not_written_twice(bank: Bank, make_entry: MakeEntry) -> None:
    for _ in range(2):
        bank.add(lambda _: [make_entry("mu is 0.01")])

    assert len(bank.read().entries) == 1


def test_two_facts_with_the_same_short_hash_are_both_kept(bank: Bank, make_entry: MakeEntry) -> None:
    entry = with_id(make_entry("mu is 0.01"))
    other = write_entry(make_entry("mu is 0.1"))
    bank.entries_dir.mkdir(parents=True)
    (bank.entries_dir / f"{entry.id}.md").write_text(other)

    [added] = bank.add(lambda _: [entry])

    assert added.id == f"{entry.id}-2"
    assert {entry.title for entry in bank.read().entries} == {"mu is 0.1", "mu is 0.01"}


def test_what_is_added_is_composed_of_what_is_there(bank: Bank, make_entry: MakeEntry) -> None:
    bank.add(lambda _: [make_entry("mu is 0.01")])

    bank.add(lambda bank: [make_entry("mu is 0.1", supersedes=tuple(entry.id for entry in bank.entries), after=HOUR)])

    assert [entry.title for entry in bank.read().counting(Kind.fact)] == ["mu is 0.1"]


def test_a_broken_entry_is_reported_by_file_and_line_and_stays_where_it_is(bank: Bank, make_entry: MakeEntry) -> None:
    [sound] = bank.add(lambda _: [make_entry("mu is 0.01")])
    broken = bank.entries_dir / "2026-02-01-broken.md"
    broken.write_text("---\nkind: fact\ntitle: [\n---\n")
    (bank.entries_dir / "2026-02-02-latin.md").write_bytes(b"---\nkind: \xe4\n---\n")

    reading = bank.read()

    assert reading.entries == (sound,)
    assert [str(problem).partition(": ")[0] for problem in reading.problems] == [
        "entries/2026-02-01-broken.md:3",
        "entries/2026-02-02-latin.md:1",
    ]
    assert broken.is_file()


def test_an_entry_of_a_process_that_was_edited_is_kept_and_reported(bank: Bank, make_entry: MakeEntry) -> None:
    [entry] = bank.add(lambda _: [make_entry("loss 0.5", generated={"by": "process:zk0 0", "at": "2026-03-01"})])
    path = bank.entries_dir / f"{entry.id}.md"
    path.write_text(path.read_text().replace("0.5", "0.1"))

    reading = bank.read()

    assert [entry.title for entry in reading.entries] == ["loss 0.1"]
    assert "it was changed after process:zk0 0 wrote it" in str(reading.problems[0])


def test_a_page_that_does_not_change_is_not_written(bank: Bank) -> None:
    path = bank.directory / "page.md"
    bank.write_page("page.md", lambda old: old or "text")
    os.utime(path, (0, 0))

    bank.write_page("page.md", lambda old: old)

    assert path.stat().st_mtime == 0


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    bank = Bank(tmp_path / "memory-bank", tmp_path / "state" / "lock")
    command = [sys.executable, "-c", WRITER, str(bank.directory), str(bank.lock)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    writers = [
        subprocess.Popen([*command, f"w{number}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        for number in range(WRITERS)
    ]
    for writer in writers:  # all are there before the first begins
        assert writer.stdout
        assert writer.stdout.readline() == b"ready\n"
    for writer in writers:
        writer.communicate(b"go\n", timeout=60)

    reading = bank.read()

    assert [writer.returncode for writer in writers] == [0] * WRITERS
    assert len({entry.title for entry in reading.entries}) == WRITERS * EACH
    assert not reading.problems
    assert (bank.directory / "page.md").read_text().splitlines()[1:] == [str(WRITERS * EACH)]
    assert [path.name for path in bank.directory.rglob(".*") if path.is_file()] == [".gitignore"]


def test_a_writer_that_was_killed_holds_no_lock(bank: Bank, make_entry: MakeEntry) -> None:
    code = (
        "import sys, time; from pathlib import Path; from zk0.memory.bank import Bank\n"
        "bank = Bank(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "bank.write_page('page.md', lambda old: (print('inside', flush=True), time.sleep(60)))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, str(bank.directory), str(bank.lock)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == b"inside\n"
        writer.kill()

    assert bank.add(lambda _: [make_entry("mu is 0.01")])


def test_two_branches_that_add_entries_merge_without_a_conflict(bank: Bank, make_entry: MakeEntry) -> None:
    author = git.Actor("A person", "person@example.org")
    with git.Repo(bank.directory.parent) as repository:
        for branch in ("left", "right"):
            repository.git.checkout("-B", branch, "main")
            bank.add(lambda _, branch=branch: [make_entry(f"learned on the {branch}")])  # type: ignore[misc]
            repository.git.add("memory-bank")
            repository.index.commit(f"Learn on the {branch}", author=author, committer=author)
        repository.git.merge("left", "-m", "Merge", env=AUTHOR)

    assert {entry.title for entry in bank.read().entries} == {"learned on the left", "learned on the right"}


def test_a_thousand_entries_of_our_own_are_read_without_a_yaml_parser(
    bank: Bank, make_entry: MakeEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [{"receipt": "0" * 16, "metric": f"findings.{n}.evidence.0.value", "value": n / 7} for n in range(40)]
    bank.entries_dir.mkdir(parents=True)
    for number in range(1000):
        entry = with_id(make_entry(f"result {number}", Kind.result, sources=sources))
        (bank.entries_dir / f"{entry.id}.md").write_text(write_entry(entry))
    parsed: list[str] = []  # a YAML parser is 50 times slower
    monkeypatch.setattr("zk0.memory.frontmatter._read_yaml", parsed.append)

    assert len(bank.read().entries) == 1000
    assert parsed == []


def test_reading_the_current_entries_leaves_out_what_is_superseded(bank: Bank, make_entry: MakeEntry) -> None:
    [first] = bank.add(lambda _: [make_entry("mu is 0.01")])
    [second] = bank.add(lambda _: [make_entry("mu is 0.1", supersedes=(first.id,), after=HOUR)])
    by_hand = f"---\nkind: fact\ntitle: mu is 1\nsupersedes:\n  - {second.id}\n"
    by_hand += "generated:\n  by: person:ada\n  at: 2026-04-01\n---\n"
    (bank.entries_dir / "2026-04-01-00000000.md").write_text(by_hand)

    assert [entry.title for entry in bank.read_current().entries] == ["mu is 1"]


def test_what_another_superseded_meanwhile_can_not_be_superseded_again(bank: Bank, make_entry: MakeEntry) -> None:
    [first] = bank.add(lambda _: [make_entry("mu is 0.01")])
    second = bank.put(make_entry("mu is 0.1", supersedes=(first.id,), after=HOUR))

    with pytest.raises(StaleReadError, match=f"{first.id} was superseded meanwhile: {second.id}"):
        bank.put(make_entry("mu is 1", supersedes=(first.id,), after=2 * HOUR))
    with pytest.raises(UnknownNameError, match="supersedes 2026-01-01-00000000"):
        bank.put(make_entry("mu is 1", supersedes=("2026-01-01-00000000",)))


def test_what_is_archived_can_be_read_again(bank: Bank, make_entry: MakeEntry) -> None:
    [entry] = bank.add(lambda _: [make_entry("mu is 0.01")])

    bank.archive(lambda _: [entry.id])

    assert bank.read().entries == ()
    assert bank.read_archive().entries == (entry,)


def test_a_secret_is_refused_and_nothing_is_written(bank: Bank, make_entry: MakeEntry) -> None:
    sound, unsound = make_entry("mu is 0.01"), make_entry(f"it is hf_{'a1B2c3D4e5' * 4}")

    with pytest.raises(SecretError, match="hugging-face-token") as caught:
        bank.add(lambda _: [sound, unsound])

    assert "a1B2" not in str(caught.value)
    assert not bank.read().entries


def test_an_entry_is_found_by_the_beginning_or_the_end_of_its_id(bank: Bank, make_entry: MakeEntry) -> None:
    one, other = bank.add(lambda _: [make_entry("mu is 0.01"), make_entry("mu is 0.1")])
    reading = bank.read()

    assert reading.entry(one.id[-6:]) == one
    with pytest.raises(UnknownNameError, match=f"is 2 entries: .*{other.id}"):
        reading.entry("2026-03")
    with pytest.raises(UnknownNameError, match="no entry 'nope'"):
        reading.entry("nope")


def test_a_page_that_is_no_text_is_refused_and_stays_as_it_is(bank: Bank) -> None:
    bank.directory.mkdir(parents=True)
    (bank.directory / "page.md").write_bytes(b"\xff\xfe")

    with pytest.raises(SpecError, match=r"page\.md is not UTF-8"):
        bank.write_page("page.md", lambda old: f"{old}more")

    assert (bank.directory / "page.md").read_bytes() == b"\xff\xfe"
