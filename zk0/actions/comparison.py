"""Compare ways to train one policy: train every arm, drive all on the same episodes, and say which differ."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from zk0.comparison.arms import ARMS, ArmName, TrainedPolicy, plan_trainings, train_all
from zk0.comparison.contrasts import Contrast, TaskDifference, contrasts, over_tasks, rate, sentence, to_centralised
from zk0.comparison.report import arm_table, contrast_table, markdown
from zk0.comparison.results import ArmResult, outcomes_of
from zk0.core.checks import check
from zk0.core.errors import InputError
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, not_applicable, not_available, passed, passed_if, warned
from zk0.federation.configuration import resolve
from zk0.federation.sources import SIMULATED, locate_configured
from zk0.workflow.actions import Context, Inputs, Outputs, action


class TrainInputs(Inputs):
    """The run configuration that all arms share, the arms, and how many seeds each is trained with."""

    configuration: dict[str, Any]
    arms: tuple[ArmName, ...] = Field(ARMS, min_length=1)
    training_seeds: int = Field(3, ge=1)
    execute: int = Field(10, ge=1, description="actions of a chunk over which the held-out error is taken")

    def preflight(self, project: Project) -> None:
        """Refuse arms that are named twice."""
        if len(set(self.arms)) < len(self.arms):
            raise InputError(f"an arm is named twice: {', '.join(self.arms)}")


class TrainOutputs(Outputs):
    """The policies, and their folder."""

    directory: Path
    policies: list[TrainedPolicy]
    table: list[list[str]]


@action("comparison.train", changes=("artifacts",))
def train(inputs: TrainInputs, context: Context) -> TrainOutputs:
    """Train every arm with every seed: federated, on pooled data, and on each client's data alone."""
    config = resolve(inputs.configuration)
    seeds = range(context.seed * inputs.training_seeds, (context.seed + 1) * inputs.training_seeds)
    planned = plan_trainings(inputs.arms, seeds, config)
    folder = context.directory / "policies"
    folder.mkdir(exist_ok=True)  # of an attempt that was interrupted; each training begins again
    trained = train_all(planned, config.plain(), folder, actions=inputs.execute, observe=context.progress)
    rows = [[one.arm, one.client or "all", str(one.seed), str(one.steps), f"{one.seconds:.0f} s"] for one in trained]
    return TrainOutputs(directory=folder, policies=trained, table=[["arm", "data of", "seed", "steps", "time"], *rows])


@check("comparison.same-steps")
def same_steps(outputs: TrainOutputs) -> Finding:
    """All arms make the same number of optimizer steps, those of all clients together."""
    totals: dict[str, int] = {}
    for one in outputs.policies:
        totals[one.arm] = totals.get(one.arm, 0) + one.steps
    evidence = [Evidence(name=f"steps of {arm}", value=steps) for arm, steps in totals.items()]
    if not totals:
        return not_applicable("no arm is trained")
    good, bad = f"{max(totals.values())} steps each, all seeds together", "the arms differ in their steps"
    return passed_if(len(set(totals.values())) == 1, good, bad, evidence=evidence)


class DriveArmsInputs(Inputs):
    """The trained policies, and the episodes that all arms run."""

    policies: list[TrainedPolicy]
    configuration: dict[str, Any]
    arms: tuple[ArmName, ...] = Field(ARMS, min_length=1)
    rollouts: int = Field(50, ge=1, description="episodes of each policy and task; the same ones for all")
    execute: int = Field(10, ge=1, description="actions of a chunk that are executed")
    noise: float = Field(0.0, ge=0, description="scale of the noise that a chunk starts from; 1 as in training")


class DriveArmsOutputs(Outputs):
    """Every episode of every arm, also as a file."""

    results: Path
    arms: list[ArmResult]
    rollouts: int
    training_seeds: int
    table: list[list[str]]


@action("comparison.drive", changes=("artifacts",))
def drive(inputs: DriveArmsInputs, context: Context) -> DriveArmsOutputs:
    """Run all arms in closed loop on the simulated arm, on the same episodes."""
    from zk0.comparison.driving import DrivePlan, drive_all
    from zk0.comparison.references import average_demonstration

    config = resolve(inputs.configuration)
    tasks = tuple(source.removeprefix(SIMULATED) for _, source in config.clients)
    plan = DrivePlan(tasks, inputs.rollouts, context.seed, inputs.execute, inputs.noise, config.resolved_device())
    sets = {task: locate_configured(task, f"{SIMULATED}{task}", config).root for task in tasks}
    demonstrations = {task: average_demonstration(root) for task, root in sets.items()}
    found = drive_all(
        inputs.arms, inputs.policies, demonstrations, plan, lambda done, total: context.progress(done, total, "driving")
    )
    results = context.directory / "episodes.json"
    results.write_text(json.dumps([one.model_dump(mode="json") for one in found], indent=1) + "\n", encoding="utf-8")
    return DriveArmsOutputs(
        results=results,
        arms=found,
        rollouts=inputs.rollouts,
        training_seeds=len({one.seed for one in inputs.policies}) or 1,
        table=arm_table(found),
    )


@check("comparison.complete")
def complete(outputs: DriveArmsOutputs) -> Iterator[Finding]:
    """Every arm has run all episodes, for every training seed, and no action was NaN or infinite."""
    for one in outputs.arms:
        counts = [len(row) for row in one.successes]
        wanted = [outputs.rollouts] * outputs.training_seeds
        evidence = [Evidence(name="episodes", value=sum(counts)), Evidence(name="not finite", value=one.non_finite)]
        yield passed_if(
            counts == wanted and not one.non_finite,
            f"{outputs.training_seeds} seeds of {outputs.rollouts} episodes",
            f"{sum(counts)} of {sum(wanted)} episodes, {one.non_finite} with an action that is no number",
            at=f"{one.arm}, {one.task}",
            evidence=evidence,
            remedy="lower learning_rate, or train for more rounds",
        )


class CompareInputs(Inputs):
    """The episodes of all arms."""

    arms: list[ArmResult]
    about: str = Field("", description="what was compared, in a sentence for the report")


class CompareOutputs(Outputs):
    """The planned contrasts, the sentence on them, and the report."""

    contrasts: list[Contrast]
    margins: list[TaskDifference]
    sentence: str
    report: Path
    numbers: Path
    results: list[dict[str, str | float | int | None]]
    table: list[list[str]]


@action("comparison.compare", changes=("artifacts",))
def compare(inputs: CompareInputs, context: Context) -> CompareOutputs:
    """Compare the arms pair by pair, and write the report."""
    outcomes = outcomes_of(inputs.arms)
    found, margins = contrasts(outcomes), to_centralised(outcomes)
    seeds = max(len(one.successes) for one in inputs.arms)
    report, numbers = context.directory / "comparison.md", context.directory / "comparison.json"
    report.write_text(markdown(inputs.arms, found, seeds, inputs.about), encoding="utf-8")
    plain = {
        name: [one.model_dump(mode="json") for one in values]
        for name, values in (("arms", inputs.arms), ("contrasts", found), ("to_centralised", margins))
    }
    numbers.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    return CompareOutputs(
        contrasts=found,
        margins=margins,
        sentence=sentence(found, seeds),
        report=report,
        numbers=numbers,
        results=[
            {"name": f"{arm} success rate, all tasks", "value": rate(over_tasks(tasks)), "unit": ""}
            for arm, tasks in outcomes.items()
        ],
        table=contrast_table(found),
    )


@check("comparison.significance")
def significance(outputs: CompareOutputs) -> Finding:
    """Which differences are significant, by McNemar's test and an interval over training seeds."""
    if not outputs.contrasts:
        return not_applicable("no two arms that are compared with each other")
    evidence = [
        Evidence(name=f"{one.first} - {one.second}", value=round(one.difference * 100, 1), unit="points")
        for one in outputs.contrasts
    ]
    return passed(outputs.sentence, evidence=evidence)


@check("comparison.federated-near-centralised")
def near_centralised(outputs: CompareOutputs, *, points: float = 5) -> Iterator[Finding]:
    """On every task, a federated policy's success rate is at most so many points below that of pooled data."""
    margin = points / 100
    if not outputs.margins:
        yield not_applicable("needs the arm centralised and a federated one")
    for one in outputs.margins:
        at = f"{one.arm}, {one.task}"
        shown = f"{one.difference * 100:+.0f} points, {one.low * 100:+.0f} to {one.high * 100:+.0f}"
        evidence = [
            Evidence(name=name, value=round(value * 100, 1), unit="points")
            for name, value in (("difference", one.difference), ("from", one.low), ("to", one.high))
        ]
        if not one.pooled:
            yield not_available("pooled data solve it in no episode, so there is nothing to reach", at=at)
        elif one.low >= -margin:
            yield passed(shown, at=at, evidence=evidence)
        elif one.high < -margin:
            remedy = "more and shorter rounds: raise rounds, lower local_steps"
            yield warned(shown, at=at, evidence=evidence, remedy=remedy)
        else:
            yield not_available(f"{shown}: too wide to say", at=at)
