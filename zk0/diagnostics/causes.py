"""Which fault explains which: the one table of causes and their symptoms.

A run with one fault shows many findings. A learning rate that is too high makes the gradient explode, the loss rise
and the evaluation worse than the untrained policy; a person wants to know the first. `EXPLAINS` says so, each line
with its reason; what is explained is kept and shown as a consequence, never dropped. A chain holds only where each of
its links was found: the table is not read transitively, and has no circle (a test). What explains everything is not in
it: a table that goes too far hides a second fault.
"""

from collections.abc import Mapping

from zk0.core.faults import Fault

SURE_ENOUGH = 0.5  # confidence below which a finding explains nothing: a guess must not hide a certainty

# The tiers of the causal order, from what can be a cause only to what is always an effect. Where two findings are
# equally severe and equally sure, the one that comes earlier in the chain from data to robot is reported first.
TIERS: tuple[frozenset[Fault], ...] = (
    frozenset({
        Fault.program_missing, Fault.code_raises, Fault.exception, Fault.data_corrupt, Fault.data_units,
        Fault.data_rate, Fault.data_duplicated, Fault.labels_missing, Fault.setting_not_delivered,
    }),
    frozenset({
        Fault.proximal_inert, Fault.proximal_detached, Fault.proximal_formula, Fault.proximal_reference,
        Fault.proximal_pairing, Fault.proximal_frozen, Fault.proximal_repeated, Fault.proximal_incomplete,
        Fault.parameters_not_applied, Fault.parameters_not_trained, Fault.exchange_incomplete, Fault.exchange_aliased,
        Fault.frozen_moved, Fault.aggregate_not_returned, Fault.aggregate_of_one, Fault.aggregate_weights,
        Fault.aggregate_not_finite, Fault.aggregate_outside, Fault.aggregate_type, Fault.aggregate_in_place,
        Fault.memory_leak, Fault.learning_rate_zero,
    }),
    frozenset({
        Fault.learning_rate_exhausted,
        Fault.learning_rate_warming, Fault.learning_rate_restarted, Fault.learning_rate_unplanned,
        Fault.learning_rate_too_high, Fault.learning_rate_too_low, Fault.proximal_too_strong, Fault.proximal_too_weak,
        Fault.proximal_diverging, Fault.client_dropouts, Fault.client_starved, Fault.data_spread,
        Fault.memory_fragmented, Fault.control_inactive, Fault.loader_bound, Fault.waiting,
    }),
    frozenset({
        Fault.gradient_vanishing, Fault.gradient_exploding, Fault.gradient_clipped, Fault.client_drift,
        Fault.digest_mismatch, Fault.evaluation_incomparable, Fault.critic_diverging,
    }),
    frozenset({
        Fault.loss_not_finite, Fault.loss_jumped, Fault.loss_spiking, Fault.loss_still,
        Fault.evaluation_insensitive, Fault.sentinel_value, Fault.latent_unused, Fault.loss_unbounded,
        Fault.data_uncovered, Fault.out_of_memory, Fault.collective_timeout, Fault.crashed, Fault.killed,
    }),
    frozenset({
        Fault.evaluation_not_finite, Fault.evaluation_failed, Fault.evaluation_rising, Fault.at_chance,
        Fault.evaluation_swinging, Fault.reward_still, Fault.reward_collapsed,
        Fault.reward_lost_in_evaluation,
        Fault.overfitting, Fault.worse_than_baseline, Fault.success_unfounded,
    }),
)  # fmt: skip

_UNSTABLE_TRAINING = (
    Fault.gradient_exploding,
    Fault.gradient_clipped,
    Fault.loss_spiking,
    Fault.learning_rate_too_high,
    Fault.client_drift,
    Fault.evaluation_rising,
    Fault.evaluation_swinging,
    Fault.reward_collapsed,
    Fault.worse_than_baseline,
)
_POOR_TRAINING = (*_UNSTABLE_TRAINING, Fault.loss_not_finite, Fault.client_dropouts)
_NOTHING_LEARNT = (
    Fault.learning_rate_too_low,
    Fault.loss_still,
    Fault.at_chance,
    Fault.reward_still,
    Fault.evaluation_insensitive,
    Fault.worse_than_baseline,
    Fault.success_unfounded,
)
_LEARNING_RATE = tuple(fault for fault in Fault if fault.startswith("learning-rate-"))
_TOO_STRONG = (Fault.proximal_too_strong, Fault.proximal_diverging)
_STRENGTH = (*_TOO_STRONG, Fault.proximal_too_weak)
_BAD_AGGREGATE = (*_UNSTABLE_TRAINING, Fault.success_unfounded)
_SPOILT_AGGREGATE = (Fault.aggregate_outside, Fault.aggregate_weights, *_BAD_AGGREGATE)

_AFTER_AN_END = (
    Fault.client_dropouts,
    Fault.evaluation_failed,
    Fault.collective_timeout,
    Fault.crashed,
    Fault.killed,
    Fault.waiting,
    Fault.success_unfounded,
)

EXPLAINS: Mapping[Fault, Mapping[Fault, str]] = {
    # What ended a process.
    Fault.exception: dict.fromkeys(
        _AFTER_AN_END, "an exception ends its process, and those that need it go on without"
    ),
    Fault.crashed: {
        Fault.client_dropouts: "a client that crashed does not answer",
        Fault.collective_timeout: "the others wait for the process that crashed",
        Fault.killed: "a process that crashed is gone",
    },
    Fault.killed: {
        Fault.client_dropouts: "a client that was killed does not answer",
        Fault.collective_timeout: "the others wait for the process that was killed",
    },
    # Data.
    Fault.data_units: {
        Fault.data_spread: "joints in other units spread the normalisation by themselves",
        **dict.fromkeys(_POOR_TRAINING, "targets in two units contradict each other"),
    },
    Fault.data_corrupt: {
        Fault.client_dropouts: "a client whose frames can't be read gives up its round",
        Fault.loss_not_finite: "broken values in the data make the loss not finite",
    },
    Fault.labels_missing: dict.fromkeys(_NOTHING_LEARNT, "what has no labels is not learnt"),
    Fault.data_spread: dict.fromkeys(_NOTHING_LEARNT, "the others' targets are squeezed into a small range"),
    Fault.data_duplicated: {
        Fault.data_spread: "one data set counts twice in the normalisation",
    },
    # Settings.
    Fault.setting_not_delivered: {
        **dict.fromkeys(_LEARNING_RATE, "the client trains at a rate that was not decided"),
        **dict.fromkeys((*_STRENGTH, Fault.proximal_formula), "the client's mu is not the one that was decided"),
        **dict.fromkeys((*_POOR_TRAINING, Fault.evaluation_insensitive), "what was tuned is not what was trained with"),
    },
    # The learning rate.
    Fault.learning_rate_warming: dict.fromkeys(
        (*_NOTHING_LEARNT, Fault.learning_rate_unplanned), "a rate that never leaves the warm-up moves nothing"
    ),
    Fault.learning_rate_restarted: dict.fromkeys(
        (*_NOTHING_LEARNT, Fault.learning_rate_warming, Fault.learning_rate_unplanned, Fault.loss_spiking),
        "a schedule that begins again is not the one that was configured, and jumps",
    ),
    Fault.learning_rate_unplanned: dict.fromkeys(
        (*_POOR_TRAINING, *_NOTHING_LEARNT), "the rate in use is not the one that was configured"
    ),
    Fault.learning_rate_zero: dict.fromkeys(
        (*_NOTHING_LEARNT, Fault.learning_rate_warming, Fault.learning_rate_unplanned, Fault.parameters_not_trained),
        "without a learning rate nothing is learnt",
    ),
    Fault.learning_rate_exhausted: dict.fromkeys(
        (Fault.loss_still, Fault.learning_rate_too_low, Fault.learning_rate_unplanned),
        "at the schedule's floor little is learnt",
    ),
    Fault.learning_rate_too_low: {
        Fault.loss_still: "steps that small leave the loss where it is",
        Fault.evaluation_insensitive: "weights that hardly move leave the evaluation where it was",
        Fault.worse_than_baseline: "weights that hardly move can't beat the untrained policy",
    },
    Fault.learning_rate_too_high: {
        Fault.gradient_exploding: "steps that overshoot meet ever steeper slopes",
        Fault.gradient_clipped: "steps that overshoot meet ever steeper slopes",
        Fault.loss_not_finite: "weights that ran away overflow",
        Fault.loss_spiking: "a step that overshoots shows as a spike",
        Fault.client_drift: "each client runs away in its own direction",
        Fault.client_dropouts: "a client whose loss is not finite gives up its round",
        Fault.worse_than_baseline: "weights that ran away are worse than untrained ones",
        Fault.evaluation_rising: "weights that ran away answer ever worse",
    },
    # The proximal term.
    Fault.proximal_inert: {
        Fault.proximal_too_weak: "a term without a gradient restrains nothing",
        Fault.proximal_too_strong: "the logged value grows with the drift; it never acts",
        Fault.proximal_diverging: "the logged value grows with the drift; it never acts",
        Fault.proximal_detached: "computed after the step, it has no gradient either",
        Fault.proximal_reference: "computed after the step, it can't begin at 0",
        Fault.proximal_formula: "computed after the step, it is that of the next step's drift",
        Fault.client_drift: "without the term clients drift as they do in FedAvg",
    },
    Fault.proximal_detached: {
        Fault.proximal_too_weak: "a term without a gradient restrains nothing",
        Fault.client_drift: "without the term clients drift as they do in FedAvg",
    },
    Fault.proximal_reference: dict.fromkeys(
        (
            *_NOTHING_LEARNT,
            Fault.proximal_too_weak,
            Fault.proximal_formula,
            Fault.proximal_too_strong,
            Fault.client_drift,
        ),
        "a distance to the wrong point pulls nowhere",
    ),
    Fault.proximal_formula: dict.fromkeys(
        (*_STRENGTH, Fault.gradient_clipped, Fault.learning_rate_too_low),
        "a term of another size acts with another strength",
    ),
    Fault.proximal_pairing: dict.fromkeys(
        (*_POOR_TRAINING, Fault.proximal_too_strong, Fault.proximal_formula),
        "weights are pulled towards another tensor's values",
    ),
    Fault.proximal_frozen: {Fault.proximal_formula: "frozen tensors are counted in its value"},
    Fault.proximal_repeated: dict.fromkeys(
        (*_POOR_TRAINING, *_NOTHING_LEARNT, *_TOO_STRONG, Fault.proximal_formula),
        "a term that adds up holds the weights where they are, or tears them away",
    ),
    Fault.proximal_too_strong: dict.fromkeys(
        (*_NOTHING_LEARNT, Fault.gradient_clipped),
        "weights that are held at the round's start learn nothing",
    ),
    Fault.proximal_diverging: dict.fromkeys(
        (*_POOR_TRAINING, *_NOTHING_LEARNT, Fault.proximal_too_strong), "the term's own steps overshoot and grow"
    ),
    Fault.proximal_too_weak: {Fault.client_drift: "clients that are not held drift apart"},
    # Exchange.
    Fault.parameters_not_applied: dict.fromkeys(
        (*_NOTHING_LEARNT, *_SPOILT_AGGREGATE), "a client that goes on from its own weights averages with strangers"
    ),
    Fault.parameters_not_trained: dict.fromkeys(
        (*_NOTHING_LEARNT, Fault.aggregate_not_returned, Fault.client_dropouts),
        "what comes back is what was sent, so nothing is learnt",
    ),
    Fault.exchange_incomplete: dict.fromkeys(
        (*_NOTHING_LEARNT, *_SPOILT_AGGREGATE, Fault.client_dropouts, Fault.digest_mismatch, Fault.aggregate_type),
        "tensors that don't arrive as they were sent are refused, or spoil the average",
    ),
    Fault.frozen_moved: dict.fromkeys(
        (Fault.worse_than_baseline, Fault.client_drift), "what was to stay common differs between clients"
    ),
    Fault.digest_mismatch: {Fault.client_dropouts: "a reply with another digest is refused"},
    # Aggregation.
    Fault.aggregate_not_returned: dict.fromkeys(
        (*_NOTHING_LEARNT, Fault.client_drift, Fault.aggregate_outside, Fault.aggregate_weights),
        "the old parameters are not an average of the new, and every round starts where the one before did",
    ),
    Fault.aggregate_of_one: dict.fromkeys(_SPOILT_AGGREGATE, "one client's weights know one client's data"),
    Fault.aggregate_weights: dict.fromkeys(_BAD_AGGREGATE, "the average is not the one that was declared"),
    Fault.aggregate_not_finite: dict.fromkeys(
        (*_SPOILT_AGGREGATE, *_NOTHING_LEARNT, Fault.loss_not_finite, Fault.client_dropouts),
        "nobody can train from weights that are not finite",
    ),
    Fault.aggregate_outside: dict.fromkeys(
        (Fault.aggregate_weights, *_BAD_AGGREGATE, *_NOTHING_LEARNT),
        "an aggregate that no client is near to is nobody's policy",
    ),
    Fault.aggregate_type: dict.fromkeys(_SPOILT_AGGREGATE, "rounded weights lose what a round has learnt"),
    # Clients.
    Fault.client_starved: dict.fromkeys(
        (Fault.worse_than_baseline, Fault.client_drift), "whose data is hardly ever trained on is not learnt"
    ),
    Fault.client_dropouts: dict.fromkeys(
        (Fault.client_starved, Fault.worse_than_baseline), "whose replies are missing is not in the average"
    ),
    Fault.client_drift: {
        Fault.worse_than_baseline: "policies that fit home only average to none that fits anybody",
        Fault.loss_spiking: "each round begins above where the one before ended",
    },
    # Gradients and loss.
    Fault.gradient_exploding: dict.fromkeys(
        (Fault.gradient_clipped, Fault.loss_not_finite, Fault.loss_spiking, Fault.worse_than_baseline),
        "gradients of that size throw the weights away",
    ),
    Fault.gradient_vanishing: dict.fromkeys(
        (*_NOTHING_LEARNT, Fault.proximal_too_strong), "without a gradient of the loss only the term is left"
    ),
    Fault.loss_jumped: dict.fromkeys(
        (Fault.loss_spiking, Fault.learning_rate_too_high, Fault.gradient_exploding, Fault.worse_than_baseline),
        "what rose all at once did not grow",
    ),
    Fault.loss_not_finite: {
        Fault.evaluation_not_finite: "weights that are not finite give no finite evaluation",
        Fault.exception: "the program stops itself at a loss that is not finite",
        Fault.client_dropouts: "a client whose loss is not finite gives up its round",
        Fault.worse_than_baseline: "steps without a finite loss teach nothing",
        Fault.sentinel_value: "programs that filter NaN out print a loss of 0 instead",
    },
    Fault.critic_diverging: dict.fromkeys(
        (Fault.reward_collapsed, Fault.reward_still, Fault.loss_spiking, Fault.reward_lost_in_evaluation),
        "a policy that follows a critic beyond all measure learns nothing from it",
    ),
    # Evaluation and the machine.
    Fault.evaluation_incomparable: dict.fromkeys(
        (Fault.worse_than_baseline, Fault.evaluation_insensitive), "the numbers are not of the same question"
    ),
    Fault.sentinel_value: dict.fromkeys(
        (*_NOTHING_LEARNT, Fault.gradient_vanishing), "a number that was never measured can't move"
    ),
    Fault.evaluation_insensitive: {
        Fault.at_chance: "a model that never changes stays at guessing",
        Fault.worse_than_baseline: "a number that never changes is not better",
    },
    Fault.at_chance: dict.fromkeys(
        (Fault.worse_than_baseline, Fault.loss_still, Fault.evaluation_rising), "guessing is no better than no training"
    ),
    Fault.evaluation_rising: {Fault.worse_than_baseline: "it rises from round to round"},
    Fault.overfitting: dict.fromkeys(
        (Fault.evaluation_rising, Fault.worse_than_baseline), "what is learnt by heart is wrong for other data"
    ),
    Fault.worse_than_baseline: {Fault.success_unfounded: "success was claimed all the same"},
    Fault.memory_leak: dict.fromkeys((Fault.out_of_memory, Fault.killed), "what grows at every step ends the memory"),
    Fault.memory_fragmented: {Fault.out_of_memory: "reserved memory that can't be used is missing elsewhere"},
    Fault.out_of_memory: dict.fromkeys(
        (Fault.exception, Fault.evaluation_insensitive, *_AFTER_AN_END), "a process without memory ends"
    ),
    Fault.program_missing: {Fault.success_unfounded: "a program that is not there was called started"},
}


def causal_rank(fault: str | None) -> int:
    """Return the place of a fault in the causal order, from 0; an unknown fault comes last."""
    return next((number for number, faults in enumerate(TIERS) if fault in faults), len(TIERS))


def explained_by(fault: str | None) -> Mapping[Fault, str]:
    """Return what a fault explains, each with the reason."""
    return EXPLAINS.get(Fault(fault), {}) if fault in set(Fault) else {}
