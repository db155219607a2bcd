"""The real SmolVLA at tiny size, over TLS, in processes that stay warm: the same weights as in one process."""

import time
from pathlib import Path

import pytest
import torch

from zk0.federation import engines
from zk0.ledger import read_ledger

pytestmark = pytest.mark.slow


def test_a_warm_deployment_gives_the_weights_of_one_process_to_the_last_bit(run_config, tmp_path, capsys, monkeypatch):
    # Sums depend on the number of threads, which this process may have from other tests.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
    ledgers = {}
    for engine in ("inline", "deployment"):
        output = tmp_path / engine
        began = time.monotonic()
        engines.run(engine, run_config(output=str(output), rounds=3), lambda *_: None)
        ledgers[engine] = read_ledger(output / "ledger.jsonl")
        with capsys.disabled():
            seconds = [round(one.resources.seconds, 1) for one in ledgers[engine].aggregations]
            print(f"{engine}: {time.monotonic() - began:.0f} s, rounds {seconds}")  # noqa: T201

    inline, deployed = ledgers["inline"], ledgers["deployment"]
    assert [one.digest_out for one in deployed.aggregations] == [one.digest_out for one in inline.aggregations]
    assert [one.loss for one in deployed.evaluations] == [one.loss for one in inline.evaluations]
    assert deployed.closed.outcome == "done"
    assert not [path for path in Path(tmp_path / "deployment").rglob("*") if path.name.endswith("key")]
