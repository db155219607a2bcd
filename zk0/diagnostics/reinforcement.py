"""Is an agent's learning sane: its critic, and the size of its updates? (`reinforcement.…`)

A critic learns from its own estimates, and may run away with them; a policy that follows it learns nothing. An update
that changes the policy by much is made for samples of another policy (Schulman et al. 2017, "Proximal Policy
Optimization Algorithms").
"""

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Finding, failed, not_available, passed, warned
from zk0.diagnostics.not_finite import RECOVERED, LikelyCause
from zk0.diagnostics.series import each_client, ends, joined, point
from zk0.ledger import Ledger, Training

FEWEST = 10  # divergences
WORSE_THAN_ZERO = 10.0  # times the square of the largest return
ABSURD_ERROR = 1e6  # squared; below it, returns that are printed may be means of a step rather than of an episode
LARGE_UPDATE = 0.2  # ten times what implementations stop an update at
DIVERGED = LikelyCause(
    "the critic diverged: its targets are its own estimates, which grew without a bound",
    "go back to a checkpoint before it; clip the value loss and the gradient, normalise returns, lower the critic's "
    "learning rate; look for observations or rewards far outside of their range",
    0.9,
)


@check("reinforcement.critic")
@each_client
def critic(trainings: list[Training], _: Ledger) -> Finding:
    """The critic's error is below that of always predicting 0."""
    errors, returns = joined(trainings, lambda one: one.value_loss), joined(trainings, lambda one: one.reward)
    if lost := [one for one in trainings if "value_loss" in one.not_finite]:
        return _not_finite(lost, trainings)
    if not errors or not returns:
        return not_available("needs a value loss and returns")
    error, largest = ends(errors)[1], max(map(abs, returns))
    evidence = [point("value loss, median of the last tenth", error), point("largest return", largest)]
    if error <= max(ABSURD_ERROR, WORSE_THAN_ZERO * largest**2):
        return passed(f"{error:.3g}, with returns of at most {largest:.3g}", evidence=evidence)
    return failed(
        f"the value loss is {error:.3g}, while no return is larger than {largest:.3g}: predicting 0 errs less",
        evidence=evidence,
        cause=DIVERGED.cause,
        remedy=DIVERGED.remedy,
        fault=Fault.critic_diverging,
        confidence=DIVERGED.confidence,
    )


@check("reinforcement.updates")
@each_client
def updates(trainings: list[Training], _: Ledger) -> Finding:
    """An update changes the policy by little, as its surrogate asks for (Schulman et al. 2017)."""
    values = joined(trainings, lambda one: one.policy_change)
    if len(values) < FEWEST:
        return not_available(f"needs {FEWEST} divergences of the policy before and after an update, has {len(values)}")
    first, last = ends(values)
    evidence = [point("KL divergence, median of the first tenth", first), point("and of the last tenth", last)]
    if last <= LARGE_UPDATE:
        return passed(f"a KL divergence of {last:.3g} at the end", evidence=evidence)
    return warned(
        f"an update changes the policy by a KL divergence of {last:.3g}, at first {first:.3g}; 0.01 to 0.02 are usual",
        evidence=evidence,
        cause="updates too large for what was sampled: learning rate, epochs on one batch, or a wide clip range",
        remedy="lower the learning rate by 3, use fewer epochs a batch, or set a target for the divergence (target_kl)",
        fault=Fault.learning_rate_too_high,
        confidence=0.75,
    )


def _not_finite(lost: list[Training], trainings: list[Training]) -> Finding:
    """Judge a value loss that is NaN or infinite, once or to the end."""
    steps, last = sum(len(one.not_finite["value_loss"]) for one in lost), lost[-1]
    behind = [last.value_loss[max(last.not_finite["value_loss"]) + 1 :]]
    behind += [one.value_loss for one in trainings if one.round > last.round]
    over = any(value is not None for values in behind for value in values)
    cause, remedy, confidence = RECOVERED if over else DIVERGED
    return (warned if over else failed)(
        f"the value loss is not finite in {steps} logged values{', and is finite again afterwards' if over else ''}",
        evidence=[point("the first at step", lost[0].not_finite["value_loss"][0])],
        cause=cause,
        remedy=remedy,
        fault=Fault.loss_not_finite,
        confidence=confidence,
    )
