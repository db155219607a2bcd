"""An agent's critic and the size of its updates."""

import pytest

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict


@pytest.mark.parametrize(
    ("errors", "returns", "fails"),
    [
        ([2.3e10] * 3, [2.4e4] * 3, True),
        ([2.3e10] * 3, [2.4e5] * 3, False),  # of returns that size it is an error that learning begins with
        ([40.0] * 3, [0.02] * 3, False),  # the reward of one step: its return is not in the log
    ],
    ids=["diverged", "large returns", "rewards of a step"],
)
def test_a_critic_errs_less_than_one_that_always_says_0(judge, events, errors, returns, fails):
    [finding] = judge("reinforcement.critic", events.training(policy_loss=[0.1] * 3, reward=returns, value_loss=errors))

    assert (finding.fault == Fault.critic_diverging) is fails


@pytest.mark.parametrize(("last", "verdict"), [(0.48, Verdict.warned), (0.03, Verdict.passed)])
def test_updates_that_change_the_policy_too_much_are_named(diagnose_text, last, verdict):
    head = "rollout/ep_rew_mean,train/approx_kl,train/value_loss\n"
    rows = "".join(f"{value:.2f},{0.01 + (last - 0.01) * n / 49:.4f},0.4\n" for n, value in enumerate(range(50)))

    assert [one.verdict for one in diagnose_text(head + rows).findings if one.check == "reinforcement.updates"] == [
        verdict
    ]
