"""Contracts that foreign code is run against: a proximal term, an aggregation, an exchange of parameters.

    findings = probe(Probe.proximal, "client.py:train", Project.find())

The code is executed, in a process of its own (`zk0.probes.running`) or in this one (`zk0.probes.judging`, for tests);
what works in there is `zk0.probes.harness`, the only part that imports PyTorch and Flower.
"""

from zk0.probes.judging import judge
from zk0.probes.running import CODE_SECONDS, Probe, probe, write_adapter

__all__ = ["CODE_SECONDS", "Probe", "judge", "probe", "write_adapter"]
