"""Prove that what a client trained is what leaves it: extraction, transport format, and back."""

from pathlib import Path

from zk0.core.checks import check
from zk0.core.verdicts import Evidence, Finding, passed_if
from zk0.workflow.actions import Context, Inputs, Outputs, action


class ExtractInputs(Inputs):
    """A start policy and the tensors trained from it."""

    policy: Path
    tensors: Path


class ExtractOutputs(Outputs):
    """Digests along the way, and the size of one client's message."""

    names: int
    message_bytes: int
    full_bytes: int
    not_trainable: list[str]
    digest_trained: str
    digest_received: str
    digest_loaded: str
    moved: dict[str, float]
    table: list[list[str]]


@action("exchange.extract")
def extract(inputs: ExtractInputs, context: Context) -> ExtractOutputs:
    """Extract the trained tensors into Flower's message, take them out again and put them into a policy."""
    from flwr.app import ArrayRecord
    from safetensors.torch import load_file

    from zk0.federation.exchange import to_record, to_tensors
    from zk0.training.parameters import digest_of, norms_by_module, trainable_parameters
    from zk0.training.policy import load_policy, set_trainable

    trained = load_file(inputs.tensors)
    policy = load_policy(inputs.policy)
    own = {name: value.detach().clone() for name, value in trainable_parameters(policy).items()}
    # Through the bytes that really travel, not only through the object.
    record = ArrayRecord.inflate(
        (sent := to_record(trained)).deflate(), children={child.object_id: child for child in sent.children.values()}
    )
    received = to_tensors(record)
    set_trainable(policy, received)
    moved = norms_by_module((name, trained[name] - value) for name, value in own.items())
    full = sum(value.numel() * value.element_size() for value in policy.state_dict().values())
    size = record.count_bytes()
    row = [
        str(len(received)),
        f"{size / 1e6:.2f} MB",
        f"{full / 1e6:.2f} MB",
        *(f"{one:.3f}" for one in moved.values()),
    ]
    return ExtractOutputs(
        names=len(received),
        message_bytes=size,
        full_bytes=full,
        not_trainable=sorted(received.keys() - own.keys()),
        digest_trained=digest_of(trained),
        digest_received=digest_of(received),
        digest_loaded=digest_of(trainable_parameters(policy)),
        moved=moved,
        table=[["tensors", "message", "whole policy", *(f"moved: {name}" for name in moved)], row],
    )


@check("exchange.round-trip")
def round_trip(outputs: ExtractOutputs) -> Finding:
    """The trained tensors arrive bit for bit, and the policy holds them afterwards."""
    digests = {
        "trained": outputs.digest_trained,
        "received": outputs.digest_received,
        "in the policy": outputs.digest_loaded,
    }
    return passed_if(
        len(set(digests.values())) == 1,
        f"{outputs.names} tensors, {outputs.digest_trained[:8]} all along",
        "the tensors change on their way",
        evidence=[Evidence(name=f"digest {name}", value=digest) for name, digest in digests.items()],
        cause="extraction or loading alters them",
    )


@check("exchange.trainable-only")
def trainable_only(outputs: ExtractOutputs) -> Finding:
    """Only trainable tensors travel."""
    sizes = {"message": outputs.message_bytes, "whole policy": outputs.full_bytes}
    evidence = [Evidence(name=name, value=size, unit="bytes") for name, size in sizes.items()]
    share, frozen = outputs.message_bytes / outputs.full_bytes, outputs.not_trainable
    good = f"{outputs.names} tensors, {share:.0%} of the policy's bytes"
    return passed_if(
        not frozen, good, f"{len(frozen)} frozen tensors travel, e.g. {', '.join(frozen[:1])}", evidence=evidence
    )
