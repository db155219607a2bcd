"""Prepare and check the clients' data sets."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from zk0.core.checks import check
from zk0.core.project import Project, cache_dir
from zk0.core.verdicts import Evidence, Finding, passed_if
from zk0.federation.configuration import name_source, resolve
from zk0.federation.sources import SIMULATED, absolute_source, episodes_to_record, is_folder, locate, recordings_in
from zk0.training.dataset_inspection import MINIMUM_EPISODES, describe
from zk0.training.presets import FEATURE_NAMES
from zk0.workflow.actions import Context, Inputs, Outputs, action


class PrepareInputs(Inputs):
    """Which data sets; see the keys of the same names in the run configuration."""

    data: str
    unseen: str = ""
    episodes: int = Field(100, ge=MINIMUM_EPISODES)
    data_seed: int = 0
    demonstration_noise: float = Field(3.0, ge=0)
    cameras: tuple[str, ...] = ("wrist", "overhead")
    held_out: float = Field(0.1, gt=0, lt=1)

    def preflight(self, project: Project) -> None:
        """Refuse folders that can't be trained on, and unknown tasks."""
        from zk0.simulator.tasks import task

        for name, source in _sources(self, project):
            if source.startswith(SIMULATED):
                task(source.removeprefix(SIMULATED))
            elif is_folder(source):
                describe(Path(source), name=name, cameras=self.cameras)


class PreparedSet(BaseModel):
    """One data set, without what is private."""

    model_config = ConfigDict(frozen=True)

    name: str
    source: str
    role: str
    digest: str
    episodes: int
    training_episodes: int
    frames: int
    fps: float
    robot_type: str | None
    tasks: list[str]
    cameras: list[str]
    state_range: list[tuple[float, float]]


class PrepareOutputs(Outputs):
    """All data sets, clients first; `data` and `unseen` as the run configuration takes them, folders absolute."""

    data: str
    unseen: str
    sets: list[PreparedSet]
    table: list[list[str]]


@action("data.prepare", changes=("cache",))
def prepare(inputs: PrepareInputs, context: Context) -> PrepareOutputs:
    """Record or find one LeRobot v3.0 data set per client, and the one no client has."""
    wanted = _sources(inputs, context.project)
    unseen_at = len(wanted) - 1 if inputs.unseen.strip() else len(wanted)
    counts = [episodes_to_record(inputs.episodes, unseen=at == unseen_at) for at in range(len(wanted))]
    total = sum(counts)
    _record(wanted, counts, inputs, context)
    sets = []
    for position, (name, source) in enumerate(wanted):
        before = sum(counts[:position])

        def recorded(done: int, _: int, before: int = before, name: str = name) -> None:
            context.progress(before + done, total, f"recording {name}")

        dataset = locate(
            source,
            name=name,
            episodes=counts[position],
            seed=inputs.data_seed,
            noise=inputs.demonstration_noise,
            cache=cache_dir(),
            cameras=tuple(inputs.cameras),
            progress=recorded,
        )
        context.progress(before + counts[position], total, name)
        own = {
            "source": source,
            "role": "unseen" if position == unseen_at else "client",
            "training_episodes": len(dataset.training_episodes(inputs.held_out)),
            "cameras": sorted(dataset.cameras),
        }
        sets.append(PreparedSet.model_validate(vars(dataset) | own))
    rows = [
        [one.name, one.role, str(one.episodes), str(one.frames), f"{one.fps:g}", one.tasks[0] if one.tasks else ""]
        for one in sets
    ]
    *clients, last = [name_source(*one) for one in wanted]
    clients, unseen = (clients, last) if unseen_at < len(wanted) else ([*clients, last], "")
    return PrepareOutputs(
        data=";".join(clients),
        unseen=unseen,
        sets=sets,
        table=[["data set", "for", "episodes", "frames", "fps", "task"], *rows],
    )


@check("data.episodes")
def enough_episodes(outputs: PrepareOutputs, *, minimum: int = MINIMUM_EPISODES) -> Iterator[Finding]:
    """Each data set has enough episodes to train on and to hold some out."""
    for one in outputs.sets:
        evidence = [Evidence(name="episodes", value=one.episodes, at=one.name)]
        held_out = one.episodes - one.training_episodes if one.role == "client" else one.episodes
        yield passed_if(
            one.episodes >= minimum,
            f"{one.episodes} episodes, {held_out} of them held out",
            f"{one.episodes} episodes, {minimum} wanted",
            at=one.name,
            evidence=evidence,
            remedy="record more",
        )


@check("data.features")
def same_features(outputs: PrepareOutputs) -> Finding:
    """All data sets have the joints and cameras the policy needs; a set that lacks one is refused before."""
    cameras = sorted(set.intersection(*(set(one.cameras) for one in outputs.sets)))
    evidence = [Evidence(name="cameras", value=", ".join(one.cameras), at=one.name) for one in outputs.sets]
    return passed_if(
        bool(cameras),
        f"{len(FEATURE_NAMES)} joints and cameras {', '.join(cameras)} everywhere",
        "the data sets share no camera",
        evidence=evidence,
        remedy="rename cameras with lerobot-edit-dataset",
    )


def _record(wanted: list[tuple[str, str]], counts: list[int], inputs: PrepareInputs, context: Context) -> None:
    """Record what is not in the cache yet, several data sets at a time."""
    from zk0.simulator.recording_pool import record_missing
    from zk0.simulator.tasks import task

    tasks = {
        task(source.removeprefix(SIMULATED)): count
        for (_, source), count in zip(wanted, counts, strict=True)
        if source.startswith(SIMULATED)
    }
    done = dict.fromkeys((one.name for one in tasks), 0)

    def recorded(name: str, episodes: int) -> None:
        done[name] = episodes
        context.progress(sum(done.values()), sum(counts), f"recording {name}")

    record_missing(
        tasks,
        seed=inputs.data_seed,
        noise=inputs.demonstration_noise,
        cache=recordings_in(cache_dir()),
        progress=recorded,
    )


def _sources(inputs: PrepareInputs, project: Project) -> list[tuple[str, str]]:
    """Return (name, source) of all data sets, the unseen one last; the run configuration's rules hold."""
    config = resolve({"data": inputs.data, "unseen": inputs.unseen})
    named = [*config.clients, *config.unseen_sets]
    return [(name, absolute_source(source, project.root)) for name, source in named]
