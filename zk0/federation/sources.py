"""Find a client's data set: recorded in the simulator, in a folder, or on the hub."""

from collections.abc import Callable
from pathlib import Path

from zk0.core.errors import AssetMissingError
from zk0.core.project import cache_dir
from zk0.federation.configuration import RunConfig
from zk0.training.dataset_inspection import DatasetDescription, describe

SIMULATED = "sim:"
UNSEEN_EPISODES = 8  # recorded of the set that no client has: more than `evaluation-frames` looks at
AT_SITE = "site:"  # a data set that only its client can reach: `arm-a=site:`


def is_folder(source: str, root: Path = Path()) -> bool:
    """Return whether a source is a folder on this machine (relative to `root`, existing or not) and not a hub id."""
    return source.startswith((".", "~", "/")) or source.count("/") != 1 or (root / source).exists()


def recordings_in(cache: Path) -> Path:
    """Return the folder of the cache that holds what was recorded in the simulator."""
    return cache / "recordings"


def absolute_source(source: str, root: Path) -> str:
    """Return a source that is valid in every working directory: a folder becomes absolute."""
    if source.startswith((SIMULATED, AT_SITE)) or not is_folder(source, root):
        return source
    return str((root / Path(source).expanduser()).resolve())


def locate(
    source: str,
    *,
    name: str,
    episodes: int,
    seed: int,
    noise: float,
    cache: Path,
    cameras: tuple[str, ...],
    progress: Callable[[int, int], None] | None = None,
) -> DatasetDescription:
    """Return a checked data set; record or fetch it first if needed.

    A source is `sim:TASK`, which is recorded in the simulator with these episodes, this seed and this noise, a folder,
    or a hub id `owner/name`. `progress` is called with (episodes recorded, episodes wanted).

    Raises:
        DatasetError: it cannot be trained on.
        AssetMissingError: there is no such folder, and the hub cannot be reached.
        UnknownNameError: there is no such task.
    """
    if source.startswith(SIMULATED):
        from zk0.simulator.recorder import cached_recording
        from zk0.simulator.tasks import task

        found = task(source.removeprefix(SIMULATED))
        root = cached_recording(
            found, episodes=episodes, seed=seed, cache=recordings_in(cache), noise=noise, progress=progress
        )
    elif is_folder(source):
        root = Path(source).expanduser()
    else:
        root = _fetch(source)
    return describe(root, name=name, cameras=cameras)


def episodes_to_record(episodes: int, *, unseen: bool) -> int:
    """Return how many episodes are recorded of a data set where `episodes` are recorded of a client's."""
    return min(episodes, UNSEEN_EPISODES) if unseen else episodes


def locate_configured(name: str, source: str, config: RunConfig) -> DatasetDescription:
    """Locate a data set with a run's configuration; raises what `locate` raises."""
    return locate(
        source,
        name=name,
        episodes=episodes_to_record(config.episodes, unseen=(name, source) in config.unseen_sets),
        seed=config.data_seed,
        noise=config.demonstration_noise,
        cache=cache_dir(),
        cameras=config.camera_names,
    )


def _fetch(repository: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return Path(snapshot_download(repository, repo_type="dataset"))
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        reason = (str(error) or type(error).__name__).partition("\n")[0]
        raise AssetMissingError(
            f"{repository} is neither a local folder nor a data set of the hub: {reason}",
            remedy=f"give a local folder, or fetch it online: hf download --repo-type dataset {repository}",
        ) from error
