"""The kinds of incident a log can tell of: what happened, in one sentence each.

A kind names what was seen and not its cause; causes are the diagnostics' business.
"""

from enum import StrEnum


class IncidentKind(StrEnum):
    """What was seen."""

    decode_error = "decode-error"  # a frame of a video could not be read
    loader_restarted = "loader-restarted"  # the data loader ended too early and began again
    batch_skipped = "batch-skipped"
    step_skipped = "step-skipped"  # a training step failed, or had no batch, and was passed over
    timestamps = "timestamps"  # frames violate the tolerance
    unsupported_backend = "unsupported-backend"  # of video decoding
    out_of_memory = "out-of-memory"
    not_finite = "not-finite"
    traceback = "traceback"  # an exception nobody caught
    nothing_returned = "nothing-returned"  # None was unpacked where a strategy had to return two values
    hash_mismatch = "hash-mismatch"
    hash_missing = "hash-missing"  # a client gave no digest and was averaged all the same
    client_failed = "client-failed"
    no_clients = "no-clients"  # none was selected, or none answered
    actor_died = "actor-died"  # a worker process of Ray, or Ray itself
    storage_invalid = "storage-invalid"  # torch could not read a tensor's memory
    mixed_clients = "mixed-clients"  # one client's lines stand in the log of another
    program_missing = "program-missing"
    success_claimed = "success-claimed"  # a line that says something went well
    token_missing = "token-missing"  # noqa: S105  a kind of incident
    sentinel = "sentinel"  # a number that stands for one that was not measured
    secret_shown = "secret-shown"  # noqa: S105  its value is cut out
