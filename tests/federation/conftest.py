"""A federation without LeRobot: small arrays, a client that does what a test says, the real strategies and grid."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.app import Context, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.supercore.task_identity import TaskIdentity

from zk0.federation.configuration import RunConfig, resolve
from zk0.federation.engines.grid import InlineGrid
from zk0.federation.exchange import Arrays, to_arrays, to_record
from zk0.federation.messages import ARRAYS, CONFIG, METRICS, REPORT, Assignment, RoundReport, metrics, pack, unpack
from zk0.federation.strategy import Federation, strategy_of
from zk0.ledger import Ledger, LedgerWriter, Training, read_ledger
from zk0.training.parameters import digest_of

START: Arrays = {"a": np.zeros((2, 3), dtype=np.float32), "b": np.ones(4, dtype=np.float32)}

type Act = Callable[[int, int, Arrays], tuple[Arrays, float]]


@dataclass
class SmallFederation:
    """Runs `act(client, round, arrays) -> (arrays, weight)` on each client."""

    directory: Path
    config: RunConfig
    asked: list[tuple[int, int]] = field(default_factory=list)
    received_mu: list[float] = field(default_factory=list)

    def run(self, act: Act, *, lie: Callable[[Training], Training] = lambda training: training) -> Arrays:
        """Run all rounds and return the last aggregate."""
        app = ClientApp()

        @app.train()
        def train(message: Message, context: Context) -> Message:
            partition = int(context.node_config["partition-id"])  # type: ignore[arg-type]
            config = message.content.config_records[CONFIG]
            number = int(config["server-round"])  # type: ignore[arg-type]
            self.asked.append((number, partition))
            self.received_mu.append(float(config.get("proximal-mu", 0.0)))  # type: ignore[arg-type]
            received = to_arrays(message.content.array_records[ARRAYS])
            assert unpack(Assignment, message.content, CONFIG).digest == digest_of(received)
            arrays, weight = act(partition, number, {name: value.copy() for name, value in received.items()})
            training = lie(training_event(partition, number, digest_of(received), digest_of(arrays)))
            content = RecordDict(
                {
                    ARRAYS: to_record(arrays),
                    METRICS: metrics(num_examples=weight, policy_loss=1.0),
                    REPORT: pack(RoundReport(training=training)),
                }
            )
            return Message(content=content, reply_to=message)

        names = [name for name, _ in self.config.clients]
        TaskIdentity.run_id = TaskIdentity.task_id = TaskIdentity.node_id = 1
        grid = InlineGrid(app, len(names))
        nodes = dict(zip(grid.get_node_ids(), names, strict=True))
        federation = Federation(nodes, self.config, LedgerWriter(self.directory / "ledger.jsonl"), statistics={})
        result = strategy_of(federation).start(grid, to_record(START), num_rounds=self.config.rounds)
        return to_arrays(result.arrays)

    @property
    def ledger(self) -> Ledger:
        """What was written."""
        return read_ledger(self.directory / "ledger.jsonl")


def training_event(partition: int, number: int, digest_in: str, digest_out: str) -> Training:
    """Return a client's ledger event of one step."""
    return Training(
        round=number,
        client=f"client-{partition}",
        partition=partition,
        steps=1,
        batch_size=1,
        examples=1,
        settings={"proximal-mu": 0.01},
        policy_loss=[1.0],
        proximal_loss=[0.0],
        total_loss=[1.0],
        gradient_norm=[1.0],
        proximal_ratio=[0.0],
        learning_rate=[1.0],
        drift=[0.0],
        update_norm={},
        digest_in=digest_in,
        digest_out=digest_out,
    )


@pytest.fixture
def federation(tmp_path: Path) -> Callable[..., SmallFederation]:
    def make(clients: int = 3, **changes: Any) -> SmallFederation:
        data = ";".join(f"client-{number}=/data/{number}" for number in range(clients))
        values = {"data": data, "unseen": "", "rounds": 2} | {key.replace("_", "-"): v for key, v in changes.items()}
        return SmallFederation(tmp_path, resolve(values))

    return make
