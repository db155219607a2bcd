"""The canary: one tiny round, from the ServerApp through every client and back, before a deployment counts as up.

A SuperLink answers health checks, lists its clients and accepts runs while its ServerApp can't even start. So the
links are proved by use, in the order in which a round needs them, and the first that is broken is named.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from zk0.core.errors import DeploymentError
from zk0.federation.configuration import Value
from zk0.federation.deployment.apps import canary_app
from zk0.federation.deployment.control import Control, wait_until

START_SECONDS = 60.0  # for a ServerApp to begin: importing Flower takes 3 s, and took over 30 s on a busy machine
ANSWER_SECONDS = 60.0  # for all clients: each polls every 3 s and starts a process
MUST_AGREE = ("zk0", "flwr", "lerobot")  # other versions of these train another policy, or can't talk to each other

REPORT = "canary.jsonl"


class CanaryResult(BaseModel):
    """A round that came back: what was sent, what came out, and the versions at each client."""

    model_config = ConfigDict(frozen=True)

    sent: str
    aggregated: str
    clients: dict[str, dict[str, str]]


def prove(
    control: Control,
    names: Mapping[int, str],
    directory: Path,
    *,
    reason: Callable[[str], str],
    seconds: float = ANSWER_SECONDS,
) -> CanaryResult:
    """Send the canary to all clients (`names` by node id) and return what came back.

    `reason` gives what the log of a part (`superlink` or a client's name) says of its trouble.

    Raises:
        DeploymentError: a link is broken; the message names it, the remedy says what helps.
    """
    report = directory / REPORT
    report.unlink(missing_ok=True)
    config: dict[str, Value] = {"report": str(report), "clients": len(names), "seconds": seconds}
    run = control.submit(canary_app(config), {})
    try:
        started = wait_until(lambda: control.run(run).has_started, START_SECONDS)
        ended = started and wait_until(lambda: control.run(run).is_finished, START_SECONDS + seconds)
        state = control.run(run)
    except BaseException:
        with suppress(DeploymentError):  # the first error is the one to report
            control.stop(run)
        raise
    if not ended:
        control.stop(run)
    events = _read(report)
    if not started:
        trouble = f"does not start: {_or(reason('superlink'), 'the run is accepted and waits')}"
    elif state.outcome != "completed" or not events:
        trouble = f"fails: {_or(state.details, reason('superlink'))}"
    else:
        return judge(events, names, reason=reason)
    raise DeploymentError(f"the ServerApp {trouble}", remedy="zk0 deploy logs superlink")


def judge(events: list[dict[str, Any]], names: Mapping[int, str], *, reason: Callable[[str], str]) -> CanaryResult:
    """Judge the canary's report: the first broken link raises `DeploymentError`."""
    server = next(one for one in events if one["event"] == "started")
    sent = next(one for one in events if one["event"] == "sent")
    replies = {one["node"]: one for one in events if one["event"] == "reply"}
    for node, name in names.items():
        reply = replies.get(node)
        logs = f"zk0 deploy logs {name}"
        if node not in sent["nodes"]:
            raise DeploymentError(f"client {name} is not connected: {_or(reason(name), 'no heartbeat')}", remedy=logs)
        if reply is None:
            raise DeploymentError(
                f"client {name} does not answer: {_or(reason(name), 'no reply in time')}", remedy=logs
            )
        if "error" in reply:
            raise DeploymentError(f"the ClientApp of {name} fails: {_or(reply['error'], reason(name))}", remedy=logs)
        for package in MUST_AGREE:
            if reply.get(package) != server.get(package):
                raise DeploymentError(
                    f"client {name} has {package} {reply.get(package, 'not at all')}, the server {server.get(package)}",
                    remedy=f"at {name}: pip install {package}=={server.get(package)}",
                )
        if reply["received"] != sent["digest"]:
            raise DeploymentError(f"what {name} received is not what was sent", remedy="look for a proxy in between")
        if not reply["arrived"] == reply["sent"] == reply["wanted"]:
            raise DeploymentError(f"the answer of {name} is not what was asked for", remedy=logs)
    mean = next(one for one in events if one["event"] == "aggregated")
    if mean["digest"] != mean["wanted"]:
        raise DeploymentError("the aggregate is not the mean of the answers", remedy="zk0 probe aggregation")
    return CanaryResult(
        sent=sent["digest"],
        aggregated=mean["digest"],
        clients={
            names[node]: {package: reply[package] for package in MUST_AGREE if package in reply}
            for node, reply in replies.items()
            if node in names
        },
    )


def _read(report: Path) -> list[dict[str, Any]]:
    if not report.is_file():
        return []
    return [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]


def _or(first: str, second: str) -> str:
    return first or second or "its log says nothing"
