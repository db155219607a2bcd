"""`zk0 evaluate`: run a checkpoint in closed loop on the simulated arm, and count its successes."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from zk0.cli.output import JsonOption, print_envelope, show, table_of
from zk0.core.errors import InputError
from zk0.core.receipts import write_atomically
from zk0.simulator.tasks import CLIENT_TASKS, task

CheckpointArgument = Annotated[
    Path, typer.Argument(help="A folder in LeRobot's format: of a federation's round, or of lerobot-train.")
]
TasksOption = Annotated[list[str] | None, typer.Option("--task", help="A simulated task; repeatable; default: four.")]
EpisodesOption = Annotated[int, typer.Option("--episodes", min=1, help="Episodes of each task.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Decides the episodes: the same for every checkpoint.")]
ExecuteOption = Annotated[
    int | None, typer.Option("--execute", min=1, help="Actions to execute of each chunk; default: its n_action_steps.")
]
NoiseOption = Annotated[
    float | None, typer.Option("--noise", min=0, help="Scale of SmolVLA's start noise: 0 for none; default: 1.")
]
SweepOption = Annotated[
    bool, typer.Option("--sweep", help="Choose --execute and --noise on validation episodes, then score on others.")
]
ValidationOption = Annotated[
    int, typer.Option("--validation", min=1, help="Episodes of each task and setting to sweep.")
]
DeviceOption = Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:0 or mps.")]
OutputOption = Annotated[
    Path | None, typer.Option("--output", help="Folder for eval_info.json, in the layout of lerobot-eval.")
]


def evaluate(  # noqa: PLR0913  each is an option of the command line
    checkpoint: CheckpointArgument,
    *,
    tasks: TasksOption = None,
    episodes: EpisodesOption = 50,
    seed: SeedOption = 0,
    execute: ExecuteOption = None,
    noise: NoiseOption = None,
    sweep: SweepOption = False,
    validation: ValidationOption = 20,
    device: DeviceOption = "cpu",
    output: OutputOption = None,
    as_json: JsonOption = False,
) -> None:
    """Evaluate a LeRobot checkpoint on the simulated SO-101: success rates with 95 % intervals, steps and latency."""
    from zk0.serving.checkpoint_description import describe_checkpoint
    from zk0.serving.eval_info import FILE, eval_info
    from zk0.serving.evaluation import ExecutionSettings, best, evaluate_checkpoint
    from zk0.serving.evaluation import sweep as try_all
    from zk0.serving.results import result_table

    names = list(dict.fromkeys(task(name).name for name in tasks or CLIENT_TASKS))
    found = describe_checkpoint(checkpoint)
    if sweep and (execute, noise) != (None, None):
        raise InputError("--sweep chooses --execute and --noise by itself", remedy="leave them out")
    if noise not in (None, 1) and not found.has_noise:
        raise InputError(f"a {found.kind} policy starts from no noise", remedy="leave --noise out")
    if execute is not None and execute > found.chunk:
        raise InputError(f"--execute is {execute}, and this policy predicts {found.chunk} actions at a time")
    common: dict[str, Any] = {"seed": seed, "device": device, "observe": _progress}
    points = try_all(found, names, episodes=validation, **common) if sweep else []
    way = (
        best(points)
        if points
        else ExecutionSettings(execute=execute or found.executed, noise=1 if noise is None else noise)
    )
    began = time.monotonic()
    result = evaluate_checkpoint(found, names, way, episodes=episodes, **common)
    info = eval_info(
        result,
        time.monotonic() - began,
        {"policy": found.kind, "seed": seed, "sweep": [one.model_dump() for one in points]},
    )
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        write_atomically(output / FILE, json.dumps(info, indent=2) + "\n")
    if as_json:
        print_envelope(data=info)
        return
    if points:
        rows = [["executed", "noise", "success on validation episodes (95 %)"]]
        rows += [[str(one.execution.execute), f"{one.execution.noise:g}", one.shown] for one in points]
        show(table_of(rows, 3), "")
    table = result_table(result.tasks, result.latency)
    show(table_of(table, len(table[0])), f"{way.execute} of {found.chunk} actions executed, noise x {way.noise:g}")


def _progress(done: int, total: int, note: str) -> None:
    typer.echo(f"{note}: {done} of {total} parts", err=True)
