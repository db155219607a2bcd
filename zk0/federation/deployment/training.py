"""Train on a running deployment: submit the app, follow its rounds, and go on where the SuperLink was lost.

A run lives in its ServerApp, which ends with its SuperLink. The rounds it finished are on disk, with a checkpoint
each, so the run goes on from the last of them. A client that ends is started again when its round is over: the
message it had is lost with it, and the round ends without its reply.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zk0.core.errors import DeploymentError, RoundFailedError
from zk0.federation.configuration import Observe, Value
from zk0.federation.deployment.apps import training_app
from zk0.federation.deployment.canary import START_SECONDS
from zk0.federation.deployment.control import Control, FlowerRun, wait_until
from zk0.federation.deployment.deployment import Deployment
from zk0.federation.deployment.programs import SUPERLINK

POLL_SECONDS = 0.5
SILENT_SECONDS = 30.0  # how long a SuperLink that runs may leave questions without an answer
NOT_WHOLE = "Reply message objects are unavailable"  # Flower's, of a reply whose arrays did not all come
PREFIX = "ServerApp failed with exception: "  # Flower's, before the message of an error

type App = Callable[[], dict[str, bytes]]


@dataclass
class Rounds:
    """Reads a ledger while it is written, and reports its rounds."""

    ledger: Path
    total: int
    observe: Observe
    explain: Callable[[str], str] = lambda _: ""  # what a client's log says of its trouble
    aggregated: int = 0
    begun: bool = False
    position: int = 0
    rest: bytes = field(default=b"")

    def read(self) -> bool:
        """Report what was written since the last call, and return whether a round ended; half a line waits."""
        before = self.aggregated
        if not self.ledger.exists():
            return False
        if self.ledger.stat().st_size < self.position:  # a resumed run cut an unfinished round
            self.position, self.rest = 0, b""
        with self.ledger.open("rb") as stream:
            stream.seek(self.position)
            *lines, self.rest = (self.rest + stream.read()).split(b"\n")
            self.position = stream.tell()
        for line in lines:
            self._report(json.loads(line))
        return self.aggregated > before

    def _report(self, event: Mapping[str, Any]) -> None:
        self.begun = True
        if event["event"] == "aggregation":
            self.aggregated = max(self.aggregated, event["round"])
            replies = f"{len(event['accepted'])} of {len(event['sampled'])} replies"
            refused = "".join(f"; {one['client']}: {self._why(one)}" for one in event["rejected"])
            self.observe(event["round"], self.total, f"round {event['round']}: {replies}{refused}")

    def _why(self, refused: Mapping[str, str]) -> str:
        """Return why a reply was refused; why one did not arrive whole, only its sender knows."""
        cause = self.explain(refused["client"]) if NOT_WHOLE in refused["reason"] else ""
        return f"{refused['reason']} ({cause})" if cause else refused["reason"]


def train(
    deployment: Deployment,
    run_config: Mapping[str, Value],
    observe: Observe,
    *,
    app: App = training_app,
) -> None:
    """Run all rounds of a configuration whose `output` is on this machine.

    Raises:
        RoundFailedError: the ServerApp stopped; the message is its own.
        DeploymentError: it never started, or a program ended too often.
    """
    output = Path(str(run_config["output"]))
    deployment.secure()  # a certificate may have expired since
    deployment.output = str(output)
    deployment.save()
    rounds = Rounds(output / "ledger.jsonl", int(run_config.get("rounds", 1)), observe, deployment.trouble_of)
    values = dict(run_config)
    while not _follow(deployment, app, values, rounds):
        values["resume"] = any((output / "checkpoints").glob("round-*"))
        if not values["resume"]:
            rounds.ledger.unlink(missing_ok=True)  # it has no finished round
        observe(rounds.aggregated, rounds.total, "the SuperLink was lost and is back; going on")


def _follow(deployment: Deployment, app: App, values: Mapping[str, Value], rounds: Rounds) -> bool:
    """Follow one run to its end; False where its SuperLink was lost, and has been started again."""
    lost: dict[str, int] = {}  # clients that ended: rounds that were done then
    known: set[int] = set()  # the clients that this run met, by node id
    with deployment.control() as control:
        run = control.submit(app(), values)
        state = control.run(run)
        if not wait_until(lambda: control.run(run).has_started, START_SECONDS):
            control.stop(run)
            raise deployment.broken(SUPERLINK, "accepted the run, and its ServerApp does not start")
        answered = time.monotonic()
        while not state.is_finished:
            time.sleep(POLL_SECONDS)
            if not deployment.is_alive(SUPERLINK):
                deployment.repair(SUPERLINK)
                deployment.wait_for(deployment.clients)
                return False
            try:
                _restart_clients(deployment, rounds, lost)
                state = control.run(run)
                if rounds.read() or (rounds.begun and not known):
                    _report_late(control, known, rounds)
                answered = time.monotonic()
            except DeploymentError:  # a program that is killed refuses connections before it has ended
                if time.monotonic() - answered > SILENT_SECONDS:
                    raise
        rounds.read()
    _require_completed(state)
    return True


def _report_late(control: Control, known: set[int], rounds: Rounds) -> None:
    """Report clients that connected since the first call: a run goes on with those that it met before its rounds."""
    online = {node.number: node.name for node in control.nodes() if node.is_online}
    for number in sorted(online.keys() - known) if known else ():
        rounds.observe(rounds.aggregated, rounds.total, f"client {online[number]} came late; the next run asks it")
    known.update(online)


def _restart_clients(deployment: Deployment, rounds: Rounds, lost: dict[str, int]) -> None:
    """Start again the clients that ended, each after its round."""
    ended = {name for name in deployment.clients if not deployment.is_alive(name)}
    for name in lost.keys() - ended:
        del lost[name]
    for name in sorted(ended - lost.keys()):
        deployment.sign_off(name)  # so that its round ends without it, and it may come back
        lost[name] = rounds.aggregated
    for name in sorted(ended):
        if (lost[name] < rounds.aggregated or not rounds.begun) and deployment.may_start(name):
            rounds.observe(rounds.aggregated, rounds.total, f"client {name} ended and is started again")
            deployment.repair(name)


def _require_completed(state: FlowerRun) -> None:
    if state.outcome == "completed":
        return
    message = state.details.removeprefix(PREFIX) or f"the run {state.outcome}"
    raise RoundFailedError(message, remedy="repair what the message names, then go on with resume=true")
