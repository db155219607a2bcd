"""Tune mu in a workflow: read it, judge whether it is the cause, measure others, and write the better one down."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from zk0.actions.app import FindOutputs
from zk0.core.checks import check
from zk0.core.errors import ConfigurationError, DependencyMissingError, InputError
from zk0.core.faults import Fault
from zk0.core.project import Project
from zk0.core.receipts import canonical_digest
from zk0.core.verdicts import Evidence, Finding, failed, not_available, passed, warned
from zk0.federation.project_file import read_value, set_value
from zk0.workflow.actions import Context, Inputs, Outputs, action

KEY = "proximal-mu"
OWN_FAULTS = (Fault.proximal_too_strong, Fault.proximal_too_weak)  # of mu itself
LEAST_SEEDS = 6  # with 5 pairs, the smallest two-sided p of Wilcoxon's test is 0.0625
OF_THE_RUN = ("policy", "output", "seed", KEY)
HIGH = 0.1  # above it, mu is outside of what is commonly used (0.001 to 0.01)


@check("tuning.possible")
def possible(outputs: FindOutputs, *, command: list[str]) -> Finding:
    """There is a training to tune: zk0's own, or a program for a project with another app."""
    if outputs.own and not command:
        return not_available(
            "another policy has another best mu than zk0's, and the project's own app is not tuned without a program",
            remedy="zk0 run mu-tuning -i train_command=python,train.py,--mu={mu},--seed={seed}",
        )
    return passed("a program of the project" if command else "zk0's own training")


class CurrentInputs(Inputs):
    """The file that sets mu."""

    file: Path = Path("pyproject.toml")

    def preflight(self, project: Project) -> None:
        """Refuse a file without the key."""
        _written(project, self.file)


class CurrentOutputs(Outputs):
    """The value in use, with its line, and the comment behind it."""

    value: float
    file: str
    line: int
    comment: str


@action("tuning.current")
def current(inputs: CurrentInputs, context: Context) -> CurrentOutputs:
    """Read proximal-mu from the configuration file."""
    written = _written(context.project, inputs.file)
    file = context.project.shown(context.project.path(inputs.file))
    return CurrentOutputs(value=written.value, file=file, line=written.line, comment=written.comment)


@check("tuning.plausible")
def plausible(outputs: CurrentOutputs) -> Iterator[Finding]:
    """The value is in the range that is commonly used, 0.001 to 0.01."""
    at = f"{outputs.file}:{outputs.line}"
    evidence = [Evidence(name=KEY, value=outputs.value, at=at)]
    if outputs.value > HIGH:
        remedy = "the next steps reduce it"
        yield warned(f"{outputs.value:g} is above {HIGH:g}", at=at, evidence=evidence, remedy=remedy)
    else:
        yield passed(f"{outputs.value:g}", at=at, evidence=evidence)


class JudgeInputs(Inputs):
    """What diagnosis of earlier runs and the probe of the code found."""

    logged: list[Finding] = Field([])
    probed: list[Finding] = Field([])


class JudgeOutputs(Outputs):
    """Whether mu may be tuned, what the records say about its size, and other causes that come first."""

    may_tune: bool
    size: Literal["too strong", "too weak", "not known"]
    others: list[Finding]


@action("tuning.judge")
def judge(inputs: JudgeInputs, context: Context) -> JudgeOutputs:
    """Judge whether mu is the cause: faults of the term, the learning rate, the data or the aggregate come first."""
    found = [one for one in (*inputs.probed, *inputs.logged) if one.fault]
    others = [one for one in found if one.verdict.stops and one.fault not in OWN_FAULTS]
    faults = {one.fault for one in found}
    size: Literal["too strong", "too weak", "not known"] = "not known"
    if Fault.proximal_too_strong in faults:
        size = "too strong"
    elif Fault.proximal_too_weak in faults:
        size = "too weak"
    return JudgeOutputs(may_tune=not others, size=size, others=others)


@check("tuning.may-begin")
def may_begin(outputs: JudgeOutputs) -> Iterator[Finding]:
    """Nothing else is wrong that another mu could not repair."""
    if outputs.may_tune:
        yield passed("no other cause was found" + (f"; mu is {outputs.size}" if outputs.size != "not known" else ""))
        return
    for one in outputs.others:
        cause = one.cause or f"{one.fault} is not repaired by another mu"
        yield one.model_copy(update={"cause": cause})


class CampaignInputs(Inputs):
    """What to measure, and on how many seeds.

    Either `configuration` of zk0's federation, or `command`: a program with {mu} and {seed} in its arguments, which
    prints its losses on held-out data.
    """

    current: float = Field(ge=0, allow_inf_nan=False)
    configuration: dict[str, Any] = Field({})
    command: list[str] = Field([])
    start: str = Field("", description="digest of the policy that all runs start from")
    seeds: int = Field(LEAST_SEEDS, ge=LEAST_SEEDS, le=50, description="that choose a value")
    confirming: int = Field(8, ge=LEAST_SEEDS, le=50, description="that prove it")
    budget_steps: int | None = Field(None, ge=1, description="optimizer steps of all clients together")
    budget_minutes: float | None = Field(None, gt=0)
    workers: int = Field(0, ge=0, description="runs side by side; 0: one for each core")
    study: str = Field("", description="URL of a database that several machines share; by default a file in .zk0")

    def preflight(self, project: Project) -> None:
        """Refuse a campaign without anything to measure, or without Optuna."""
        if missing := [name for name in ("optuna", "matplotlib") if find_spec(name) is None]:
            raise DependencyMissingError(f"tuning needs {missing[0]}", remedy="pip install 'zk0[tuning]'")
        from zk0.tuning.runs import ProgramRun

        if self.command:
            ProgramRun(tuple(self.command), project.root, project.state_dir)
        elif not self.configuration:
            raise InputError("neither a configuration nor a command is given", remedy="zk0 workflows show mu-tuning")


class CampaignOutputs(Outputs):
    """The decision so far, each value with its measurements, and the optimizer steps spent.

    `grid_steps` are those of the full grid, every value on every seed. `floor` is the standard deviation between seeds.
    """

    outcome: Literal["better", "not-better", "no-influence"]
    current: float
    best: float
    mu: float
    reason: str
    floor: float | None
    complete: bool
    confirmed: bool
    steps: int
    grid_steps: int
    picture: Path
    table: list[list[str]]
    results: list[dict[str, str | float | int | None]]


@action("tuning.descend", changes=("artifacts",))
def descend(inputs: CampaignInputs, context: Context) -> CampaignOutputs:
    """Measure the current value, then values smaller by factors of 10, and 0, which is FedAvg."""
    return _measured("descend", inputs, context)


@action("tuning.refine", changes=("artifacts",))
def refine(inputs: CampaignInputs, context: Context) -> CampaignOutputs:
    """Measure half and double the best value, as long as that is better."""
    return _measured("refine", inputs, context)


@action("tuning.confirm", changes=("artifacts",))
def confirm(inputs: CampaignInputs, context: Context) -> CampaignOutputs:
    """Measure the best value and the current one on seeds that did not choose it, and decide."""
    return _measured("confirm", inputs, context)


@check("tuning.measured")
def measured(outputs: CampaignOutputs) -> Iterator[Finding]:
    """The current value was measured on all seeds, so the noise between seeds is known."""
    share = outputs.steps / outputs.grid_steps if outputs.grid_steps else 0.0
    evidence = [
        Evidence(name="standard deviation between seeds", value=outputs.floor),
        Evidence(name="optimizer steps", value=outputs.steps),
        Evidence(name="share of the full grid", value=share),
    ]
    if outputs.floor is None:
        yield warned(f"a run with mu = {outputs.current:g} failed, so noise is not known", evidence=evidence)
    else:
        yield passed(f"noise {outputs.floor:.3g}, lowest loss at mu = {outputs.best:g}", evidence=evidence)


@check("tuning.decided")
def decided(outputs: CampaignOutputs) -> Iterator[Finding]:
    """The decision is proven on seeds that did not choose it, or nothing is changed."""
    evidence = [Evidence(name="mu", value=outputs.mu), Evidence(name="mu before", value=outputs.current)]
    if not outputs.complete:
        yield warned(outputs.reason, evidence=evidence, remedy="run it again with a larger budget; the study goes on")
    else:
        yield passed(outputs.reason, evidence=evidence)


class UpdateInputs(Inputs):
    """The value to write, and the reason for the comment."""

    file: Path = Path("pyproject.toml")
    value: float = Field(ge=0, allow_inf_nan=False)
    before: float
    reason: str = Field(min_length=1)


class UpdateOutputs(Outputs):
    """The line as it is now."""

    file: Path
    value: float
    line: int
    comment: str


@action("tuning.update", changes=("files",))
def update(inputs: UpdateInputs, context: Context) -> UpdateOutputs:
    """Write mu into the configuration file, with the reason as comment; everything else in the file stays."""
    path = context.project.path(inputs.file)
    set_value(path, KEY, inputs.value, f"was {inputs.before:g}; {inputs.reason} (run {context.run})")
    written = _written(context.project, inputs.file)
    return UpdateOutputs(file=path, value=written.value, line=written.line, comment=written.comment)


@check("tuning.updated")
def updated(outputs: UpdateOutputs, project: Project) -> Iterator[Finding]:
    """The file can be read again, has the value, and a comment says why."""
    at = f"{project.shown(outputs.file)}:{outputs.line}"
    written = read_value(outputs.file, KEY)
    if written is None or written.value != outputs.value or not written.comment:
        yield failed(f"{at} does not have {KEY} = {outputs.value:g} with a comment", remedy=f"git diff {outputs.file}")
    else:
        yield passed(
            f"{KEY} = {outputs.value:g}", at=at, evidence=[Evidence(name="comment", value=written.comment, at=at)]
        )


def _measured(
    phase: Literal["descend", "refine", "confirm"], inputs: CampaignInputs, context: Context
) -> CampaignOutputs:
    from zk0.tuning.campaign import Campaign, CampaignSettings
    from zk0.tuning.picture import draw
    from zk0.tuning.report import results_of, table_of
    from zk0.tuning.runs import FederatedRun, ProgramRun, cores, processes

    scratch = context.directory / "runs"
    measure: FederatedRun | ProgramRun
    if inputs.command:
        measure = ProgramRun(tuple(inputs.command), context.project.root, scratch)
    else:
        measure = FederatedRun(inputs.configuration, scratch)
    # The start policy lies in the run's folder, and is what `start` is the digest of.
    deciding = {key: value for key, value in inputs.configuration.items() if key not in OF_THE_RUN}
    problem = canonical_digest([inputs.command, inputs.start, deciding, _sources(context.project)])
    settings = CampaignSettings(
        current=inputs.current,
        problem=problem,
        name=f"mu-{problem[:12]}",
        seeds=inputs.seeds,
        confirming=inputs.confirming,
        first_seed=context.seed * (inputs.seeds + inputs.confirming),
        budget_steps=inputs.budget_steps,
        budget_minutes=inputs.budget_minutes,
    )
    with processes(measure, inputs.workers or cores()) as runner:
        campaign = Campaign(settings, inputs.study or _own_study(context.project), runner, context.progress)
        result = getattr(campaign, phase)()
    picture = context.directory / "mu.svg"
    draw(result, picture)
    decision = result.decision
    return CampaignOutputs(
        **decision.model_dump(exclude={"comparison"}),
        complete=result.complete,
        confirmed=decision.comparison is not None,
        steps=result.steps,
        grid_steps=result.grid_steps,
        picture=picture,
        table=table_of(result),
        results=results_of(result),
    )


def _sources(project: Project) -> dict[str, str]:
    """Return the programs and settings; a training writes logs and results beside them, which change no problem."""
    files = project.tree().code_files
    return {path: blob for path, blob in files.items() if path.endswith((".py", ".toml"))}


def _own_study(project: Project) -> str:
    path = project.state_dir / "studies.sqlite"
    path.parent.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{path}"


def _written(project: Project, file: Path) -> Any:
    path = project.path(file)
    written = read_value(path, KEY)
    if written is None or isinstance(written.value, bool | str):
        found = "has no" if written is None else f"has {written.value!r} as"
        raise ConfigurationError(f"{path} {found} {KEY}", remedy=f"write {KEY} = 0.01 into [tool.flwr.app.config]")
    if not 0 <= written.value < float("inf"):
        raise ConfigurationError(f"{path}:{written.line}: {KEY} is {written.value}", remedy="it is 0 or above")
    return written
