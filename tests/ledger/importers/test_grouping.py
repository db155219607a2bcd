"""Files of one run meet, others stay apart."""

import shutil

import pytest

from zk0.core.errors import LedgerError
from zk0.ledger.importers import import_ledgers

from .conftest import LOGS

STEP = (
    "2025-10-0{day} 09:12:03 | INFO     | {who} | PID:1 | a:b:1 - Step 0: FedProx total_loss=1 (main=1 + proximal=0)\n"
)
SERVER = "2025-10-0{day} 09:12:03 | INFO     | server     | PID:1 | a:b:1 - Server R1 POST-AGG: Full norm=1\n"
EVALUATION = "INFO :      fit progress: (1, 0.5, {}, 1.0)\n"


def test_logs_given_together_stay_apart_unless_they_say_otherwise():
    found = import_ledgers(sorted(LOGS.glob("A*.log")))

    assert len(found) == len(list(LOGS.glob("A*.log")))


def test_a_servers_and_its_clients_logs_side_by_side_are_one_run(tmp_path):
    (tmp_path / "server.log").write_text(SERVER.format(day=1) + EVALUATION)
    for number in (0, 1):
        (tmp_path / f"client_{number}.log").write_text(STEP.format(day=1, who=f"client_{number}"))

    [found] = import_ledgers([tmp_path])

    assert [one.client for one in found.ledger.trainings] == ["client 0", "client 1"]
    assert len(found.ledger.evaluations) == 1
    assert len(found.files) == 3


def test_logs_of_another_day_are_another_run(tmp_path):
    (tmp_path / "server.log").write_text(SERVER.format(day=1) + EVALUATION)
    (tmp_path / "client_0.log").write_text(STEP.format(day=5, who="client_0"))

    assert len(import_ledgers([tmp_path])) == 2


def test_a_client_that_no_line_names_is_named_by_its_file(tmp_path):
    (tmp_path / "supernode-lab.log").write_text("INFO :      Step 0: FedProx total_loss=1 (main=1 + proximal=0)\n")

    [found] = import_ledgers([tmp_path])

    assert [one.client for one in found.ledger.trainings] == ["lab"]


def test_a_folder_is_walked_past_what_is_no_log(tmp_path):
    for name in ("a.log", "models/b.log", ".hidden/c.log", "note.md", "deeper/d.log"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(EVALUATION)

    assert sorted(one.ledger.source.removeprefix(str(tmp_path)) for one in import_ledgers([tmp_path])) == [
        "/a.log",
        "/deeper/d.log",
    ]


def test_a_folder_without_a_log_is_refused(tmp_path):
    with pytest.raises(LedgerError, match="holds no ledger, log or table"):
        import_ledgers([tmp_path])


def test_a_run_of_zk0_is_its_ledgers(tmp_path, write_ledger):
    run = tmp_path / ".zk0" / "runs" / "20260101-000000-train-0000"
    write_ledger(run / "steps" / "train" / "ledger.jsonl")
    (run / "journal.jsonl").write_text("{}\n")
    (run / "logs").mkdir()
    shutil.copy(LOGS / "A1-inert.log", run / "logs" / "train.log")

    [found] = import_ledgers([run])

    assert found.formats == ("zk0 ledger",)
    assert (found.understood, found.unknown) == (len(found.ledger.events), 0)


def test_a_ledger_of_zk0_is_known_by_its_content(tmp_path, write_ledger):
    write_ledger(tmp_path / "renamed.jsonl")

    assert import_ledgers([tmp_path / "renamed.jsonl"])[0].formats == ("zk0 ledger",)
