"""Clients side by side: each message is answered in a worker process, as many at a time as there are cores.

A small policy gets one thread (`zk0.federation.threads`), so the other cores are free for other clients. The tensors
are the same, bit for bit, whatever the number of workers: what a worker keeps between two messages, the policy's frozen
part and decoded frames, decides no result.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from zk0.core.errors import Zk0Error
from zk0.core.worker_pool import WorkerCall, WorkerPool, workers_with_memory
from zk0.federation import client_app
from zk0.federation.configuration import RunConfig, Value
from zk0.federation.engines.grid import InlineGrid, answer, failure
from zk0.federation.threads import needs_one_thread

PRELOAD = ("zk0.federation.client",)  # LeRobot's import takes 5 to 13 s; once for all workers

type BuildApp = Callable[[Mapping[str, Value]], ClientApp]


class SideBySideGrid(InlineGrid):
    """Has messages answered by the workers of a pool; the nodes' contexts stay here, and travel with each message."""

    def __init__(
        self,
        pool: WorkerPool,
        run_config: Mapping[str, Value],
        nodes: int,
        build: BuildApp = client_app.build,
    ) -> None:
        super().__init__(build(run_config), nodes)
        self.pool, self._run_config, self._build = pool, dict(run_config), build

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:  # noqa: ARG002
        """Return the replies in the order of the messages; a worker that dies is a failure of its client."""
        replies: list[Message] = []
        for batch in _without_repetition(messages):
            replies += self._answer(batch)
        return replies

    def _answer(self, messages: list[Message]) -> Iterable[Message]:
        nodes = [message.metadata.dst_node_id for message in messages]
        for message in messages:
            self._number(message)
        tasks = [
            WorkerCall(answer_in_worker, (self._build, self._run_config, message, self._contexts[node]), affinity=node)
            for message, node in zip(messages, nodes, strict=True)
        ]
        for message, node, outcome in zip(messages, nodes, self.pool.run(tasks), strict=True):
            if outcome.error is None:
                reply, self._contexts[node] = outcome.value
                yield reply
            else:
                error = outcome.error
                yield failure(message, error.message if isinstance(error, Zk0Error) else str(error))


def answer_in_worker(
    build: BuildApp, run_config: dict[str, Value], message: Message, context: Context
) -> tuple[Message, Context]:
    """Return a node's reply to a message, and its context afterwards."""
    return answer(_app(build, tuple(run_config.items())), message, context), context


@lru_cache(maxsize=1)
def _app(build: BuildApp, run_config: tuple[tuple[str, Value], ...]) -> ClientApp:
    return build(dict(run_config))


def workers_for(config: RunConfig) -> int:
    """Return how many workers a run gets; 0 if clients train one after the other in this process.

    A GPU is shared by one process's clients in turn, and a large policy uses all cores by itself.
    """
    if not needs_one_thread(config):
        return 0
    return min(workers_with_memory(), config.sample_size(len(config.clients)))


def _without_repetition(messages: Iterable[Message]) -> Iterable[list[Message]]:
    """Yield the messages in batches in which no node occurs twice: its second answer begins with the first's state."""
    batch: list[Message] = []
    for message in messages:
        if any(message.metadata.dst_node_id == other.metadata.dst_node_id for other in batch):
            yield batch
            batch = []
        batch.append(message)
    yield batch
