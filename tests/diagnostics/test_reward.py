"""The return of an agent's episodes: it rises, stays, falls back, or is never there."""

import random

import pytest

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict
from zk0.diagnostics.outcome import RunOutcome


def noisy(levels, noise=1.0):
    generator = random.Random(0)
    return [level + generator.gauss(0, noise) for level in levels]


RISING = [n * 2.0 for n in range(50)]
COLLAPSED = [*(-20 + n for n in range(30)), *(-19.0 for _ in range(20))]


@pytest.mark.parametrize(
    ("returns", "verdict", "fault"),
    [
        (noisy(RISING), Verdict.passed, None),
        (noisy(COLLAPSED), Verdict.warned, Fault.reward_collapsed),
        (noisy([100.0 - n for n in range(50)]), Verdict.warned, Fault.reward_collapsed),
        (noisy([5.0] * 60), Verdict.warned, Fault.reward_still),
        (noisy([5.0] * 20), Verdict.not_available, None),
        ([0.0] * 8, Verdict.warned, Fault.reward_still),
        (noisy(RISING)[:6], Verdict.not_available, None),
    ],
    ids=["rises", "collapses", "falls from the first", "stays", "short", "never rewarded", "too few"],
)
def test_a_return_is_judged_by_where_it_went(judge, events, returns, verdict, fault):
    [finding] = judge("reward.rises", events.training(policy_loss=[1.0] * len(returns), reward=returns))

    assert (finding.verdict, finding.fault) == (verdict, fault)


def test_a_loss_that_grows_with_the_return_is_no_explosion(judge, events):
    growing = [0.3 * 1.1**n for n in range(50)]

    assert judge("loss.explodes", events.training(policy_loss=growing, reward=noisy(RISING)))[0].fault is None
    assert judge("loss.explodes", events.training(policy_loss=growing, reward=noisy([5.0] * 50)[::-1]))[0].fault


def test_a_return_that_rose_at_once_and_swings_is_not_called_still(judge, events):
    returns = noisy(
        [26.0, 90.0, 140.0, *(150.0 for _ in range(17)), *(190.0 for _ in range(20)), *(185.0 for _ in range(20))], 60
    )

    assert judge("reward.rises", events.training(policy_loss=[1.0] * 60, reward=returns))[0].fault is None


def test_a_loss_of_reinforcement_learning_may_spike(judge, events):
    spiking = [40.0 if n % 9 == 4 else 1.0 + n % 3 / 10 for n in range(60)]

    assert judge("loss.spikes", events.training(policy_loss=spiking))[0].verdict is Verdict.failed
    assert judge("loss.spikes", events.training(policy_loss=spiking, reward=noisy([1.0] * 60)))[0].fault is None


def test_one_bad_episode_at_the_end_is_no_collapse(judge, events):
    returns = [*noisy(RISING), 3.0]

    assert judge("reward.rises", events.training(policy_loss=[1.0] * 51, reward=returns))[0].verdict is Verdict.passed


def table(number: int, value: float) -> str:
    rows = (
        *("| rollout/           |          |", f"|    ep_rew_mean     | {value:<8.3g} |"),
        *("| time/              |          |", f"|    iterations      | {number:<8} |"),
        *("| train/             |          |", "|    loss            | 0.12     |"),
    )
    return "\n".join(("-" * 33, *rows, "-" * 33)) + "\n"


def test_stable_baselines_tables_and_rsl_rl_s_pages_are_read(diagnose_text):
    collapsed = noisy(COLLAPSED, 0.3)
    pages = (
        f"Learning iteration {n}/50\n   Value function loss: 0.01\n    Surrogate loss: 0.00{n % 9 + 1}\n"
        f"    Mean reward: {value:.2f}\n    Mean episode length: 200.00\n"
        for n, value in enumerate(collapsed, start=1)
    )

    for text in ("".join(table(n, value) for n, value in enumerate(collapsed)), "".join(pages)):
        assert diagnose_text(text).root.fault == Fault.reward_collapsed


def test_a_return_that_rises_shows_that_it_learns(diagnose_text):
    said = diagnose_text("".join(table(n, value) for n, value in enumerate(noisy(RISING))))

    assert said.problems == ()  # a loss of reinforcement learning need not fall
    assert said.whole.outcome is RunOutcome.unknown
    assert "that it learns" in said.whole.shown


def test_every_episode_the_same_is_no_learning(diagnose_text):
    text = "".join(f"Total rewards in episode {n} is 3.8 total number of steps are {49 * n}\n" for n in range(73, 90))

    assert diagnose_text(text).root.fault == Fault.reward_still


def test_the_end_of_a_log_of_an_agent_that_has_learnt_says_nothing(diagnose_text):
    begins, late = ("".join(table(first + n, value) for n, value in enumerate(noisy([5.0] * 60))) for first in (1, 900))

    assert diagnose_text(begins).root.fault == Fault.reward_still
    assert diagnose_text(late).problems == ()


EVALUATED = {
    "each episode": "".join(f"eval_episode={n}, episodic_return={{x}}{n}\n" for n in range(8)),
    "a name of its own": "".join(f"step {n}0: eval/mean_reward: {{x}}{n}\n" for n in range(8)),
    "stable baselines": "".join(
        f"| eval/              |          |\n|    mean_reward     | {{x}}{n}    |\n{'-' * 33}\n" for n in range(8)
    ),
}


@pytest.mark.parametrize("evaluations", EVALUATED.values(), ids=EVALUATED)
def test_a_return_that_is_lost_in_the_evaluation_is_not_that_of_training(diagnose_text, evaluations):
    trained = "".join(f"global_step={n}00, episodic_return={value:.3f}\n" for n, value in enumerate(noisy(RISING)))

    lost, held = (diagnose_text(trained + evaluations.format(x=level)) for level in ("-1", "9"))

    assert [finding.fault for finding in lost.problems] == [Fault.reward_lost_in_evaluation]
    assert held.problems == ()


@pytest.mark.parametrize(
    ("returns", "fault"),
    [
        (noisy([*(n for n in range(36)), *(0.5 for _ in range(20))], 0.3), Fault.reward_collapsed),
        (noisy([*(n for n in range(36)), *(20.0 for _ in range(20))], 0.3), None),
        (noisy([5.0] * 60), None),
        (noisy([126.0, *([172.0] * 12), *([126.0] * 40)], 4), None),
    ],
    ids=["collapses", "loses a half", "stays, as one policy's episodes do", "rose by a third"],
)
def test_returns_of_evaluations_are_lost_where_they_rose_far_and_are_as_before(diagnose_text, returns, fault):
    """A DQN's, which prints what it was rewarded while it learnt as well."""
    text = "".join(
        f"Step {50_000 * n}\nAvg learning reward last 100 episodes: {0.1 * n:.4f}\n"
        f"Avg Q value: 0.2 Avg testing reward: {value:.4f} Avg duration: 519.4\n"
        for n, value in enumerate(returns, start=1)
    )

    said = {one.check: one.fault for one in diagnose_text(text).findings}

    assert said.get("reward.evaluated") == fault


def test_a_return_that_stays_where_episodes_succeed_has_been_learnt(diagnose_text):
    """An agent of a thousand environments, which knows its way after the first log line."""

    def told(rate: str) -> set[str]:
        rows = "".join(
            f"  iter {100 * n} | actor_loss 0.0{n % 7 + 1} | entropy -1.7\n"
            f"     episodes {n}00 | mean_ep_rew {value:.2f} | reach_goal {rate} |\n"
            for n, value in enumerate(noisy([4200.0] * 80, 90), start=1)
        )
        return diagnose_text(rows).faults

    assert Fault.reward_still in told("0.440")
    assert Fault.reward_still not in told("0.980")
