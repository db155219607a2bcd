"""All arms on the same episodes: every policy of an arm, on every task, from the same seeds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from zk0.comparison.arms import ArmName, TrainedPolicy
from zk0.comparison.contrasts import ELSEWHERE
from zk0.comparison.references import BlindDriver, ExpertDriver
from zk0.comparison.results import ArmResult
from zk0.serving.closed_loop import CheckpointDriver, Drive, Driver, DriveResult, drive


@dataclass(frozen=True)
class DrivePlan:
    """How to drive: `execute` actions of each chunk, from start noise scaled by `noise`."""

    tasks: tuple[str, ...]
    rollouts: int
    seed: int
    execute: int
    noise: float
    device: str = "cpu"


def drive_all(
    arms: Sequence[ArmName],
    trained: Sequence[TrainedPolicy],
    demonstrations: Mapping[str, tuple[tuple[float, ...], ...]],
    plan: DrivePlan,
    finished: Callable[[int, int], None],
) -> list[ArmResult]:
    """Drive every arm on every task; clients are called like their tasks, and `demonstrations` are average ones."""
    wanted: list[tuple[str, str, list[TrainedPolicy], list[Driver]]] = []
    for arm in arms:
        for task in plan.tasks:
            if arm == "expert":
                wanted.append((arm, task, [], [ExpertDriver()]))
            elif arm == "blind-replay":
                wanted.append((arm, task, [], [BlindDriver(demonstrations[task])]))
            else:
                wanted += [
                    (row, task, own, [_driver(one, plan) for one in own])
                    for row, own in _rows(arm, task, trained, plan)
                ]
    drives = [Drive(driver, row[1], plan.rollouts, plan.seed) for row in wanted for driver in row[3]]
    results = iter(drive(drives, finished))
    seeds = len({one.seed for one in trained}) or 1
    return [_result(*row[:3], [next(results) for _ in row[3]], seeds) for row in wanted]


def _rows(
    arm: str, task: str, trained: Sequence[TrainedPolicy], plan: DrivePlan
) -> list[tuple[str, list[TrainedPolicy]]]:
    """Return an arm's policies for a task, one for each seed; of the local ones the owner's, and those of the next."""
    own = sorted((one for one in trained if one.arm == arm), key=lambda one: one.seed)
    if arm != "local-only":
        return [(arm, own)]
    other = plan.tasks[(plan.tasks.index(task) + 1) % len(plan.tasks)]
    return [(row, [one for one in own if one.client == name]) for row, name in ((arm, task), (ELSEWHERE, other))]


def _driver(one: TrainedPolicy, plan: DrivePlan) -> CheckpointDriver:
    return CheckpointDriver(one.checkpoint, plan.execute, plan.noise, seed=plan.seed, device=plan.device)


def _result(
    arm: str, task: str, policies: Sequence[TrainedPolicy], found: Sequence[DriveResult], seeds: int
) -> ArmResult:
    repeated = list(found) if policies else [*found] * seeds  # an arm without a policy has no training seed
    return ArmResult(
        arm=arm,
        task=task,
        successes=[[episode.success for episode in one.episodes] for one in repeated],
        steps=[[episode.steps for episode in one.episodes] for one in repeated],
        non_finite=sum(not episode.finite for one in found for episode in one.episodes),
        losses=[one.losses.get(task) for one in policies],
        errors=[one.errors.get(task) for one in policies],
    )
