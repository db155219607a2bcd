"""Train on one client alone, briefly, before a whole federation is started."""

import time
from pathlib import Path
from typing import Any

from pydantic import Field

from zk0.federation.configuration import Client, resolve
from zk0.workflow.actions import Context, Inputs, Outputs, action


class RehearseInputs(Inputs):
    """The run configuration, and how many steps to try."""

    configuration: dict[str, Any]
    steps: int = Field(20, ge=2)


class RehearseOutputs(Outputs):
    """A ledger of one client's steps, the trained tensors, and what the whole run will cost at this speed."""

    ledger: Path
    tensors: Path
    client: str
    steps: int
    digest_before: str
    digest_after: str
    seconds_a_step: float
    expected_seconds: float
    table: list[list[str]]


@action("training.rehearse", changes=("artifacts",))
def rehearse(inputs: RehearseInputs, context: Context) -> RehearseOutputs:
    """Train the first client for a few steps from the start policy, exactly as in a round."""
    from safetensors.torch import save_file

    from zk0.federation.client import introduce, train
    from zk0.federation.client import policy_of as client_policy
    from zk0.federation.engines.side_by_side import workers_for
    from zk0.federation.exchange import to_record, to_tensors
    from zk0.federation.messages import Assignment
    from zk0.ledger import LedgerWriter
    from zk0.training.parameters import digest_of, trainable_parameters

    config = resolve(inputs.configuration)
    name, source = config.clients[0]
    client = Client(0, name, source)
    start = to_record(trainable_parameters(client_policy(config)))
    assignment = Assignment(digest=digest_of(to_tensors(start)), statistics=introduce(client, config).statistics)
    began = time.monotonic()
    record, training = train(
        client, config, start, assignment=assignment, number=1, mu=config.effective_mu, steps=inputs.steps
    )
    context.progress(training.steps, training.steps, f"{name}, {time.monotonic() - began:.0f} s with decoding")
    ledger = LedgerWriter(context.directory / "ledger.jsonl")
    ledger.write(training)
    tensors = context.directory / "trained.safetensors"
    save_file(to_tensors(record), tensors)
    pace = (training.resources.seconds or 0.0) / training.steps
    expected = pace * config.total_steps * len(config.clients) / max(1, workers_for(config))
    ends = training.policy_loss[:: training.steps - 1]
    losses = ["not finite" if loss is None else f"{loss:.3f}" for loss in ends]
    return RehearseOutputs(
        ledger=ledger.path,
        tensors=tensors,
        client=name,
        steps=training.steps,
        digest_before=training.digest_in,
        digest_after=training.digest_out,
        seconds_a_step=pace,
        expected_seconds=expected,
        table=[
            ["client", "steps", "first loss", "last loss", "a step", "expected for all"],
            [name, str(training.steps), *losses, f"{pace * 1000:.0f} ms", f"{expected:.0f} s"],
        ],
    )
