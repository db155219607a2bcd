"""Formats: other distributions add importers by an entry point."""

import sys
from importlib import invalidate_caches

import pytest

from zk0.core.errors import DependencyMissingError
from zk0.ledger import IncidentKind
from zk0.ledger.importers.formats import importers

MODULE = """
from zk0.ledger.importers.formats import Importer
from zk0.ledger.importers.actions import incident
from zk0.ledger.importers.rules import rule
from zk0.ledger.importers.reading import FileReport
from zk0.ledger.log_events import IncidentKind

def read(source, run):
    run.add_evaluation(0, 0.5, at=source.name)
    return FileReport(source.name, "robot", understood=1)

IMPORTER = Importer(
    "robot",
    rules=(rule(r"Arm \\d+ lost power", incident(IncidentKind.client_failed)),),
    matches=lambda source: source.head.startswith(b"ROBOT"),
    read=read,
)
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution whose entry point names an importer in a module of this text."""

    def installed(module):
        folder = tmp_path / "site"
        (folder / "robot_logs-1.0.dist-info").mkdir(parents=True)
        (folder / "robot_logs-1.0.dist-info" / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: robot-logs\nVersion: 1\n"
        )
        points = "[zk0.importers]\nrobot = robot_logs_of_a_test:IMPORTER\n"
        (folder / "robot_logs-1.0.dist-info" / "entry_points.txt").write_text(points)
        (folder / "robot_logs_of_a_test.py").write_text(module)
        monkeypatch.delitem(sys.modules, "robot_logs_of_a_test", raising=False)
        monkeypatch.syspath_prepend(folder)
        invalidate_caches()
        importers.cache_clear()

    yield installed
    importers.cache_clear()


def test_an_importer_of_another_distribution_reads_its_lines_and_files(install, import_text):
    install(MODULE)

    log = import_text("Arm 3 lost power\n")
    file = import_text("ROBOT 1\n", "robot.bin")

    assert [one.kind for one in log.ledger.incidents] == [IncidentKind.client_failed]
    assert log.formats == ("robot log",)
    assert (file.formats, [one.loss for one in file.ledger.evaluations]) == (("robot",), [0.5])


def test_an_importer_that_can_t_be_imported_is_named(install, import_text):
    install("import a_package_that_is_not_installed\n")

    with pytest.raises(DependencyMissingError, match="robot"):
        import_text("a line\n")


def test_without_other_distributions_zk0_reads_its_own_formats():
    names = [one.name for one in importers()]

    assert names == [
        "Weights & Biases", "TensorBoard", "Flower", "original zk0", "LeRobot", "NVFlare", "openpi", "Lightning",
        "FedProx", "Darknet", "table", "metrics", "JSON lines", "JSON", "table",
    ]  # fmt: skip
