"""Serve a checkpoint by LeRobot's policy server, drive the simulated arm through it, compare with local inference."""

import json
import socket
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import psutil
from pydantic import Field

from zk0.core.checks import check
from zk0.core.errors import CommandError
from zk0.core.ports import LOOPBACK, free_port
from zk0.core.process import run_program
from zk0.core.project import Project
from zk0.core.receipts import write_atomically
from zk0.core.verdicts import Evidence, Finding, not_available, passed_if
from zk0.serving.client import EXCHANGES, RESULTS, DrivenEpisode, DriveRequest
from zk0.serving.results import (
    LatencySummary,
    TaskResult,
    judge_success,
    named_results,
    result_table,
    shared_period,
)
from zk0.serving.server import is_loopback, require_loopback
from zk0.workflow.actions import Context, Inputs, Outputs, action

EQUAL = 1e-4  # degrees, or percent of the gripper: the same computation in fp32 differs by rounding alone
START_SECONDS = 120.0  # importing LeRobot takes 12 s on an idle machine, a minute on a busy one
SLOWEST = 20.0  # times real time that all episodes together may take
TAIL = 400  # characters of a program's last output in a message


class ReserveInputs(Inputs):
    """Where the server will listen."""

    host: str = Field(LOOPBACK, description="this machine's own address; LeRobot's server can't be exposed")
    port: int = Field(0, ge=0, le=65535, description="0 for a free one")

    def preflight(self, project: Project) -> None:
        """Refuse to listen beyond this machine."""
        require_loopback(self.host)


class ReserveOutputs(Outputs):
    """Where the server will listen, the Python that runs it, and the seed of its noise."""

    host: str
    port: int
    python: str
    seed: int


@action("policy-server.reserve")
def reserve(inputs: ReserveInputs, context: Context) -> ReserveOutputs:
    """Find a free port on this machine for LeRobot's policy server."""
    host = require_loopback(inputs.host)
    return ReserveOutputs(host=host, port=inputs.port or free_port(), python=sys.executable, seed=context.seed)


@check("policy-server.free")
def is_free(outputs: ReserveOutputs) -> Iterator[Finding]:
    """The server will listen on this machine alone, on a port that nothing uses."""
    yield passed_if(is_loopback(outputs.host), f"on {outputs.host}", f"{outputs.host} is not this machine alone")
    with socket.socket(socket.AF_INET6 if ":" in outputs.host else socket.AF_INET) as probe:
        is_used = probe.connect_ex((outputs.host, outputs.port)) == 0
    yield passed_if(
        not is_used,
        f"port {outputs.port} is free",
        f"port {outputs.port} is in use",
        remedy="leave port out for a free one",
    )


class DriveInputs(Inputs):
    """A running policy server, and the episodes to drive through it."""

    checkpoint: Path
    host: str
    port: int
    server: int = Field(description="process of the server")
    tasks: tuple[str, ...] = Field(min_length=1)
    episodes: int = Field(5, ge=1, description="per task")
    rate: int = Field(10, ge=1, description="control steps per second")
    ahead: float = Field(0, ge=0, le=1, description="share of a chunk that is left when the next one is asked for")
    device: str = "cpu"


class DriveOutputs(Outputs):
    """Successes per task with their 95 % intervals, milliseconds over the wire, and where the server listens."""

    tasks: list[TaskResult]
    latency: LatencySummary
    listens: list[str]
    exchanges: Path
    results: list[dict[str, str | float | int | None]]
    table: list[list[str]]


@action("policy-server.drive", changes=("artifacts", "processes"))
def drive(inputs: DriveInputs, context: Context) -> DriveOutputs:
    """Drive the simulated arm by LeRobot's own robot client, through the policy server."""
    from zk0.simulator.tasks import task

    checkpoint = context.project.path(inputs.checkpoint).resolve()
    chunk = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))["n_action_steps"]
    address = f"[{inputs.host}]:{inputs.port}" if ":" in inputs.host else f"{inputs.host}:{inputs.port}"
    request = DriveRequest(
        address=address,
        checkpoint=str(checkpoint),
        tasks=inputs.tasks,
        episodes=inputs.episodes,
        seed=context.seed,
        rate=inputs.rate,
        chunk=chunk,
        threshold=inputs.ahead,
        device=inputs.device,
    )
    file = context.directory / "drive.json"
    write_atomically(file, json.dumps(asdict(request), indent=1) + "\n")
    steps = inputs.episodes * sum(task(name).max_steps for name in inputs.tasks)
    argv = (sys.executable, "-m", "zk0.serving.client", str(file))
    limit = START_SECONDS + SLOWEST * steps / inputs.rate
    ended = run_program(*argv, cwd=context.directory, seconds=limit)
    if ended.status:
        raise CommandError(
            f"LeRobot's client ended with status {ended.status}: {ended.err.strip()[-TAIL:]}",
            remedy="look at the log of the server: zk0 logs latest server",
        )
    return _driven(context.directory, inputs, chunk)


@check("policy-server.driven")
def driven(outputs: DriveOutputs, *, minimum: float = 0.0) -> Iterator[Finding]:
    """Through the server, every action is finite, and the tasks are solved more often than without looking.

    `minimum` is the success rate below which a task fails.
    """
    for one in outputs.tasks:
        yield judge_success(one, minimum)


@check("policy-server.loopback")
def on_loopback(outputs: DriveOutputs) -> Iterator[Finding]:
    """The server listens on this machine's own addresses alone, by the sockets that its process has open."""
    if not outputs.listens:
        yield not_available("no listening socket of the server was found")
    for address in outputs.listens:
        yield passed_if(
            is_loopback(address.rpartition(":")[0]),
            f"listens on {address}",
            f"listens on {address}, where others can reach it, and it executes what it is sent",
            remedy="end it at once, and give host=127.0.0.1",
        )


class CompareServerInputs(Inputs):
    """A checkpoint, what went through the server, and both results in closed loop."""

    checkpoint: Path
    exchanges: Path
    local: list[TaskResult]
    served: list[TaskResult]
    device: str = "cpu"


class CompareServerOutputs(Outputs):
    """The largest difference of an action, in degrees or percent of the gripper, over all compared chunks."""

    compared: int
    actions: int
    largest: float
    local: list[TaskResult]
    served: list[TaskResult]
    table: list[list[str]]


@action("policy-server.compare")
def compare(inputs: CompareServerInputs, context: Context) -> CompareServerOutputs:
    """Compute the chunks of the same observations in this process, and compare them with what the server sent."""
    import numpy as np

    from zk0.serving.checkpoint_policy import CheckpointPolicy
    from zk0.simulator.cameras import CAMERAS
    from zk0.simulator.environment import Observation

    policy = CheckpointPolicy.load(inputs.checkpoint, seed=context.seed, device=inputs.device)
    with np.load(context.project.path(inputs.exchanges)) as content:
        sent = {name: content[name] for name in content.files}
    differences = [
        np.abs(
            policy(
                Observation(
                    sent["state"][index],
                    {name: sent[name][index] for name in CAMERAS},
                    str(sent["sentence"][index]),
                )
            )[: len(chunk)]  # the client asks for what it executes, not for the whole chunk
            - chunk
        ).max()
        for index, chunk in enumerate(sent["chunk"])
    ]
    rows = [[one.task, one.shown, other.shown] for one, other in zip(inputs.local, inputs.served, strict=True)]
    return CompareServerOutputs(
        compared=len(differences),
        actions=sum(map(len, sent["chunk"])),
        largest=float(max(differences, default=float("nan"))),
        local=inputs.local,
        served=inputs.served,
        table=[["task", "success, local", "through the server"], *rows],
    )


@check("policy-server.equal")
def equal(outputs: CompareServerOutputs, *, tolerance: float = EQUAL) -> Finding:
    """The server's actions are those of local inference, from the same checkpoint and observations.

    `tolerance` is in degrees, and in percent of the gripper's travel.
    """
    if not outputs.compared:
        return not_available("no chunk came through the server")
    evidence = [
        Evidence(name="chunks", value=outputs.compared),
        Evidence(name="actions", value=outputs.actions),
        Evidence(name="largest difference", value=outputs.largest, unit="degrees"),
    ]
    return passed_if(
        outputs.largest <= tolerance,
        f"{outputs.actions} actions differ by at most {outputs.largest:.2g} degrees",
        f"an action differs by {outputs.largest:.3g} degrees",
        evidence=evidence,
        cause="the server computes in another precision, or loaded something else",
    )


@check("policy-server.agrees")
def agrees(outputs: CompareServerOutputs) -> Iterator[Finding]:
    """Through the server the policy is as good as without: the two intervals of each task overlap."""
    for local, served in zip(outputs.local, outputs.served, strict=True):
        yield passed_if(
            local.low <= served.high and served.low <= local.high,
            f"local {local.shown}, through the server {served.shown}",
            at=local.task,
            doubtful=True,
            remedy="raise episodes to be sure; a client that asks late executes old actions, see ahead",
        )


def _driven(directory: Path, inputs: DriveInputs, chunk: int) -> DriveOutputs:
    """Return what the client wrote down."""
    from zk0.simulator.rollout import Rollouts

    episodes = [DrivenEpisode(**one) for one in json.loads((directory / RESULTS).read_text(encoding="utf-8"))]
    tasks = []
    for name in inputs.tasks:
        own = [one for one in episodes if one.task == name]
        steps, solved = tuple(one.steps for one in own), sum(one.success for one in own)
        tasks.append(TaskResult.of(Rollouts(name, solved, steps, sum(not one.finite for one in own))))
    seconds = [one for episode in episodes for one in episode.latencies]
    latency = LatencySummary.of(seconds, actions=chunk, period=shared_period(inputs.tasks))
    return DriveOutputs(
        tasks=tasks,
        latency=latency,
        listens=_listens(inputs.server),
        exchanges=directory / EXCHANGES,
        results=named_results("through the server", tasks, latency),
        table=result_table(tasks, latency),
    )


def _listens(pid: int) -> list[str]:
    """Return the addresses on which a process listens, such as `127.0.0.1:8080`."""
    found = psutil.Process(pid).net_connections(kind="inet")
    return sorted(f"{one.laddr.ip}:{one.laddr.port}" for one in found if one.status == psutil.CONN_LISTEN)
