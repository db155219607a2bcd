"""The faults that diagnostics and probes name: one word for one cause.

A finding's message says what was observed; its `fault` says what is wrong. Diagnostics and probes share these words, so
their findings about the same code agree, and the fault bench can count what was found.
"""

from enum import StrEnum


class Fault(StrEnum):
    """The cause of a problem."""

    # The proximal term.
    proximal_inert = "proximal-inert"  # computed after the optimizer step
    proximal_detached = "proximal-detached"  # no gradient flows from it
    proximal_formula = "proximal-formula"  # not mu/2 times the squared distance
    proximal_reference = "proximal-reference"  # the reference moves with the weights, or is lost after the first step
    proximal_pairing = "proximal-pairing"  # weights are compared with another tensor's reference
    proximal_incomplete = "proximal-incomplete"  # some trained tensors are not in it
    proximal_frozen = "proximal-frozen"  # frozen tensors or buffers are in it
    proximal_repeated = "proximal-repeated"  # added twice, or adding up from step to step
    proximal_too_strong = "proximal-too-strong"
    proximal_too_weak = "proximal-too-weak"
    proximal_diverging = "proximal-diverging"
    # Code.
    code_raises = "code-raises"  # an exception that no other arguments would prevent
    # Settings.
    setting_not_delivered = "setting-not-delivered"  # decided by the server, not used by the client
    # Learning rate and gradients.
    learning_rate_warming = "learning-rate-warming"  # never leaves the warm-up
    learning_rate_restarted = "learning-rate-restarted"
    learning_rate_unplanned = "learning-rate-unplanned"  # not the schedule that was configured
    learning_rate_too_high = "learning-rate-too-high"
    learning_rate_too_low = "learning-rate-too-low"
    learning_rate_zero = "learning-rate-zero"
    learning_rate_exhausted = "learning-rate-exhausted"  # the schedule ended long before the training
    gradient_vanishing = "gradient-vanishing"
    gradient_exploding = "gradient-exploding"
    gradient_clipped = "gradient-clipped"  # at the clip in nearly every step
    loss_not_finite = "loss-not-finite"
    loss_spiking = "loss-spiking"
    loss_unbounded = "loss-unbounded"  # it falls below 0 without an end
    loss_jumped = "loss-jumped"  # to another level, from one step to the next
    loss_still = "loss-still"  # neither falls nor rises, for a reason the log does not show
    # Exchange and aggregation.
    parameters_not_applied = "parameters-not-applied"  # the client trains from other parameters than it got
    parameters_not_trained = "parameters-not-trained"  # the client returns what it got
    exchange_incomplete = "exchange-incomplete"  # tensors are lost, reordered or cast on the way
    exchange_aliased = "exchange-aliased"  # what is sent shares memory with the weights
    frozen_moved = "frozen-moved"
    aggregate_not_returned = "aggregate-not-returned"  # the strategy keeps or returns the old parameters, or None
    aggregate_of_one = "aggregate-of-one"  # the aggregate is a single client's
    aggregate_weights = "aggregate-weights"  # not the mean by the declared weights
    aggregate_not_finite = "aggregate-not-finite"
    aggregate_in_place = "aggregate-in-place"  # the clients' own tensors are changed
    aggregate_outside = "aggregate-outside"  # outside the range of the clients
    aggregate_type = "aggregate-type"  # shapes, dtypes or integer buffers changed
    control_inactive = "control-inactive"  # a check of digests that checks nothing
    digest_mismatch = "digest-mismatch"
    # Clients and data.
    client_dropouts = "client-dropouts"
    client_starved = "client-starved"  # hardly ever sampled
    client_drift = "client-drift"  # better at home, worse together
    data_duplicated = "data-duplicated"  # two clients with the same data
    data_units = "data-units"
    data_rate = "data-rate"  # frames per second differ
    data_uncovered = "data-uncovered"  # tasks that no evaluation covers
    data_spread = "data-spread"  # normalisation is dominated by one client
    data_corrupt = "data-corrupt"
    labels_missing = "labels-missing"  # a part of the loss has nothing to compare with
    latent_unused = "latent-unused"  # an autoencoder's code says nothing of its input
    # Evaluation and the machine.
    worse_than_baseline = "worse-than-baseline"
    evaluation_insensitive = "evaluation-insensitive"
    evaluation_incomparable = "evaluation-incomparable"
    evaluation_not_finite = "evaluation-not-finite"
    evaluation_failed = "evaluation-failed"  # no client's evaluation came back
    evaluation_rising = "evaluation-rising"  # it gets worse from round to round
    overfitting = "overfitting"  # what is learnt holds for the training data only
    evaluation_swinging = "evaluation-swinging"  # up and down, to the end
    at_chance = "at-chance"  # as good as guessing
    reward_still = "reward-still"  # the return of an agent's episodes does not rise
    reward_lost_in_evaluation = "reward-lost-in-evaluation"  # high in training, as untrained when it is evaluated
    critic_diverging = "critic-diverging"  # its error is beyond what returns can be
    reward_collapsed = "reward-collapsed"  # it was high, and is low to the end
    sentinel_value = "sentinel-value"
    memory_leak = "memory-leak"
    memory_fragmented = "memory-fragmented"
    out_of_memory = "out-of-memory"
    killed = "killed"  # ended without a message, or by a signal
    crashed = "crashed"  # the process broke: segmentation fault, abort
    collective_timeout = "collective-timeout"  # one process of a job waited for the others in vain
    waiting = "waiting"  # for clients, nodes or a peer, without an end
    loader_bound = "loader-bound"  # steps wait for their data
    exception = "exception"  # something raised, and nothing went on
    program_missing = "program-missing"
    success_unfounded = "success-unfounded"  # success was claimed, and the records say otherwise
