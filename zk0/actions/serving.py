"""Choose a trained checkpoint, and evaluate it in closed loop on the simulated arm."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from pydantic import Field

from zk0.core.checks import check
from zk0.core.errors import DependencyMissingError, InputError
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, failed, passed_if
from zk0.serving.results import (
    LatencySummary,
    TaskResult,
    judge_success,
    latency_evidence,
    named_results,
    result_table,
    shared_period,
)
from zk0.serving.selection import (
    Choice,
    FinishedTraining,
    choose,
    find_training,
    mean_loss,
    require_intact,
    simulated_tasks,
    training_of_folder,
)
from zk0.workflow.actions import Context, Inputs, Outputs, action


class ChooseInputs(Inputs):
    """Which training and which of its checkpoints."""

    training: str = Field("", description="run that trained the policy; empty for the project's last good one")
    checkpoint: str = Field("best", description="best (least held-out loss), last, a round's number, or its folder")
    tasks: tuple[str, ...] = Field((), description="tasks to drive; empty for those the clients trained on")

    def preflight(self, project: Project) -> None:
        """Refuse an unknown or altered checkpoint before anything runs."""
        _chosen(project, self)


class ChooseOutputs(Outputs):
    """The checkpoint, with what the run recorded of it and what is in it now."""

    training: str
    passed: bool
    round: int
    checkpoint: Path
    loss: float | None
    baseline_loss: float | None
    digest_recorded: str
    digest_loaded: str
    frozen_recorded: str
    frozen_loaded: str
    tasks: tuple[str, ...]
    table: list[list[str]]


@action("serving.choose")
def choose_checkpoint(inputs: ChooseInputs, context: Context) -> ChooseOutputs:
    """Choose a checkpoint of a training, and compare it with what the run recorded."""
    from zk0.training.parameters import digest_of, frozen_tensors, trainable_parameters
    from zk0.training.policy import load_policy

    training, found, tasks = _chosen(context.project, inputs)
    opened = training.ledger.opened
    policy = load_policy(found.path)
    baseline = mean_loss(training.ledger, 0)
    shown = ["not measured" if loss is None else f"{loss:.3f}" for loss in (baseline, found.loss)]
    return ChooseOutputs(
        training=training.state.run,
        passed=training.is_good,
        round=found.round,
        checkpoint=found.path,
        loss=found.loss,
        baseline_loss=baseline,
        digest_recorded=found.digest,
        digest_loaded=digest_of(trainable_parameters(policy)),
        frozen_recorded=opened.frozen_digest if opened else "",
        frozen_loaded=digest_of(frozen_tensors(policy)),
        tasks=tasks,
        table=[
            ["training", "round", "held-out loss at round 0", "at this round", "digest"],
            [training.state.run, str(found.round), *shown, found.digest[:8]],
        ],
    )


@check("serving.intact")
def intact(outputs: ChooseOutputs) -> Iterator[Finding]:
    """The checkpoint holds, tensor by tensor, what the server aggregated, and comes from a training that passed."""
    for what, recorded, loaded in (
        ("trained tensors", outputs.digest_recorded, outputs.digest_loaded),
        ("frozen tensors", outputs.frozen_recorded, outputs.frozen_loaded),
    ):
        evidence = [Evidence(name="recorded", value=recorded), Evidence(name="loaded", value=loaded)]
        yield passed_if(
            recorded == loaded,
            f"the {what} are those of round {outputs.round}, {loaded[:8]}",
            f"the {what} are not those that the run recorded",
            evidence=evidence,
            remedy=f"zk0 runs verify {outputs.training}, or train again: zk0 run train",
        )
    yield passed_if(
        outputs.passed,
        f"run {outputs.training} passed",
        f"run {outputs.training} did not pass",
        doubtful=True,
        remedy=f"zk0 show {outputs.training}",
    )


class EvaluateInputs(Inputs):
    """A checkpoint, and the episodes to drive."""

    checkpoint: Path
    tasks: tuple[str, ...] = Field(min_length=1)
    episodes: int = Field(5, ge=1, description="per task")
    device: str = "cpu"

    def preflight(self, project: Project) -> None:
        """Refuse a machine without the simulator."""
        if find_spec("so101_nexus") is None:
            raise DependencyMissingError(
                "the simulator needs so101-nexus, which is not installed", remedy="pip install 'zk0[simulator]'"
            )


class EvaluateOutputs(Outputs):
    """Successes per task with their 95 % intervals, and milliseconds from observation to actions."""

    tasks: list[TaskResult]
    latency: LatencySummary
    results: list[dict[str, str | float | int | None]]
    table: list[list[str]]


@action("serving.evaluate")
def evaluate(inputs: EvaluateInputs, context: Context) -> EvaluateOutputs:
    """Drive the simulated arm in closed loop by the policy in this process."""
    from zk0.serving.checkpoint_policy import CheckpointPolicy
    from zk0.simulator.rollout import rollout
    from zk0.simulator.tasks import task

    policy = CheckpointPolicy.load(inputs.checkpoint, seed=context.seed, device=inputs.device)
    execute, found = policy.policy.config.n_action_steps, []
    for done, name in enumerate(inputs.tasks):
        result = rollout(task(name), policy, episodes=inputs.episodes, seed=context.seed, execute=execute)
        found.append(TaskResult.of(result))
        context.progress(done + 1, len(inputs.tasks), f"{name}: {found[-1].shown}")
    latency = LatencySummary.of(policy.latencies, actions=execute, period=shared_period(inputs.tasks))
    return EvaluateOutputs(
        tasks=found, latency=latency, results=named_results("local", found, latency), table=result_table(found, latency)
    )


@check("serving.success")
def success(outputs: EvaluateOutputs, *, minimum: float = 0.0) -> Iterator[Finding]:
    """Every action is finite, and the policy solves its tasks more often than an arm that does not look.

    `minimum` is the success rate below which a task fails.
    """
    for one in outputs.tasks:
        yield judge_success(one, minimum)


@check("serving.latency")
def fast_enough(outputs: EvaluateOutputs, *, share: float = 0.5) -> Finding:
    """The policy computes its actions faster than the arm executes them.

    Above the control period the arm starves, whatever the client; above `share` of it, it does on a busy machine.
    """
    found = outputs.latency
    evidence = latency_evidence(found)
    message = f"{found.action_p95:.1f} ms an action at the 95th percentile, {found.period:.0f} ms between two"
    remedy = "a smaller preset, or a GPU"
    if found.action_p95 > found.period:
        return failed(message, evidence=evidence, remedy=remedy)
    return passed_if(found.action_p95 <= share * found.period, message, evidence=evidence, doubtful=True, remedy=remedy)


def _chosen(project: Project, inputs: ChooseInputs) -> tuple[FinishedTraining, Choice, tuple[str, ...]]:
    """Return the training, the checkpoint and the tasks that were asked for, all of them known and intact."""
    from zk0.simulator.tasks import task

    folder = project.path(inputs.checkpoint)
    by_folder = "/" in inputs.checkpoint or folder.is_dir()
    training = training_of_folder(project, folder) if by_folder else find_training(project, inputs.training)
    wanted = str(int(folder.name.removeprefix("round-"))) if by_folder else inputs.checkpoint
    found = choose(training, wanted)
    require_intact(project, training)
    tasks = inputs.tasks or simulated_tasks(training)
    if not tasks:
        raise InputError(
            f"run {training.state.run} trained on no task of the simulator", remedy="name some: -i tasks=lift-left"
        )
    return training, found, tuple(task(name).name for name in tasks)
