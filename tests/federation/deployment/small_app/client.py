"""A client that adds one to every number, or does wrong in the rounds that a file says: `nan@1 slow@3`.

The data set's name is the file's path, so that a test changes what a connected client does.
"""

import os
import signal
import time
from pathlib import Path

import numpy as np
import psutil
from flwr.app import Array, ArrayRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

from zk0.federation.deployment.deployment import CONNECTED
from zk0.federation.deployment.programs import MARK, PART, end, running
from zk0.federation.exchange import to_arrays, to_record
from zk0.federation.messages import ARRAYS, CONFIG, METRICS, REPORT, Introduction, RoundReport, metrics, pack
from zk0.ledger import ClientData, Training
from zk0.training.parameters import digest_of

app = ClientApp()

SLOW = 18  # seconds; longer than a round of a test may last
REJOIN = 30  # seconds for a client to be started again and connected


@app.query()
def query(message: Message, context: Context) -> Message:
    name, partition = str(context.node_config["name"]), int(context.node_config["partition-id"])
    faults = faults_in(context)
    data = ClientData(
        client="arm-a" if "twin" in faults else name,
        partition=partition,
        dataset="none",
        digest="d",
        episodes=1,
        training_frames=1,
        held_out_episodes=[],
        fps=10.0,
        robot_type=None,
        tasks=[],
        cameras=[],
        state_range=[],
    )
    frozen = "other" if "backbone" in faults else "frozen"
    content = RecordDict({REPORT: pack(Introduction(data=data, statistics={}, frozen_digest=frozen))})
    return Message(content=content, reply_to=message)


@app.train()
def train(message: Message, context: Context) -> Message:
    number = int(message.content.config_records[CONFIG]["server-round"])
    received = to_arrays(message.content.array_records[ARRAYS])
    arrays = {name: value + 1 for name, value in received.items()}
    fault = faults_in(context).get(str(number), "")
    happen(fault, context)
    arrays = spoil(fault, arrays, received)
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
        digest_in=digest_of(received),
        digest_out=digest_of(arrays),
    )
    content = RecordDict(
        {
            ARRAYS: to_record(arrays) if fault != "dtype" else as_doubles(arrays),
            METRICS: metrics(num_examples=1, policy_loss=1.0),
            REPORT: pack(RoundReport(training=training)),
        }
    )
    return Message(content=content, reply_to=message)


def faults_in(context: Context) -> dict[str, str]:
    """Return the faults by round; one without a round is its own key."""
    path = Path(str(context.node_config["dataset"]))
    words = path.read_text().split() if path.is_file() else []
    return {at or fault: fault for fault, _, at in (word.partition("@") for word in words)}


def happen(fault: str, context: Context) -> None:
    """Do to this client what the fault says; `arm-b:2` waits until arm-b has connected twice."""
    match fault.split(":"):
        case ["slow"]:
            time.sleep(SLOW)
        case ["raise"]:
            raise ValueError("the camera is gone")
        case ["die"]:
            end(os.environ[MARK], os.environ[PART], grace=0)
            os._exit(9)
        case ["orphan"]:
            for entry in running(os.environ[MARK], os.environ[PART]):
                if "zk0.federation.deployment.supernode" in psutil.Process(entry.pid).cmdline():
                    os.kill(entry.pid, signal.SIGKILL)
            time.sleep(SLOW)
        case [other, times]:
            log = Path(str(context.node_config["dataset"])).parents[1] / "logs" / f"{other}.log"
            deadline = time.monotonic() + REJOIN
            while log.read_bytes().count(CONNECTED) < int(times) and time.monotonic() < deadline:
                time.sleep(0.1)


def spoil(fault: str, arrays: dict[str, np.ndarray], received: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays as the fault says."""
    match fault:
        case "nan":
            arrays["a"][0, 0] = np.nan
        case "shape":
            arrays["b"] = arrays["b"][:3]
        case "flip" | "scale":
            factor = np.float32(-1 if fault == "flip" else 1000)
            arrays = {name: received[name] + factor * (value - received[name]) for name, value in arrays.items()}
        case "large":
            arrays["c"] = np.random.default_rng(0).random(100_000, dtype=np.float32)
    return arrays


def as_doubles(arrays: dict[str, np.ndarray]) -> ArrayRecord:
    return ArrayRecord({name: Array(value.astype(np.float64)) for name, value in arrays.items()})
