"""The real SmolVLA at tiny size, over TLS, in processes that stay warm: the same weights as in one process."""

import time

import pytest
import torch

from zk0.federation import engines
from zk0.ledger import read_ledger

from .conftest import left_of

pytestmark = pytest.mark.slow


def test_a_warm_deployment_gives_the_weights_of_one_process_to_the_last_bit_and_leaves_nothing(
    run_config, temporary, tmp_path, capsys, monkeypatch
):
    # Sums depend on the number of threads, which this process may have from other tests.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
    ledgers, notes = {}, []
    for engine in ("inline", "deployment"):
        output = tmp_path / engine
        began = time.monotonic()
        engines.run(engine, run_config(output=str(output), rounds=3), lambda done, total, note: notes.append(note))
        ledgers[engine] = read_ledger(output / "ledger.jsonl")
        with capsys.disabled():
            seconds = [round(one.resources.seconds, 1) for one in ledgers[engine].aggregations]
            print(f"{engine}: {time.monotonic() - began:.0f} s, rounds {seconds}")  # noqa: T201

    inline, deployed = ledgers["inline"], ledgers["deployment"]
    assert [one.digest_out for one in deployed.aggregations] == [one.digest_out for one in inline.aggregations]
    assert [one.loss for one in deployed.evaluations] == [one.loss for one in inline.evaluations]
    assert deployed.closed.outcome == "done"
    assert notes[-3:] == [f"round {number}: 2 of 2 replies" for number in (1, 2, 3)]
    output = tmp_path / "deployment"
    names = [one.client for one in deployed.aggregations[0].accepted]
    assert {path.name for path in (output / "logs").iterdir()} == {"superlink.log", *(f"{name}.log" for name in names)}
    assert not [path for path in output.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    assert left_of(temporary) == []
    assert list(temporary.iterdir()) == []
