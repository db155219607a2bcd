"""Inspect a LeRobot data set before training: its format, features, episodes and files.

Nothing here imports LeRobot or torch, so a bad data set is refused within a second. The format is LeRobot's v3.0:
`meta/info.json`, `meta/episodes/*/*.parquet`, `data/*/*.parquet`, `videos/<camera>/*/*.mp4`.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from zk0.core.errors import DatasetError
from zk0.training.presets import FEATURE_NAMES

MINIMUM_EPISODES = 2  # one to train on, one held out
STATE, ACTION, IMAGES = "observation.state", "action", "observation.images."
VIDEOS = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"  # v3.0's layout
CONVERTER = "python -m lerobot.scripts.convert_dataset_v21_to_v30"


class _Version(BaseModel):
    codebase_version: str = "of an unknown version"


class _Feature(BaseModel):
    dtype: str
    shape: list[int]
    names: Any = None


class _Info(BaseModel):
    """The part of `meta/info.json` that zk0 reads."""

    fps: float = Field(gt=0)
    robot_type: str | None = None
    total_episodes: int
    total_frames: int
    video_path: str | None = None
    features: dict[str, _Feature]


class _Range(BaseModel):
    """The states' range in `meta/stats.json`; a joint that is not finite was never measured."""

    model_config = ConfigDict(allow_inf_nan=False)

    low: list[float] = Field(alias="min", min_length=len(FEATURE_NAMES), max_length=len(FEATURE_NAMES))
    high: list[float] = Field(alias="max", min_length=len(FEATURE_NAMES), max_length=len(FEATURE_NAMES))


class _Statistics(BaseModel):
    state: _Range = Field(alias=STATE)


@dataclass(frozen=True)
class DatasetDescription:
    """The description of a data set.

    `cameras` maps a camera's name to (height, width) in pixels; `state_range` is (minimum, maximum) per joint in the
    data set's own units; `digest` covers metadata, states, actions and the sizes of the videos.
    """

    root: Path
    name: str
    fps: float
    robot_type: str | None
    episodes: int
    frames: int
    tasks: tuple[str, ...]
    cameras: dict[str, tuple[int, int]]
    state_range: tuple[tuple[float, float], ...]
    digest: str

    def training_episodes(self, held_out: float) -> list[int]:
        """Return the episodes to train on: all but the last `ceil(held_out * episodes)`."""
        return list(range(self.episodes - self._held_out(held_out)))

    def held_out_episodes(self, held_out: float) -> list[int]:
        """Return the episodes no client trains on: at least one, at most all but one."""
        return list(range(self.episodes - self._held_out(held_out), self.episodes))

    def episode_statistics(self, features: Sequence[str], keys: Sequence[str]) -> list[dict[str, dict[str, Any]]]:
        """Return the statistics recorded with each episode: one {feature: {key: list of floats}} per episode."""
        columns = [f"stats/{feature}/{key}" for feature in features for key in keys]
        rows = _read_tables(self.root, "meta/episodes", columns)
        return [{feature: {key: row[f"stats/{feature}/{key}"] for key in keys} for feature in features} for row in rows]

    def trajectories(self, episodes: Sequence[int]) -> list[tuple[list[list[float]], list[list[float]]]]:
        """Return states and actions of each episode, both (frames, 6)."""
        rows = _read_tables(self.root, "data", ["episode_index", "frame_index", STATE, ACTION])
        own: dict[int, list[dict[str, Any]]] = {number: [] for number in episodes}
        for row in sorted(rows, key=lambda row: row["frame_index"]):
            if row["episode_index"] in own:
                own[row["episode_index"]].append(row)
        return [([row[STATE] for row in found], [row[ACTION] for row in found]) for found in own.values()]

    def _held_out(self, share: float) -> int:
        count = math.ceil(round(self.episodes * share, 9))  # 0.07 * 100 is 7.000000000000001
        return min(max(1, count), self.episodes - 1)


def describe(root: Path, *, name: str | None = None, cameras: Sequence[str] | None = None) -> DatasetDescription:
    """Read and check the metadata of the data set in a folder, called `name` or else like the folder.

    Raises:
        DatasetError: it is not a complete LeRobot v3.0 data set of an SO-100/SO-101 arm with these cameras.
    """
    info = _read_info(root)
    _check_features(root, info, cameras)
    episodes = _read_tables(root, "meta/episodes")
    _check_counts(root, info, episodes, frames=len(_read_tables(root, "data", columns=["episode_index"])))
    found = {key: spec for key, spec in info.features.items() if key.startswith(IMAGES)}
    _check_videos(root, info, episodes, [key for key, spec in found.items() if spec.dtype == "video"])
    state = _read_json(root / "meta" / "stats.json", _Statistics).state
    return DatasetDescription(
        root=root,
        name=name or root.name,
        fps=info.fps,
        robot_type=info.robot_type,
        episodes=len(episodes),
        frames=info.total_frames,
        tasks=tuple(sorted({task for row in episodes for task in row["tasks"]})),
        cameras={key.removeprefix(IMAGES): (spec.shape[0], spec.shape[1]) for key, spec in found.items()},
        state_range=tuple(zip(state.low, state.high, strict=True)),
        digest=_digest(root),
    )


def _read_info(root: Path) -> _Info:
    if not root.is_dir():
        raise DatasetError(f"there is no data set at {root}", remedy="give the folder that holds meta/info.json")
    if not (root / "meta" / "info.json").is_file():
        raise DatasetError(f"{root} is not a LeRobot data set: it has no meta/info.json")
    version = _read_json(root / "meta" / "info.json", _Version).codebase_version
    if not version.startswith("v3."):
        raise DatasetError(
            f"{root} is a LeRobot {version} data set; zk0 reads v3.0",
            remedy=f"{CONVERTER} --repo-id={root.name} --root={root}",
        )
    return _read_json(root / "meta" / "info.json", _Info)


def _check_features(root: Path, info: _Info, cameras: Sequence[str] | None) -> None:
    features = info.features
    for key in (STATE, ACTION):
        names = tuple((features[key].names if key in features else None) or ())
        if names != FEATURE_NAMES:
            shown = ", ".join(map(str, names)) or "nothing"
            raise DatasetError(
                f"{root}: {key} holds {shown}; an SO-100/SO-101 arm has {', '.join(FEATURE_NAMES)}",
                remedy="record with LeRobot's so101_follower, or rename the features with lerobot-edit-dataset",
            )
    own = [key.removeprefix(IMAGES) for key in features if key.startswith(IMAGES)]
    missing = [camera for camera in cameras or () if camera not in own]
    if missing or not own:
        raise DatasetError(
            f"{root}: camera {', '.join(missing) or 'any'} is missing; it has {', '.join(own) or 'none'}",
            remedy="name cameras that every data set has, e.g. -i cameras=" + (",".join(own) or "wrist"),
        )


def _check_counts(root: Path, info: _Info, episodes: list[dict[str, Any]], *, frames: int) -> None:
    if len(episodes) < MINIMUM_EPISODES:
        raise DatasetError(
            f"{root} has {len(episodes)} episodes; zk0 needs {MINIMUM_EPISODES}, one of them to hold out",
            remedy="record more episodes",
        )
    for what, counted, listed, where in (
        ("episodes", info.total_episodes, len(episodes), "meta/episodes"),
        ("frames", info.total_frames, frames, "data"),
    ):
        if counted != listed:
            raise DatasetError(
                f"{root}: meta/info.json counts {counted} {what} and {where} has {listed}",
                remedy="fetch the whole data set; an interrupted recording needs dataset.finalize()",
            )


def _check_videos(root: Path, info: _Info, episodes: list[dict[str, Any]], keys: Iterable[str]) -> None:
    name = (info.video_path or VIDEOS).format
    places = {
        (key, row[f"videos/{key}/chunk_index"], row[f"videos/{key}/file_index"]) for key in keys for row in episodes
    }
    expected = {root / name(video_key=key, chunk_index=chunk, file_index=file) for key, chunk, file in places}
    missing = sorted(str(path.relative_to(root)) for path in expected if not path.is_file() or not path.stat().st_size)
    if missing:
        raise DatasetError(
            f"{root}: {len(missing)} of {len(expected)} video files are missing or empty, e.g. {missing[0]}",
            remedy="fetch the data set with its videos (git lfs pull, or hf download --repo-type dataset)",
        )


def _read_tables(root: Path, below: str, columns: list[str] | None = None) -> list[dict[str, Any]]:
    """Read all Parquet files below a folder; if the recorder was killed, a file has no footer."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    paths = sorted((root / below).glob("*/*.parquet"))
    if not paths:
        raise DatasetError(f"{root} has no {below}/*/*.parquet", remedy="fetch the whole data set")
    rows: list[dict[str, Any]] = []
    for path in paths:
        try:
            with pq.ParquetFile(path) as table:
                names = [name for name in table.schema_arrow.names if not name.startswith("stats/")]
                rows += table.read(columns=columns or names).to_pylist()
        except (pa.ArrowInvalid, OSError) as error:
            raise DatasetError(
                f"{path} can't be read: {str(error).splitlines()[0]}",
                remedy="a file without its footer was not finalized: call dataset.finalize(), or record again",
            ) from error
    return rows


def _read_json[M: BaseModel](path: Path, model: type[M]) -> M:
    remedy = "fetch the data set again, or record again"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))  # not pydantic's: LeRobot writes NaN, which is not JSON
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DatasetError(f"{path}: {where}: {first['msg']}", remedy=remedy) from error
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} can't be read: {error}", remedy=remedy) from error


def _digest(root: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        # Hidden folders are git's or the hub's metadata, and differ between copies of one data set.
        if not path.is_file() or any(part.startswith(".") for part in inside.parts):
            continue
        total.update(inside.as_posix().encode())
        if path.suffix == ".mp4":
            # Gigabytes of video: their sizes suffice beside the digest of states, actions and timestamps.
            total.update(str(path.stat().st_size).encode())
        else:
            total.update(path.read_bytes())
    return total.hexdigest()[:16]
