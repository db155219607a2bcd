"""A client that adds one to every number, or does wrong in the round that its data set's name says: `nan@2`."""

import os
import time

import numpy as np
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

from zk0.federation.deployment.programs import MARK, PART, end
from zk0.federation.exchange import to_arrays, to_record
from zk0.federation.messages import ARRAYS, CONFIG, METRICS, REPORT, RoundReport, metrics, pack
from zk0.ledger import Training
from zk0.training.parameters import digest_of

app = ClientApp()


@app.query()
def query(message: Message, context: Context) -> Message:
    content = RecordDict({"name": ConfigRecord({"name": str(context.node_config["name"])})})
    return Message(content=content, reply_to=message)


@app.train()
def train(message: Message, context: Context) -> Message:
    number = int(message.content.config_records[CONFIG]["server-round"])
    received = to_arrays(message.content.array_records[ARRAYS])
    arrays = {name: value + 1 for name, value in received.items()}
    fault, _, at = str(context.node_config["dataset"]).partition("@")
    if at and number >= int(at):
        arrays = spoil(fault, arrays)
    digest_in, digest_out = digest_of(received), digest_of(arrays)
    names = ("policy_loss", "proximal_loss", "total_loss", "gradient_norm", "proximal_ratio", "learning_rate", "drift")
    training = Training(
        round=number,
        client=str(context.node_config["name"]),
        partition=int(context.node_config["partition-id"]),
        steps=1,
        batch_size=1,
        examples=1,
        settings={"proximal-mu": 0.01},
        **{name: [1.0] for name in names},
        update_norm={},
        digest_in=digest_in,
        digest_out=digest_out,
    )
    content = RecordDict(
        {
            ARRAYS: to_record(arrays) if fault != "dtype" else spoil_record(arrays),
            METRICS: metrics(num_examples=1, policy_loss=1.0),
            REPORT: pack(RoundReport(training=training)),
        }
    )
    return Message(content=content, reply_to=message)


def spoil(fault: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    match fault:
        case "nan":
            arrays["a"][0, 0] = np.nan
        case "shape":
            arrays["b"] = arrays["b"][:3]
        case "slow":
            time.sleep(600)
        case "die":
            end(os.environ[MARK], os.environ[PART], grace=0)
            os._exit(9)
        case "raise":
            raise ValueError("the camera is gone")
    return arrays


def spoil_record(arrays):
    from flwr.app import Array, ArrayRecord

    return ArrayRecord({name: Array(value.astype(np.float64)) for name, value in arrays.items()})
