"""Local training: LeRobot's own update to the bit, the proximal term where it acts, faults that are counted."""

import math

import pytest
import torch
from lerobot.optim.schedulers import CosineDecayWithWarmupSchedulerConfig

from zk0.core.errors import TrainingError
from zk0.diagnostics.learning_rate import planned
from zk0.training.frames import Batch, plan_batches
from zk0.training.loop import run_training_loop, run_training_step, setup_training_components
from zk0.training.parameters import digest_of, trainable_parameters
from zk0.training.seeds import seeded

STEPS = 6
PURPOSE = ("client", 1)


@pytest.fixture
def batches(frames):
    plan = plan_batches(len(frames), batch_size=8, steps=STEPS, seed=0, purpose=PURPOSE)
    return list(frames.batches(plan))


def train(policy, processors, settings, batches):
    components = setup_training_components(policy, processors, settings)
    return run_training_loop(components, batches, steps=len(batches), purpose=PURPOSE)


def test_without_a_proximal_term_the_weights_are_those_of_lerobots_own_loop(
    policy, processors, settings, batches, cache
):
    """LeRobot's `update_policy` with its optimizer and schedule, on the same batches and the same noise."""
    from accelerate import Accelerator
    from lerobot.optim.schedulers import CosineDecayWithWarmupSchedulerConfig
    from lerobot.scripts.lerobot_train import update_policy
    from lerobot.utils.logging_utils import AverageMeter, MetricsTracker

    from zk0.training.policy import build_policy
    from zk0.training.presets import TINY

    chosen = settings(proximal_mu=0.0)
    theirs = build_policy(TINY, cameras=("wrist", "overhead"), seed=0, cache=cache)
    preset = theirs.config.get_optimizer_preset()
    preset.lr, preset.weight_decay = chosen.learning_rate, chosen.weight_decay
    optimizer = preset.build(theirs.get_optim_params())
    optimizer.param_groups[0]["fused"] = True  # the same algorithm in one pass, which rounds differently
    schedule = CosineDecayWithWarmupSchedulerConfig(
        num_warmup_steps=chosen.warmup_steps,
        num_decay_steps=chosen.total_steps,
        peak_lr=chosen.learning_rate,
        decay_lr=chosen.final_learning_rate,
    ).build(optimizer, chosen.total_steps)
    meters = {name: AverageMeter(name) for name in ("loss", "grad_norm", "lr", "update_s")}
    tracker = MetricsTracker(8, len(batches), 1, meters, initial_step=0)
    accelerator = Accelerator(cpu=True)
    with seeded(chosen.seed, "training", *PURPOSE):
        for batch in batches:
            update_policy(
                tracker, theirs, processors.before(dict(batch.data)), optimizer, chosen.clip_norm, accelerator, schedule
            )

    train(policy, processors, chosen, batches)

    assert digest_of(trainable_parameters(policy)) == digest_of(trainable_parameters(theirs))


def test_a_proximal_term_holds_the_weights_back(policy, processors, settings, batches, cache):
    from zk0.training.policy import build_policy
    from zk0.training.presets import TINY

    free = train(policy, processors, settings(proximal_mu=0.0), batches)
    held = train(
        build_policy(TINY, cameras=("wrist", "overhead"), seed=0, cache=cache),
        processors,
        settings(proximal_mu=100.0),
        batches,
    )

    assert held.steps[-1].drift < free.steps[-1].drift
    assert held.steps[0].proximal_loss == 0
    assert held.steps[-1].proximal_loss > 0


def test_a_term_computed_after_the_step_is_inert(policy, processors, settings, batches, cache):
    """The trap: the logged loss grows with mu and the weights are those of mu = 0, to the last bit."""
    from zk0.training.policy import build_policy
    from zk0.training.presets import TINY

    late = setup_training_components(policy, processors, settings(proximal_mu=0.0))
    mu, logged = 0.1, []
    policy.train()
    with seeded(0, "training", *PURPOSE):
        for step, batch in enumerate(batches):
            found = run_training_step(late, batch.data, step=step, measure=False)
            proximal = mu / 2 * late.proximal.drift() ** 2  # where the notes put it: after the update
            logged.append(found.policy_loss + proximal)
    plain = build_policy(TINY, cameras=("wrist", "overhead"), seed=0, cache=cache)
    without = train(plain, processors, settings(proximal_mu=0.0), batches)
    acting = build_policy(TINY, cameras=("wrist", "overhead"), seed=0, cache=cache)
    train(acting, processors, settings(proximal_mu=mu), batches)

    assert digest_of(trainable_parameters(policy)) == digest_of(trainable_parameters(plain))
    assert all(with_term > step.policy_loss for with_term, step in zip(logged, without.steps, strict=True))
    assert digest_of(trainable_parameters(acting)) != digest_of(trainable_parameters(plain))


def test_the_learning_rate_goes_on_where_the_round_before_left_it(policy, processors, settings, batches):
    first = train(policy, processors, settings(first_step=0, total_steps=2 * STEPS), batches)
    second = train(policy, processors, settings(first_step=STEPS, total_steps=2 * STEPS), batches)

    rates = [step.learning_rate for step in (*first.steps, *second.steps)]

    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rates[0] < rates[1] < rates[2]  # the warm-up is that of the first round alone
    assert rates[-1] < 2e-4


def test_what_is_not_measured_is_none_and_the_first_and_last_step_always_are(policy, processors, settings, batches):
    result = train(policy, processors, settings(proximal_mu=0.1, measure_every=4), batches)

    assert [step.drift is not None for step in result.steps] == [True, False, False, False, True, True]
    assert result.steps[1].total_loss is None
    assert result.steps[-1].total_loss == pytest.approx(result.steps[-1].policy_loss + result.steps[-1].proximal_loss)


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(policy, processors, settings, batches):
    start = {name: value.detach().clone() for name, value in trainable_parameters(policy).items()}

    def losses(seed):
        with torch.no_grad():
            for name, value in trainable_parameters(policy).items():
                value.copy_(start[name])
        return [step.policy_loss for step in train(policy, processors, settings(seed=seed), batches).steps]

    assert losses(0) == losses(0) != losses(1)


def test_a_loss_that_is_not_finite_changes_nothing_and_is_counted(policy, processors, settings, batches):
    poisoned = [*batches, *batches, *batches]
    poisoned[3] = Batch({**batches[3].data, "action": torch.full_like(batches[3].data["action"], math.nan)})

    result = train(policy, processors, settings(total_steps=len(poisoned)), poisoned)

    assert result.faults.non_finite_losses == 1
    assert result.steps[3].policy_loss is None
    assert result.steps[3].gradient_norm is None
    assert all(value.isfinite().all() for value in trainable_parameters(policy).values())


def test_a_round_with_too_many_losses_that_are_not_finite_is_given_up(policy, processors, settings, batches):
    poisoned = [Batch({**batch.data, "action": batch.data["action"] * math.nan}) for batch in batches]

    with pytest.raises(TrainingError, match=r"1 of 6 steps had a loss or gradient that is not finite"):
        train(policy, processors, settings(), poisoned)


def test_a_round_without_a_decodable_frame_is_given_up(policy, processors, settings):
    with pytest.raises(TrainingError, match="had no frame"):
        train(policy, processors, settings(), [Batch({}, undecodable=8)] * STEPS)


def test_an_empty_batch_among_many_is_counted_and_passed_over(policy, processors, settings, batches):
    gappy = [*batches, Batch({}, undecodable=8), *batches]

    result = train(policy, processors, settings(total_steps=13), gappy)

    assert result.faults.empty_batches == 1
    assert result.faults.undecodable_frames == 8
    assert len(result.steps) == 12


def test_the_update_is_told_by_module(policy, processors, settings, batches):
    result = train(policy, processors, settings(), batches)

    assert set(result.update_norm) == {"vision", "language", "expert", "projections"}
    assert all(norm > 0 for norm in result.update_norm.values())
    assert result.resources.seconds > 0


def test_the_planned_learning_rate_of_the_diagnostics_is_lerobot_s():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    schedule = CosineDecayWithWarmupSchedulerConfig(
        num_warmup_steps=5, num_decay_steps=60, peak_lr=1e-3, decay_lr=1e-4
    ).build(optimizer, 60)

    for step in (0, 1, 4, 5, 30, 59):
        assert planned(step, 1e-3, 1e-4, 5, 60) == pytest.approx(1e-3 * schedule.lr_lambdas[0](step))
