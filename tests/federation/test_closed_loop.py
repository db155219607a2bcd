"""Episodes in closed loop: each simulated task has its rate, and the number of processes changes nothing."""

from types import SimpleNamespace

import numpy as np
import pytest

from zk0.core.process_marks import ON_LINUX
from zk0.core.worker_pool import pool_of
from zk0.federation.client import policy_of
from zk0.federation.closed_loop import run_rollouts
from zk0.federation.configuration import RunConfig
from zk0.federation.engines.side_by_side import PRELOAD
from zk0.federation.exchange import to_record
from zk0.training.parameters import trainable_parameters

PLAIN = {"mean": np.zeros(6), "std": np.ones(6)}
STATISTICS = {"observation.state": PLAIN, "action": PLAIN}
CONFIG = RunConfig(data="sim:touch-far;arm=data/arm", unseen="sim:lift-left", rollouts=6, device="cpu")


def rates(grid, observe=lambda *_: None):
    record = to_record(trainable_parameters(policy_of(CONFIG)))
    return list(run_rollouts(grid, CONFIG, record, STATISTICS, observe))


@pytest.mark.slow
@pytest.mark.skipif(not ON_LINUX, reason="workers exist on Linux alone")
def test_side_by_side_they_are_the_same_and_progress_is_told():
    told: list[tuple[int, int]] = []

    alone = rates(SimpleNamespace())
    with pool_of(2, PRELOAD) as pool:
        together = rates(SimpleNamespace(pool=pool), lambda *now: told.append(now))

    unlike_time = {"resources"}
    assert [one.model_dump(exclude=unlike_time) for one in alone] == [
        one.model_dump(exclude=unlike_time) for one in together
    ]
    assert [(one.dataset, one.episodes) for one in alone] == [("touch-far", 6), ("lift-left", 6)]
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
