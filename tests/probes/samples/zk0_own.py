"""zk0's own training and aggregation, called under names the probes know. Each must pass."""

import tempfile
from pathlib import Path
from types import SimpleNamespace

from zk0.federation.exchange import to_arrays, to_record


class Loop:
    """One client's round of `zk0.training.loop`, on the probe's model."""

    def __init__(self, model, mu):
        import torch

        from zk0.training.fedprox import ProximalTerm
        from zk0.training.loop import TrainingComponents, TrainingSettings
        from zk0.training.optimizers import PolicyOptimizer
        from zk0.training.parameters import trainable_parameters

        parameters = trainable_parameters(model)
        settings = TrainingSettings(0.01, 0.01, 0, 0, 10, 10.0, 0.0, mu, 1, 0)
        self.components = TrainingComponents(
            policy=model,
            processors=SimpleNamespace(before=lambda batch: batch),
            parameters=parameters,
            optimizer=PolicyOptimizer([torch.optim.AdamW(model.parameters())]),
            learning_rate=lambda _: 0.01,
            proximal=ProximalTerm(list(parameters.values()), mu),
            settings=settings,
        )
        self.step = 0

    def train_step(self, batch):
        from zk0.training.loop import run_training_step

        self.step += 1
        return run_training_step(self.components, batch, step=self.step, measure=True).total_loss


def _strategy(name):
    from flwr.app import Context, Message, RecordDict
    from flwr.clientapp import ClientApp
    from flwr.supercore.task_identity import TaskIdentity

    from zk0.federation.configuration import resolve
    from zk0.federation.engines.grid import InlineGrid
    from zk0.federation.messages import ARRAYS, METRICS, REPORT, RoundReport, metrics, pack
    from zk0.federation.strategy import Federation, strategy_of
    from zk0.ledger import LedgerWriter, Training
    from zk0.training.parameters import digest_of

    def aggregate(global_arrays, client_dicts, num_examples):
        data = ";".join(f"client-{number}=/data/{number}" for number in range(len(client_dicts)))
        config = resolve({"data": data, "unseen": "", "rounds": 1, "strategy": name, "proximal-mu": 0.1})
        app = ClientApp()

        @app.train()
        def train(message: Message, context: Context) -> Message:
            partition = int(context.node_config["partition-id"])
            arrays = to_arrays(to_record(client_dicts[partition]))
            training = Training(
                round=1, client=f"client-{partition}", partition=partition, steps=0, batch_size=1, examples=1,
                settings={}, policy_loss=[], proximal_loss=[], total_loss=[], gradient_norm=[], proximal_ratio=[],
                learning_rate=[], drift=[], update_norm={}, digest_out=digest_of(arrays),
                digest_in=digest_of(to_arrays(message.content.array_records[ARRAYS])),
            )  # fmt: skip
            content = RecordDict(
                {
                    ARRAYS: to_record(arrays),
                    METRICS: metrics(num_examples=float(num_examples[partition]), policy_loss=1.0),
                    REPORT: pack(RoundReport(training=training)),
                }
            )
            return Message(content=content, reply_to=message)

        TaskIdentity.run_id = TaskIdentity.task_id = TaskIdentity.node_id = 1
        grid = InlineGrid(app, len(client_dicts))
        names = dict(zip(grid.get_node_ids(), [client for client, _ in config.clients], strict=True))
        with tempfile.TemporaryDirectory() as folder:
            writer = LedgerWriter(Path(folder) / "ledger.jsonl")
            federation = Federation(names, config, writer, statistics={})
            result = strategy_of(federation).start(grid, to_record(global_arrays), num_rounds=1)
        return to_arrays(result.arrays)

    return aggregate


fedavg = _strategy("fedavg")
fedprox = _strategy("fedprox")


def get_parameters(model):
    from zk0.training.parameters import trainable_parameters

    return to_record(trainable_parameters(model))


def set_parameters(model, parameters):
    from zk0.federation.exchange import to_tensors
    from zk0.training.policy import set_trainable

    set_trainable(model, to_tensors(parameters))
