"""Foreign code can't hang, fill or spoil the process that asks, nor leave programs behind."""

import time

import psutil
import pytest

from zk0.core.errors import ProbeError
from zk0.core.project import Project
from zk0.core.verdicts import Verdict
from zk0.probes import Probe, probe

MEAN = "return [sum(a * n for a, n in zip(each, num_examples)) / sum(num_examples) for each in zip(*weights)]"


@pytest.mark.slow  # each probe imports PyTorch in a process of its own
def test_code_that_hangs_is_ended_with_what_it_started(tmp_path):
    (tmp_path / "server.py").write_text(
        "import subprocess, time\n\n\ndef aggregate(weights, num_examples):\n"
        f"    if len(weights) == 1:\n"
        "        sleeper = subprocess.Popen(['sleep', '600'])\n"
        "        open('sleeper', 'w').write(str(sleeper.pid))\n"
        "        time.sleep(600)\n"
        f"    {MEAN}\n"
    )

    findings = probe(Probe.aggregation, "server.py:aggregate", Project(tmp_path), seconds=2)

    assert findings[-1].verdict is Verdict.error
    assert findings[-1].message == "server.py:aggregate did not end within 10 s"
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
