"""The ClientApp."""

import os

from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from levers import fedprox
from levers.data import measurements

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    """Train on this client's measurements."""
    config = context.run_config
    [weights] = message.content["arrays"].to_numpy_ndarrays()
    settings, torques = measurements(context.node_config["partition-id"])
    before = fedprox.loss(weights, settings, torques)
    match config["fault"]:
        case "client raises" if context.node_config["partition-id"] == 1:
            raise ValueError("the lever is stuck")
        case "dies":
            os._exit(0)
        case "learns nothing":
            trained = weights
        case _:
            trained = fedprox.train(
                weights, settings, torques, config["local-steps"], config["learning-rate"], config["prox.mu"]
            )
    metrics = MetricRecord({"train_loss": before, "num-examples": len(torques)})
    return Message(RecordDict({"arrays": ArrayRecord([trained]), "metrics": metrics}), reply_to=message)


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    """Say how good the common weights are here."""
    [weights] = message.content["arrays"].to_numpy_ndarrays()
    settings, torques = measurements(context.node_config["partition-id"])
    metrics = {"eval_loss": fedprox.loss(weights, settings, torques), "num-examples": len(torques)}
    return Message(RecordDict({"metrics": MetricRecord(metrics)}), reply_to=message)
