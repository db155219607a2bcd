"""Run a project's own Flower app, and judge what was observed between its server and its clients."""

import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from pydantic import BaseModel, Field

from zk0.core.app_subject import complaint
from zk0.core.checks import check
from zk0.core.errors import AssetMissingError, DependencyMissingError, InputError, TimeLimitError
from zk0.core.interpreters import interpreter_of
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, failed, not_applicable, passed, passed_if, warned
from zk0.federation.own_app.declaration import MU, ROUNDS, OwnApp, Value, own_app, settings_for
from zk0.federation.own_app.launching import Engine, Launch, copy_project, launch, written_in
from zk0.federation.own_app.observations import Observed, write_ledger
from zk0.ledger import Ledger, read_ledger, short
from zk0.workflow.actions import Context, Inputs, Outputs, action
from zk0.workflow.programs import Command, Programs
from zk0.workflow.timeouts import TimeLimit

LAST_LINE = 300  # characters
COLOUR = re.compile(r"\x1b\[[\d;]*m")


class FindInputs(Inputs):
    """Nothing: pyproject.toml says it."""


class FindOutputs(Outputs):
    """Whose app a workflow is about: `own` where the project declares another one than zk0's.

    `trains` says whether the project declares any app at all; only then can a training be evidence about its code.
    """

    own: bool
    trains: bool
    name: str
    rounds_key: str | None = Field(description="the key of its configuration for the number of rounds")
    mu_key: str | None = Field(description="the key of its configuration for FedProx's mu")


@action("app.find")
def find(inputs: FindInputs, context: Context) -> FindOutputs:
    """Read from pyproject.toml which Flower app the project has."""
    app = own_app(context.project)
    if app is None:
        trains = complaint(context.project) is None
        return FindOutputs(own=False, trains=trains, name="zk0's" if trains else "", rounds_key=None, mu_key=None)
    return FindOutputs(own=True, trains=True, name=_name(app), rounds_key=app.key_of(ROUNDS), mu_key=app.key_of(MU))


@check("app.declared")
def declared(outputs: FindOutputs) -> Finding:
    """The project declares a Flower app of its own, which is run then instead of zk0's."""
    if outputs.own:
        return passed(f"the project's own app is run: {outputs.name}")
    if outputs.trains:
        return not_applicable("the project's app is zk0's")
    return not_applicable("the project declares no Flower app: what zk0's shows is no evidence about its code")


class RunAppInputs(Inputs):
    """How the app is to be run; what is not given is as its own configuration says."""

    rounds: int | None = Field(None, ge=1, description="federated rounds, if its configuration has a key for them")
    mu: float | None = Field(None, ge=0, description="FedProx's mu, if its configuration has a key for it")
    seed: int | None = Field(None, description="of its random numbers, if its configuration has a key for it")
    config: list[str] = Field([], description="KEY=VALUE of its configuration")
    clients: int | None = Field(None, ge=1, description="SuperNodes; none: as pyproject.toml says, else 2")
    engine: Literal["inline", "simulation", "deployment"] = Field(
        "inline", description="one process, or `flwr run` on Ray; an own app is not deployed by zk0"
    )
    minutes: float = Field(60, gt=0, description="after which it is ended")

    def preflight(self, project: Project) -> None:
        """Refuse a configuration that the app does not have, and to deploy it."""
        if app := own_app(project):
            _app_engine(self.engine)
            settings_for(app, rounds=self.rounds, mu=self.mu, seed=self.seed, given=self.config)


def _app_engine(engine: Literal["inline", "simulation", "deployment"]) -> Engine:
    """Return the engine that runs an own app; zk0 deploys its own app and no other."""
    if engine == "deployment":
        remedy = "engine=simulation, or `flwr run` on your SuperLink"
        raise InputError(f"this project has an app of its own, which engine={engine} does not run", remedy=remedy)
    return engine


class AppProblem(BaseModel):
    """An exception of the app: who raised it, the first line of it, and the last line of the project's code."""

    where: str
    sentence: str
    at: str
    module: str | None


class RunAppOutputs(Outputs):
    """What was observed of the run. `ledger` is made of the messages alone; `log` is what the app printed."""

    ledger: Path
    log: Path
    app: str
    engine: str
    python: str
    versions: dict[str, str]
    changed: dict[str, bool | int | float | str]
    left_out: list[str]
    status: int | None = Field(description="exit status of its process; null where its time was up")
    minutes: float
    ended: bool
    problems: list[AppProblem]
    messages: int
    rounds: int = Field(description="in which a client returned other parameters than it got")
    asked: int | None
    clients: int
    executed: list[str] | None = Field(description="functions of the project, as file:name; null if not observed")
    written: list[str] = Field(description="files that it wrote into its working directory; they are kept in `files`")
    files: Path | None
    last_line: str
    table: list[list[str]]


@action("app.run", changes=("artifacts",))
def run(inputs: RunAppInputs, context: Context) -> RunAppOutputs:
    """Run the project's own Flower app in a copy of the project, and write down every message."""
    app = own_app(context.project)
    if app is None:
        raise AssetMissingError(
            "the project declares no Flower app of its own", remedy="[tool.flwr.app.components] in pyproject.toml"
        )
    changed, left_out = settings_for(app, rounds=inputs.rounds, mu=inputs.mu, seed=inputs.seed, given=inputs.config)
    log = context.directory / "app" / "app.log"
    interpreter = interpreter_of(context.project)
    if "flwr" not in interpreter.packages:
        raise DependencyMissingError(
            f"Flower is not installed in {interpreter.path}, which runs the project's app",
            remedy="uv venv, and install the project's dependencies into it; or name another in [tool.zk0] python",
        )
    python = interpreter.path
    with TemporaryDirectory(prefix="zk0-app-", ignore_cleanup_errors=True) as folder:
        copied, scratch = (Path(folder).resolve() / name for name in (context.project.root.name, "scratch"))
        copied.mkdir()
        scratch.mkdir()
        copy_project(context.project, copied)
        begun = launch(app, python, copied, scratch, changed, inputs.clients or app.clients, _app_engine(inputs.engine))
        status = _perform(begun, log, inputs.minutes)
        observed = Observed.read(begun.events)
        written = written_in(context.project, copied)
        files = _kept(copied, written, context.directory / "files")
    ledger = log.with_name("ledger.jsonl")
    write_ledger(observed, ledger)
    return RunAppOutputs(
        ledger=ledger,
        log=log,
        app=_name(app),
        engine=inputs.engine,
        python=str(python),
        changed=changed,
        left_out=left_out,
        status=status,
        minutes=inputs.minutes,
        asked=_rounds_asked(app, changed),
        written=written,
        files=files,
        last_line=_last_line(log),
        table=_table(read_ledger(ledger)),
        **_facts(observed),
    )


def _facts(observed: Observed) -> dict[str, Any]:
    """Return what was observed, as outputs."""
    return {
        "versions": observed.versions,
        "ended": observed.ended or observed.exit_status == 0,
        "problems": [
            AppProblem(where=one.where, sentence=one.sentence, at=one.at, module=one.module) for one in observed.errors
        ],
        "messages": len(observed.messages),
        "rounds": len(observed.rounds),
        "clients": observed.clients,
        "executed": observed.executed,
    }


def _rounds_asked(app: OwnApp, changed: Mapping[str, Value]) -> int | None:
    key = app.key_of(ROUNDS)
    asked = {**app.config, **changed}.get(key) if key else None
    return asked if isinstance(asked, int) else None


@check("app.ended")
def ended(outputs: RunAppOutputs) -> Iterator[Finding]:
    """The app came to its end without an exception of its server, and in time."""
    if outputs.status is None:
        yield failed(
            f"it had not ended after {outputs.minutes:g} min; its last line: {outputs.last_line or 'nothing'}",
            cause="it trains for longer, or its server waits for more clients than there are",
            remedy="give more minutes, or the number of clients that its strategy waits for",
        )
        return
    counts = Counter((one.where, one.sentence, one.at, one.module) for one in outputs.problems)
    for (where, sentence, at, module), count in counts.items():
        report = warned if where.startswith("client") else failed
        often = f" ({count} times)" if count > 1 else ""
        yield report(f"{where}: {sentence}{often}", at=at, remedy=_remedy(module, outputs))
    if any(not one.where.startswith("client") for one in outputs.problems):
        return
    if not outputs.ended or outputs.status:
        yield failed(
            f"its process ended with status {outputs.status} before its server did: {outputs.last_line or 'no output'}",
            remedy=f"see {outputs.log}",
        )
    else:
        yield passed(f"{outputs.app} ended by itself, in Python {outputs.versions.get('python')}")


@check("app.rounds")
def rounds(outputs: RunAppOutputs) -> Iterator[Finding]:
    """As many rounds were observed as the app was to make: clients got parameters, and returned others."""
    evidence = [
        Evidence(name="messages", value=outputs.messages),
        Evidence(name="rounds observed", value=outputs.rounds),
        Evidence(name="rounds configured", value=outputs.asked),
        Evidence(name="clients that trained", value=outputs.clients),
    ]
    if not outputs.rounds:
        seen = f"{outputs.messages} messages" if outputs.messages else "no message to a client"
        yield failed(
            f"no round was observed: {seen}, and none that changed the parameters; what an app prints is no evidence",
            evidence=evidence,
            remedy=f"see {outputs.log}",
        )
        return
    wanted = outputs.asked or 1
    good = f"{outputs.rounds} rounds, {outputs.clients} clients"
    bad = f"{outputs.rounds} rounds were observed, {wanted} are configured"
    yield passed_if(outputs.rounds >= wanted, good, bad, evidence=evidence, remedy=f"see {outputs.log}")
    for reason in outputs.left_out:
        yield not_applicable(f"not given to the app: {reason}")


def _name(app: OwnApp) -> str:
    return f"{app.serverapp} and {app.clientapp}"


def _perform(begun: Launch, log: Path, minutes: float) -> int | None:
    """Run a program and all that it starts to the end; return its exit status, None where its time was up."""
    command = Command(begun.argv, begun.cwd, begun.env, TimeLimit(minutes * 60))
    try:
        return Programs().run(command, log).status
    except TimeLimitError:
        return None


def _kept(copied: Path, written: list[str], folder: Path) -> Path | None:
    """Keep what the app wrote, beside its log."""
    for name in written:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(copied / name, folder / name)
    return folder if written else None


def _remedy(module: str | None, outputs: RunAppOutputs) -> str:
    if module and outputs.python == sys.executable:
        return "uv venv, and install the project's dependencies into it: this is zk0's own Python"
    if module:
        return f"uv pip install --python {outputs.python} {module.partition('.')[0]}, if it is a package"
    return f"see the traceback in {outputs.log}"


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.is_file() else []
    plain = (COLOUR.sub("", line).strip() for line in reversed(lines))
    return next((line[:LAST_LINE] for line in plain if line), "")


def _table(ledger: Ledger) -> list[list[str]]:
    rows = []
    for one in ledger.aggregations:
        losses = [found.loss for found in ledger.evaluations if found.round == one.round and found.loss is not None]
        mean = f"{sum(losses) / len(losses):.4g}" if losses else "not evaluated"
        replies = f"{len(one.accepted)} of {len(one.sampled)}"
        moved = "unknown" if one.update_norm is None else f"{one.update_norm:.3g}"
        rows.append([str(one.round), replies, short(one.digest_in), short(one.digest_out), moved, mean])
    return [["round", "replies", "sent", "sent after it", "moved by", "loss"], *rows] if rows else []
