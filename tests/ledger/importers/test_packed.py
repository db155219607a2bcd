"""Packed files and archives, from a path or a stream."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from zk0.ledger.importers import import_ledgers

TEXT = b"Epoch 1 loss: 0.5\nEpoch 2 loss: 0.4\n"


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress], ids=["gz", "bz2", "xz"])
def test_a_packed_file_and_a_packed_stream_are_read(import_text, monkeypatch, pack, tmp_path):
    assert import_text(pack(TEXT)).ledger.trainings[0].policy_loss == [0.5, 0.4]

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(pack(TEXT) + pack(b"Epoch 3 loss: 0.3\n"))))
    [found] = import_ledgers([Path("-")])
    assert found.ledger.trainings[0].policy_loss == [0.5, 0.4, 0.3]


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress], ids=["bz2", "xz"])
def test_of_a_packed_file_that_is_cut_off_the_rest_is_said_to_be_missing(import_text, pack):
    found = import_text(pack(TEXT * 10_000)[:-20])

    assert "the packed file is damaged or cut off: read up to there" in found.files[0].notes


def test_a_fifo_is_read(tmp_path):
    reading, writing = os.pipe()
    os.write(writing, TEXT)
    os.close(writing)

    [found] = import_ledgers([Path(f"/dev/fd/{reading}")])

    assert found.ledger.source == f"/dev/fd/{reading}"
    assert found.ledger.trainings[0].policy_loss == [0.5, 0.4]


@pytest.mark.parametrize("name", ["logs.zip", "logs.tar", "logs.tar.gz", "logs.tar.xz"])
@pytest.mark.parametrize("in_folder", [False, True])
def test_members_of_an_archive_are_runs_with_names(tmp_path, name, in_folder):
    path = tmp_path / "all" / name
    path.parent.mkdir()
    members = {"a.log": TEXT, "../b.log": TEXT}
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            for member, content in members.items():
                archive.writestr(member, content)
    else:
        with tarfile.open(path, f"w:{name.partition('.tar')[2].strip('.')}") as tape:
            for member, content in members.items():
                entry = tarfile.TarInfo(member)
                entry.size = len(content)
                tape.addfile(entry, io.BytesIO(content))

    found = import_ledgers([path.parent if in_folder else path])

    assert [one.ledger.source for one in found] == [f"{path}:a.log", f"{path}:b.log"]
    assert [one.ledger.trainings[0].steps for one in found] == [2, 2]


def test_a_damaged_archive_is_told(tmp_path):
    path = tmp_path / "logs.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.log", TEXT)
        archive.writestr("b.log", TEXT)
    content = bytearray(path.read_bytes())
    content[content.index(b"Epoch 1")] ^= 1
    path.write_bytes(content)

    *_, damaged = import_ledgers([path])

    assert damaged.files[0].format == "unreadable"
    assert "damaged" in damaged.files[0].notes[0]


def test_what_can_t_be_read_is_told_and_passed_over(tmp_path, monkeypatch):
    (tmp_path / "good.log").write_bytes(TEXT)
    (tmp_path / "secret.log").write_bytes(TEXT)
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: "secret" not in str(path) and allowed(path, mode))

    good, unread = import_ledgers([tmp_path])

    assert good.ledger.trainings[0].steps == 2
    assert (unread.ledger.events, unread.files[0].notes) == ((), ["Permission denied"])
