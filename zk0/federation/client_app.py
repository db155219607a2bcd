"""Flower's ClientApp: translate messages for `zk0.federation.client` and back."""

from collections.abc import Mapping

from flwr.app import ArrayRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

from zk0.core.errors import ConfigurationError
from zk0.federation.compression import FULL, compress
from zk0.federation.configuration import Client, RunConfig, resolve
from zk0.federation.exchange import to_arrays, to_record
from zk0.federation.messages import ARRAYS, CONFIG, METRICS, REPORT, Assignment, RoundReport, metrics, pack, unpack
from zk0.ledger import Training
from zk0.training.parameters import digest_of

LOST = "lost-by-rounding"


def build(run_config: Mapping[str, object] | None = None) -> ClientApp:
    """Return the app; `run_config` is for engines that do not pass one."""
    client_app = ClientApp()

    @client_app.query()
    def query(message: Message, context: Context) -> Message:
        from zk0.federation.client import introduce  # LeRobot: 13 s, in the process that trains only

        config = resolve({**context.run_config, **(run_config or {})})
        introduction = introduce(_client_at(context, config), config)
        return Message(content=RecordDict({REPORT: pack(introduction)}), reply_to=message)

    @client_app.train()
    def train(message: Message, context: Context) -> Message:
        from zk0.federation.client import train as train_round

        config = resolve({**context.run_config, **(run_config or {})})
        config_record = message.content.config_records[CONFIG]
        sent = message.content.array_records[ARRAYS]
        record, training = train_round(
            _client_at(context, config),
            config,
            sent,
            assignment=unpack(Assignment, message.content, CONFIG),
            number=int(config_record["server-round"]),  # type: ignore[arg-type]  # Flower's own, an int
            mu=float(config_record.get("proximal-mu", 0.0)),  # type: ignore[arg-type]  # FedAvg sends none
        )
        if config.update_bits != FULL:
            record, training = _compressed(record, training, sent, context, config.update_bits)
        content = RecordDict(
            {
                ARRAYS: record,
                METRICS: metrics(num_examples=training.examples, policy_loss=training.mean_policy_loss),
                REPORT: pack(RoundReport(training=training)),
            }
        )
        return Message(content=content, reply_to=message)

    return client_app


def _compressed(
    record: ArrayRecord, training: Training, sent: ArrayRecord, context: Context, bits: int
) -> tuple[ArrayRecord, Training]:
    """Return a round's tensors compressed, and its event with the digest of what the server will have of them.

    What rounding lost is kept in the context, which Flower gives to this node's next message.
    """
    before = to_arrays(context.state.array_records[LOST]) if LOST in context.state.array_records else {}
    update = compress(to_arrays(record), to_arrays(sent), before, bits)
    context.state.array_records[LOST] = to_record(update.lost)
    return update.record, training.model_copy(update={"digest_out": digest_of(update.received)})


def _client_at(context: Context, config: RunConfig) -> Client:
    """Return the client at a node: by the node's own configuration first, by the run's list second.

    Raises:
        ConfigurationError: there are more nodes than data sets; two clients must never share one by accident.
    """
    partition = int(context.node_config.get("partition-id", 0))
    if "dataset" in context.node_config:
        source = str(context.node_config["dataset"])
        return Client(partition, str(context.node_config.get("name", source)), source)
    if partition >= len(config.clients):
        raise ConfigurationError(
            f"node {partition} has no data set: `data` names {len(config.clients)}",
            remedy=f"run {len(config.clients)} nodes, or name more data sets in `data`",
        )
    return config.partitions[partition]


app = build()
