"""LeRobot v3.0 data sets written by hand: what their format asks for, and videos that are only bytes."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from zk0.training.presets import FEATURE_NAMES

STATE = [-30.0, -90.0, 20.0, 40.0, 0.0, 5.0]


def write_dataset(
    root: Path, *, episodes: int = 3, cameras: tuple[str, ...] = ("wrist", "overhead"), state: list[float] | None = None
) -> Path:
    """Write a data set of two frames an episode; `state` is the first frame's, in degrees."""
    first = state or STATE
    states = [first] + [[value + 1.0 for value in STATE]] * (2 * episodes - 1)
    write_json(root / "meta" / "info.json", info(episodes, cameras))
    extremes = {"min": list(map(min, zip(*states, strict=True))), "max": list(map(max, zip(*states, strict=True)))}
    write_json(root / "meta" / "stats.json", {"observation.state": extremes})
    write_table(root / "meta" / "episodes", [_episode(number, cameras) for number in range(episodes)])
    write_table(
        root / "data",
        [
            {"observation.state": state, "action": state, "episode_index": index // 2, "frame_index": index % 2}
            for index, state in enumerate(states)
        ],
    )
    for camera in cameras:
        video = root / "videos" / f"observation.images.{camera}" / "chunk-000" / "file-000.mp4"
        video.parent.mkdir(parents=True)
        video.write_bytes(b"\0" * 100)
    return root


def info(episodes: int, cameras: tuple[str, ...]) -> dict[str, Any]:
    """Return what `meta/info.json` says."""
    joints = {"dtype": "float32", "shape": [6], "names": list(FEATURE_NAMES)}
    image = {"dtype": "video", "shape": [96, 128, 3], "names": ["height", "width", "channels"]}
    return {
        "codebase_version": "v3.0",
        "fps": 10,
        "robot_type": "so101_follower",
        "total_episodes": episodes,
        "total_frames": 2 * episodes,
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        "features": {
            "observation.state": joints,
            "action": joints,
            **{f"observation.images.{camera}": image for camera in cameras},
            "timestamp": {"dtype": "float32", "shape": [1], "names": None},
        },
    }


def write_json(path: Path, content: object) -> None:
    """Write a file of the data set's metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def write_table(folder: Path, rows: list[dict[str, Any]], *, file: int = 0) -> None:
    """Write rows as one Parquet file."""
    path = folder / "chunk-000" / f"file-{file:03d}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


def _episode(number: int, cameras: tuple[str, ...]) -> dict[str, Any]:
    return {
        "episode_index": number,
        "tasks": ["Pick up the red cylinder." if number % 2 else "Touch the purple cube."],
        "length": 2,
        "stats/action/mean": [float(number)] * 6,
        **{
            f"videos/observation.images.{camera}/{what}": 0
            for camera in cameras
            for what in ("chunk_index", "file_index")
        },
    }
