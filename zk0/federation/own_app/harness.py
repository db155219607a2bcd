"""Run a Flower app, and write down each message between its server and its clients.

It runs in the project's own interpreter, by its path, so it needs the standard library, NumPy and Flower alone. What an
app prints is its own account of itself; what is written here was sent and received. One JSON object a line:

    {"event": "opened", "flwr": "1.42.0", "python": "3.12.1"}
    {"event": "message", "kind": "train", "round": 1, "node": 0, "sent": {…}, "reply": {…}, "error": null, …}
    {"event": "error", "where": "load", "type": "ImportError", "message": "…", "at": "app/server.py:7"}
    {"event": "executed", "functions": ["app/server.py:main"]}
    {"event": "ended"}

`run` performs the whole app in this process, one client after another. `watched` gives a ServerApp that does the same
on a grid of Flower's own, for `flwr run`.
"""

import copy
import hashlib
import importlib
import json
import math
import os
import platform
import resource
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

SERVER_NODE = 1
CLIENT_ERROR = 2  # Flower's code for "the ClientApp raised an exception"
ROUND_KEYS = ("server-round", "server_round", "current_round", "current-round", "round", "rnd")
EXAMPLES = ("num-examples", "num_examples", "num-samples", "num_samples", "examples")
SAID = 500  # characters of a message that are kept
TOOLS = 6  # that sys.monitoring has room for
FUNCTION = 0x1  # CO_OPTIMIZED of `inspect`: local variables have fixed places, as in a function's code alone
BYTES_OF_KIB = 1 if sys.platform == "darwin" else 1024  # the unit of ru_maxrss

Arrays = dict[str, Any]  # no `type` statement: the project's interpreter may be older than 3.12


class Recorder:
    """Writes down what happens, each event through to the file at once, since the process may be killed."""

    def __init__(self, file: Path, root: Path) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._root = root
        self._lock = threading.Lock()

    def write(self, event: str, **facts: Any) -> None:
        """Append an event."""
        line = json.dumps({"event": event, **facts}, default=str) + "\n"
        with self._lock:
            os.write(self._file, line.encode())

    def write_error(self, where: str, error: BaseException) -> None:
        """Append an exception: the first of its chain, and the last line of the project's own that it came through."""
        while (before := error.__cause__ or (None if error.__suppress_context__ else error.__context__)) is not None:
            error = before
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if self._is_own(frame.filename)]
        place = own[-1] if own else (frames[-1] if frames else None)
        if isinstance(error, SyntaxError) and error.filename:
            at = f"{self._shown(error.filename)}:{error.lineno}"
        else:
            at = f"{self._shown(place.filename)}:{place.lineno}" if place else ""
        self.write(
            "error",
            where=where,
            type=type(error).__name__,
            message=str(error)[:SAID],
            at=at,
            module=getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None,
        )

    def _is_own(self, file: str) -> bool:
        return Path(file).is_relative_to(self._root) and "site-packages" not in file

    def _shown(self, file: str) -> str:
        return Path(file).relative_to(self._root).as_posix() if self._is_own(file) else file


class Executed:
    """Notes which functions of the project's own were executed, each once, at next to no cost (PEP 669)."""

    def __init__(self, root: Path) -> None:
        self.functions: list[str] | None = None  # None where this Python can't tell
        self._root = f"{root}{os.sep}"
        self._monitoring = getattr(sys, "monitoring", None)  # since Python 3.12
        free = (one for one in range(TOOLS) if self._monitoring and self._monitoring.get_tool(one) is None)
        self._tool = next(free, None)
        if self._monitoring and self._tool is not None:
            self.functions = []
            self._monitoring.use_tool_id(self._tool, "zk0")
            self._monitoring.register_callback(self._tool, self._monitoring.events.PY_START, self._note)
            self._monitoring.set_events(self._tool, self._monitoring.events.PY_START)

    def _note(self, code: Any, _offset: int) -> Any:
        # Not the body of a class, which is executed where its module is imported.
        is_function = code.co_flags & FUNCTION
        if self.functions is not None and is_function and code.co_filename.startswith(self._root):
            self.functions.append(f"{code.co_filename[len(self._root) :]}:{code.co_qualname}")
        return self._monitoring.DISABLE if self._monitoring else None

    def end(self) -> None:
        """Note no more: what runs while the interpreter ends finds half of it gone."""
        if self._monitoring and self._tool is not None:
            self._monitoring.set_events(self._tool, 0)
            self._monitoring.free_tool_id(self._tool)


class Watch:
    """Describes messages: who got what in which round, and what came back."""

    def __init__(self, recorder: Recorder, partitions: Mapping[int, int]) -> None:
        self._recorder = recorder
        self._partitions = dict(partitions)
        self._round = 0
        self._sent: Arrays = {}  # the newest arrays that a server sent, to measure how far the next ones are
        self._digest = ""

    def begin_batch(self, messages: list[Any]) -> None:
        """Number the rounds of a server that numbers none: messages to train that are sent together are one."""
        if any(_kind(message) == "train" and _numbered(message) is None for message in messages):
            self._round += 1

    def describe(self, message: Any) -> dict[str, Any]:
        """Return the facts of a message before a client, which may change it, has it."""
        arrays = _arrays(message.content)
        digest = _digest(arrays)
        moved = None
        if digest and digest != self._digest:
            moved = _distance(arrays, self._sent)
            self._sent, self._digest = arrays, digest
        number = _numbered(message)
        node = message.metadata.dst_node_id
        return {
            "kind": _kind(message),
            "round": self._round if number is None else number,
            "node": self._partitions.setdefault(node, len(self._partitions)),
            "sent": {"digest": digest, "moved": moved, "values": _scalars(message.content)},
            "began": time.monotonic(),
            "arrays": arrays,
        }

    def close(self, facts: dict[str, Any], reply: Any) -> None:
        """Write down a message with its reply; None where none came."""
        sent = facts.pop("arrays")
        answer: dict[str, Any] | None = None
        error = None if reply is not None else "no reply came"
        if reply is not None and reply.has_error():
            error = str(reply.error.reason or f"error {reply.error.code}")[:SAID]
        elif reply is not None:
            arrays, values = _arrays(reply.content), _scalars(reply.content)
            examples = next((values[key] for key in EXAMPLES if key in values), None)
            moved = _distance(arrays, sent) if arrays else None
            answer = {"digest": _digest(arrays), "moved": moved, "values": values, "examples": examples}
        seconds = time.monotonic() - facts.pop("began")
        self._recorder.write("message", **facts, reply=answer, error=error, seconds=seconds, peak_memory=_peak_memory())


def _peak_memory() -> int:
    """Return what `zk0.core.memory_use` does, which a project's own interpreter lacks."""
    with suppress(OSError), open("/proc/self/status", encoding="ascii", errors="replace") as status:  # noqa: PTH123
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES_OF_KIB


def _kind(message: Any) -> str:
    return str(message.metadata.message_type).partition(".")[0]


def _numbered(message: Any) -> int | None:
    """Return the round that a message names."""
    values = _scalars(message.content)
    for key in ROUND_KEYS:
        if isinstance(values.get(key), int):
            return int(values[key])
    group = str(message.metadata.group_id)
    return int(group) if group.isdigit() else None


def _arrays(content: Any) -> Arrays:
    """Return all arrays of a message; bytes, where one is of no kind that NumPy reads."""
    found: Arrays = {}
    for number, record in enumerate(content.array_records.values()):
        for name, array in record.items():
            try:
                found[f"{number}/{name}"] = array.numpy()
            except (TypeError, ValueError):  # a tree of XGBoost, for example
                found[f"{number}/{name}"] = bytes(array.data)
    return found


def _scalars(content: Any) -> dict[str, bool | int | float | str]:
    records = (*content.metric_records.values(), *content.config_records.values())
    return {
        str(key): value
        for record in records
        for key, value in record.items()
        if isinstance(value, (bool, int, float)) or (isinstance(value, str) and len(value) <= SAID)
    }


def _digest(arrays: Arrays) -> str:
    """Return a digest of name, type, shape and values; empty where there is no array."""
    if not arrays:
        return ""
    total = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        if isinstance(array, bytes):
            total.update(f"{name} bytes".encode() + array)
        else:
            total.update(f"{name} {array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def _distance(arrays: Arrays, others: Arrays) -> float | None:
    """Return the L2 distance of two sets of arrays; None where they have not the same names and shapes."""
    total = 0.0
    for name, array in arrays.items():
        other = others.get(name)
        if isinstance(array, bytes) or other is None or isinstance(other, bytes) or array.shape != other.shape:
            return None
        if array.dtype.kind not in "fiub":
            return None
        total += float(np.sum(np.square(array.astype(np.float64) - other.astype(np.float64))))
    distance = math.sqrt(total) if total >= 0 else math.nan
    return distance if math.isfinite(distance) else None


def _identity() -> Any:
    """Return Flower's identity of a process, which newer versions read a sender from; a stand-in for older ones."""
    try:
        return importlib.import_module("flwr.supercore.task_identity").TaskIdentity
    except ImportError:
        return SimpleNamespace()


class InProcess:
    """A grid that calls the ClientApp in this process, one client after another."""

    def __init__(self, client_app: Any, nodes: int, config: Mapping[str, Any], recorder: Recorder) -> None:
        flower = importlib.import_module("flwr.common")
        self._message, self._error = flower.Message, flower.Error
        self._app, self._recorder = client_app, recorder
        self._numbers = count(1)
        self._identity = _identity()
        self.partitions = {partition + SERVER_NODE + 1: partition for partition in range(nodes)}
        self._contexts = {
            node: _context(node, config, {"partition-id": partition, "num-partitions": nodes})
            for node, partition in self.partitions.items()
        }

    @property
    def run(self) -> Any:
        """What Flower's older servers ask for."""
        return SimpleNamespace(run_id=1)

    def get_node_ids(self) -> list[int]:
        """Return the nodes' ids, in the order of partitions."""
        return list(self._contexts)

    def get_nodes(self) -> list[Any]:
        """Return the nodes."""
        return [SimpleNamespace(node_id=node) for node in self._contexts]

    def call(self, message: Any) -> Any:
        """Give a client a message and return its reply; an exception of the client's is one, as over a network."""
        node = message.metadata.dst_node_id
        message.metadata.__dict__["_message_id"] = f"inline-{next(self._numbers)}"
        message.content = copy.deepcopy(message.content)  # a client owns what it gets
        self._identity.node_id = node
        try:
            return self._app(message, self._contexts[node])
        except Exception as error:  # noqa: BLE001  whatever a client raises is its reply
            traceback.print_exc()
            self._recorder.write_error(f"client {self.partitions[node]}", error)
            reason = f"{type(error).__name__}: {error}"
            return self._message(self._error(code=CLIENT_ERROR, reason=reason), reply_to=message)
        finally:
            self._identity.node_id = SERVER_NODE

    def send_and_receive(self, messages: Iterable[Any], *, timeout: float | None = None) -> list[Any]:  # noqa: ARG002
        """Call the client of each message; no reply can be late."""
        return [self.call(message) for message in messages]


class Watched:
    """A grid that passes everything on to another, and lets a `Watch` see each message and its reply."""

    def __init__(self, grid: Any, watch: Watch) -> None:
        self._grid, self._watch = grid, watch
        self._waiting: dict[str, dict[str, Any]] = {}
        self._replies: dict[str, Any] = {}  # of a grid that answers at once
        self._numbers = count(1)
        self._one_at_a_time = threading.Lock()  # older servers call from several threads

    def __getattr__(self, name: str) -> Any:
        return getattr(self._grid, name)

    def send_and_receive(self, messages: Iterable[Any], *, timeout: float | None = None) -> list[Any]:
        """Send messages, and return their replies."""
        given = list(messages)
        self._watch.begin_batch(given)
        if isinstance(self._grid, InProcess):
            return [self._answered(message) for message in given]
        facts = [self._watch.describe(message) for message in given]
        nodes = [message.metadata.dst_node_id for message in given]
        replies = list(self._grid.send_and_receive(given, timeout=timeout))
        left = {reply.metadata.src_node_id: reply for reply in replies}
        for node, fact in zip(nodes, facts, strict=True):
            self._watch.close(fact, left.get(node))
        return replies

    def push_messages(self, messages: Iterable[Any]) -> list[str]:
        """Send messages, and return the ids by which to ask for the replies."""
        given = list(messages)
        self._watch.begin_batch(given)
        if isinstance(self._grid, InProcess):
            answered = {f"pushed-{next(self._numbers)}": self._answered(message) for message in given}
            self._replies |= answered
            return list(answered)
        facts = [self._watch.describe(message) for message in given]
        names = list(self._grid.push_messages(given))
        self._waiting |= dict(zip(names, facts, strict=False))
        return names

    def pull_messages(self, message_ids: Iterable[str]) -> list[Any]:
        """Return the replies to these messages that have come."""
        names = list(message_ids)
        if isinstance(self._grid, InProcess):
            return [self._replies.pop(name) for name in names if name in self._replies]
        replies = list(self._grid.pull_messages(names))
        for reply in replies:
            facts = self._waiting.pop(str(reply.metadata.reply_to_message_id), None)
            if facts is not None:
                self._watch.close(facts, reply)
        return replies

    def create_message(
        self, content: Any, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None
    ) -> Any:
        """Make a message, as servers of older versions do."""
        if not isinstance(self._grid, InProcess):
            return self._grid.create_message(content, message_type, dst_node_id, group_id, ttl)
        message = importlib.import_module("flwr.common").Message
        return message(content, dst_node_id=dst_node_id, message_type=message_type, ttl=ttl, group_id=group_id)

    def _answered(self, message: Any) -> Any:
        with self._one_at_a_time:
            facts = self._watch.describe(message)
            reply = self._grid.call(message)
            self._watch.close(facts, reply)
            return reply


def _context(node: int, config: Mapping[str, Any], node_config: Mapping[str, Any]) -> Any:
    flower = importlib.import_module("flwr.common")
    return flower.Context(
        run_id=1, node_id=node, node_config=dict(node_config), state=flower.RecordDict(), run_config=dict(config)
    )


def _load(name: str) -> Any:
    module, _, attribute = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found


@contextmanager
def _recorded(recorder: Recorder, where: str) -> Iterator[None]:
    """Write down what ends the block before its time."""
    try:
        yield
    except SystemExit as error:
        recorder.write("exit", where=where, status=error.code if isinstance(error.code, int) else int(bool(error.code)))
        raise
    except BaseException as error:
        recorder.write_error(where, error)
        raise


def run(plan: Mapping[str, Any]) -> None:
    """Run an app in this process.

    Args:
        plan: `events` (the file to write), `root` (the project's folder), `serverapp`, `clientapp`, `config` and
            `clients`, their number.
    """
    root = Path(plan["root"])
    recorder, executed = Recorder(Path(plan["events"]), root), Executed(root)
    sys.path.insert(0, str(root))
    with _recorded(recorder, "load"):
        flower = importlib.import_module("flwr")
        recorder.write("opened", flwr=flower.__version__, python=platform.python_version())
        server, client = _load(plan["serverapp"]), _load(plan["clientapp"])
        identity = _identity()
        identity.run_id = identity.task_id = 1
        identity.node_id = SERVER_NODE
        grid = InProcess(client, plan["clients"], plan["config"], recorder)
        context = _context(SERVER_NODE, plan["config"], {})
    with _recorded(recorder, "server"):
        try:
            server(Watched(grid, Watch(recorder, grid.partitions)), context)
        finally:
            executed.end()
        recorder.write("executed", functions=executed.functions)
    recorder.write("ended")


def watched(plan: Mapping[str, Any]) -> Any:
    """Return a ServerApp that runs a project's ServerApp, and writes down its messages."""
    recorder = Recorder(Path(plan["events"]), Path(plan["root"]))
    with _recorded(recorder, "load"):
        flower = importlib.import_module("flwr")
        recorder.write("opened", flwr=flower.__version__, python=platform.python_version())
        server = _load(plan["serverapp"])
        app = importlib.import_module("flwr.server").ServerApp()

    @app.main()  # type: ignore[untyped-decorator]
    def main(grid: Any, context: Any) -> None:
        with _recorded(recorder, "server"):
            server(Watched(grid, Watch(recorder, {})), context)
        recorder.write("ended")

    return app


if __name__ == "__main__":
    file = Path(sys.argv.pop(1))
    given = json.loads(file.read_text(encoding="utf-8"))
    file.unlink()  # nothing of the app is to find it
    run(given)
