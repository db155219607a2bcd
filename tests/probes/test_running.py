"""Foreign code can't hang, fill or spoil the process that asks, nor leave programs behind."""

import sys
import time

import psutil
import pytest

from zk0.core.errors import ProbeError
from zk0.core.project import Project
from zk0.core.verdicts import Verdict
from zk0.probes import Probe, probe, write_adapter
from zk0.probes.running import _interpreter

MEAN = "return [sum(a * n for a, n in zip(each, num_examples)) / sum(num_examples) for each in zip(*weights)]"


@pytest.mark.slow  # each probe imports PyTorch in a process of its own
def test_code_that_hangs_is_ended_with_what_it_started(tmp_path):
    (tmp_path / "server.py").write_text(
        "import subprocess, time\n\n\ndef aggregate(weights, num_examples):\n"
        f"    if len(weights) == 1:\n"
        "        sleeper = subprocess.Popen(['sleep', '600'])\n"
        f"        open({str(tmp_path / 'sleeper')!r}, 'w').write(str(sleeper.pid))\n"
        "        time.sleep(600)\n"
        f"    {MEAN}\n"
    )

    findings = probe(Probe.aggregation, "server.py:aggregate", Project(tmp_path), seconds=2)

    assert findings[-1].verdict is Verdict.error
    assert findings[-1].message.startswith("server.py:aggregate did not end within")  # of waiting, or of computing
    assert "probe.aggregation.mean" in [finding.check for finding in findings if finding.verdict is Verdict.passed]
    assert ended(int((tmp_path / "sleeper").read_text()))


@pytest.mark.slow
def test_what_code_prints_does_not_spoil_the_answer_and_what_kills_it_is_told(tmp_path):
    (tmp_path / "server.py").write_text(
        "import os\n\n\ndef aggregate(weights, num_examples):\n    print('{\"finding\": 1}')\n"
        "    if len(weights) == 1:\n        print('the disk is full', flush=True)\n        os._exit(3)\n"
        f"    {MEAN}\n"
    )

    findings = probe(Probe.aggregation, "server.py:aggregate", Project(tmp_path))

    assert findings[-1].verdict is Verdict.error
    assert "ended the probe's process with exit status 3" in findings[-1].message
    assert "the disk is full" in findings[-1].message
    assert len(findings) > 3


@pytest.mark.slow
def test_code_that_wants_all_memory_does_not_get_it(tmp_path):
    (tmp_path / "server.py").write_text(
        "import numpy\n\n\ndef aggregate(weights, num_examples):\n"
        f"    numpy.ones(8 * 1024**3, dtype='uint8')\n    {MEAN}\n"
    )

    with pytest.raises(ProbeError, match=r"MemoryError: Unable to allocate 8.00 GiB .*server.py:5"):
        probe(Probe.aggregation, "server.py:aggregate", Project(tmp_path))


@pytest.mark.slow
def test_what_code_reads_is_there_and_what_it_writes_leaves_the_project_alone(tmp_path):
    (tmp_path / "scale.txt").write_text("1.0")
    (tmp_path / "history.json").write_text("mine")
    (tmp_path / "server.py").write_text(
        "import os\n\n\ndef aggregate(weights, num_examples):\n"
        "    assert float(open('scale.txt').read()) == 1.0\n    open('history.json', 'w').write('spoilt')\n"
        f"    os.makedirs('results', exist_ok=True)\n    {MEAN}\n"
    )

    findings = probe(Probe.aggregation, "server.py:aggregate", Project(tmp_path))

    assert not any(finding.verdict.stops for finding in findings)
    assert (tmp_path / "history.json").read_text() == "mine"
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_a_file_of_another_project_runs_in_that_one_and_has_its_adapter_there(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there" / "app"
    here.mkdir()
    there.mkdir(parents=True)
    (here / "pyproject.toml").touch()
    (there / "scale.txt").write_text("1.0")
    (there / "means.py").write_text("ONE = 1\n")
    (there / "server.py").write_text(
        "from app.means import ONE\n\n\ndef aggregate(weights, num_examples):\n"
        f"    assert float(open('app/scale.txt').read()) == ONE\n    {MEAN}\n"
    )
    target = f"{there / 'server.py'}:aggregate"

    findings = probe(Probe.aggregation, target, Project(here))

    assert not any(finding.verdict.stops for finding in findings)
    assert findings[0].at == "app/server.py:4"
    assert write_adapter(Probe.aggregation, target, Project(here)) == there / "probe_aggregate.py"


def ended(process: int) -> bool:
    """Tell whether a process ends within a moment; one that nobody waits for is a zombie."""
    for _ in range(50):
        try:
            if psutil.Process(process).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.1)
    return False


def test_the_project_s_interpreter_runs_its_code_and_zk0_s_own_runs_zk0_s(tmp_path):
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    project = Project(tmp_path)

    assert _interpreter(None, project, "server.py:aggregate") == str(python)
    assert _interpreter(None, project, "zk0.training.fedprox:ProximalTerm") == sys.executable
    with pytest.raises(ProbeError, match="no interpreter"):
        _interpreter("bin/none", project, "server.py:aggregate")
