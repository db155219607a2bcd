"""Do the videos of a data set belong to the states beside them? (`videos.match`)

Three things are certain: how many frames a video has for an episode, whether two episodes have the same pictures, and
whether a video stands still while the arm moves. The fourth is a test of resemblance. An arm in similar places gives
similar pictures, so episodes with similar states must have similar videos. It compares the two matrices of distances
between episodes by Spearman's correlation, and the pairing as recorded with random ones (Mantel, "The detection of
disease clustering", 1967). When an arm moves says nothing: all episodes of one task move alike in time, and the
correlation of motion is as high with the videos of other episodes (0.57 on average in either case, 18 episodes of three
tasks of our simulator).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zk0.core.checks import Part, check
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, failed, not_applicable, not_available, passed, warned
from zk0.project_checks.recorded_runs import data_folders

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    type Floats = NDArray[np.float64]

HALF_FRAME = 0.5  # times are rounded to less
SIDE = 32  # pixels: enough to see where an arm is, and 100 episodes fit into memory
INSTANTS = 20  # of each episode, evenly spaced, so that episodes of any length compare
FEWEST = 8  # episodes: by 6, one pairing in 20 as recorded fitted no better than by chance; by 8, none of 80
MOST = 40  # episodes that are read of a data set, evenly spaced: decoding takes 5 ms a second of video
SHUFFLES = 199  # random pairings
CHANCE = 0.1  # the share of random pairings that may fit as well: by 8 episodes as recorded it was 0.045 at most
SAME = 0.3  # grey levels of 255 between two videos: copies; of copies encoded anew, at low quality, it can be more
STILL = 0.1  # grey levels of 255 from one instant to the next; episodes of our simulator had 1.4 and more
MOVING = 0.05  # of the range of a joint: an arm that moves less is still too


@dataclass(frozen=True)
class Recording:
    """Some episodes of a data set: states `(episodes, instants, joints)`, pictures by camera `(…, height, width)`."""

    episodes: tuple[int, ...]
    total: int
    states: "Floats"
    pictures: Mapping[str, "Floats"]
    problems: tuple[str, ...]


@check("videos.match", reads=(Part.runs,), timeout=120)
def match(project: Project) -> Iterator[Finding]:
    """Each episode's videos have its frames, are no other episode's, and resemble each other as the states do."""
    for name, folder in data_folders(project):
        info = json.loads((folder / "meta" / "info.json").read_text(encoding="utf-8"))
        cameras = [key for key, feature in info.get("features", {}).items() if feature.get("dtype") == "video"]
        if not cameras:
            yield not_applicable("it has no videos", at=name)
            continue
        recording = read_recording(folder, float(info["fps"]), cameras)
        yield from _judge(recording, name)


def _judge(recording: Recording, name: str) -> Iterator[Finding]:
    if not recording.episodes:
        yield not_available("it has no episodes", at=name)
        return
    problems = [*recording.problems, *_repeated(recording), *_still(recording)]
    remedy = "record it again, or pair videos and states as they were recorded"
    if problems:
        more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        yield failed(f"{problems[0]}{more}", at=name, remedy=remedy)
        return
    read = f"{len(recording.episodes)} of {recording.total} episodes"
    yield passed(f"{read} have videos of their length, which move and are all different", at=name)
    if len(recording.episodes) < FEWEST:
        yield not_applicable(f"resemblance is not compared: it needs {FEWEST} episodes", at=name)
        return
    fit, chance = resemblance(recording)
    evidence = [
        Evidence(name="correlation of distances", value=round(fit, 3), at=name),
        Evidence(name="random pairings that fit as well", value=round(chance, 3), at=name),
    ]
    message = f"episodes with similar states have similar videos: {fit:.2f}, as {chance:.1%} of random pairings"
    if chance <= CHANCE:
        yield passed(message, at=name, evidence=evidence)
    else:
        message = f"videos do not resemble each other as their states do: {fit:.2f}, as {chance:.0%} of random pairings"
        yield warned(message, at=name, evidence=evidence, remedy=f"look at some: {remedy}")


def resemblance(recording: Recording) -> tuple[float, float]:
    """Return how well distances of states and of videos agree, and the share of random pairings that do as well."""
    import numpy as np

    states = _distances(recording.states)
    videos = [_distances(pictures) for pictures in recording.pictures.values()]
    upper = np.triu_indices(len(states), 1)
    wanted = _ranks(states[upper])

    def fit(order: "NDArray[np.intp]") -> float:
        found = [_ranks(one[np.ix_(order, order)][upper]) for one in videos]
        return float(np.mean([np.corrcoef(wanted, one)[0, 1] for one in found]))

    chance = np.random.default_rng(0)
    true = fit(np.arange(len(states)))
    others = [fit(chance.permutation(len(states))) for _ in range(SHUFFLES)]
    return true, float((1 + sum(other >= true for other in others)) / (1 + SHUFFLES))


def read_recording(folder: Path, fps: float, cameras: list[str]) -> Recording:
    """Read some episodes of a LeRobot v3.0 data set; what is wrong with frames and times is a problem."""
    import numpy as np
    from pyarrow import parquet

    tables = [parquet.read_table(path) for path in sorted((folder / "meta" / "episodes").rglob("*.parquet"))]
    rows = sorted((row for table in tables for row in table.to_pylist()), key=lambda row: row["episode_index"])
    chosen = [rows[i] for i in np.unique(np.linspace(0, len(rows) - 1, MOST).round().astype(int))] if rows else []
    problems = list(_times(rows, cameras, fps))
    states = _states(folder, [row["episode_index"] for row in chosen])
    pictures: dict[str, Any] = {}
    for camera in cameras:
        frames = []
        for row in chosen:
            shown = _frames(folder, camera, row, fps)
            if len(shown) != row["length"]:
                at = f"episode {row['episode_index']} of {camera}"
                problems.append(f"{at} has {len(shown)} frames in its video and {row['length']} states")
            frames.append(_sample(shown if len(shown) else np.zeros((1, SIDE, SIDE))))
        pictures[camera] = np.asarray(frames)
    return Recording(tuple(row["episode_index"] for row in chosen), len(rows), states, pictures, tuple(problems))


def _times(rows: list[dict[str, Any]], cameras: list[str], fps: float) -> Iterator[str]:
    """Yield episodes whose stretch of a video has another length, or is that of another episode too."""
    for camera in cameras:
        ends: dict[tuple[int, int], tuple[float, int]] = {}
        for row in sorted(rows, key=lambda row: (_file(row, camera), _span(row, camera))):
            number, file, (begin, end) = int(row["episode_index"]), _file(row, camera), _span(row, camera)
            if abs((end - begin) * fps - row["length"]) > HALF_FRAME:
                seconds = f"{end - begin:.2f} s of video and {row['length'] / fps:.2f} s of states"
                yield f"episode {number} of {camera} has {seconds}"
            last, other = ends.get(file, (float("-inf"), -1))
            if begin < last - HALF_FRAME / fps:
                yield f"episodes {other} and {number} of {camera} share a part of a video"
            ends[file] = (end, number)


def _span(row: Mapping[str, Any], camera: str) -> tuple[float, float]:
    """Return where an episode begins and ends in its video, in seconds."""
    return float(row[f"videos/{camera}/from_timestamp"]), float(row[f"videos/{camera}/to_timestamp"])


def _file(row: Mapping[str, Any], camera: str) -> tuple[int, int]:
    return int(row[f"videos/{camera}/chunk_index"]), int(row[f"videos/{camera}/file_index"])


def _states(folder: Path, episodes: list[int]) -> "Floats":
    """Return the states of episodes at `INSTANTS`, each joint in parts of its range."""
    import numpy as np
    from pyarrow import concat_tables, parquet

    columns = ["episode_index", "observation.state"]
    table = concat_tables(
        [parquet.read_table(p, columns=columns) for p in sorted((folder / "data").rglob("*.parquet"))]
    )
    numbers = np.asarray(table["episode_index"])
    states = np.asarray(table["observation.state"].to_pylist(), dtype=np.float64)
    span = np.ptp(states, axis=0)
    states = states / np.where(span > 0, span, 1.0)
    return np.asarray([_sample(states[numbers == episode]) for episode in episodes])


def _frames(folder: Path, camera: str, row: Mapping[str, Any], fps: float) -> "Floats":
    """Return the frames of one episode, grey and small `(frames, height, width)`."""
    import av
    import numpy as np

    chunk, file = _file(row, camera)
    path = folder / "videos" / camera / f"chunk-{chunk:03d}" / f"file-{file:03d}.mp4"
    begin, end = _span(row, camera)
    if not path.is_file():
        return np.zeros((0, SIDE, SIDE))
    found = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        container.seek(int(begin / float(stream.time_base or 1)), stream=stream)
        for frame in container.decode(stream):
            at = float((frame.pts or 0) * (frame.time_base or 0)) * fps
            if at > end * fps - HALF_FRAME:
                break
            if at > begin * fps - HALF_FRAME:
                found.append(frame.reformat(width=SIDE, height=SIDE, format="gray").to_ndarray())
    return np.asarray(found, dtype=np.float64).reshape(-1, SIDE, SIDE)


def _sample(values: "Floats") -> "Floats":
    import numpy as np

    instants = np.linspace(0, len(values) - 1, INSTANTS).round().astype(int)
    return np.asarray(values[instants], dtype=np.float64)


def _repeated(recording: Recording) -> Iterator[str]:
    for camera, pictures in recording.pictures.items():
        distances = _distances(pictures)
        for i, one in enumerate(recording.episodes):
            for j, other in enumerate(recording.episodes[:i]):
                if distances[i, j] < SAME:
                    yield f"episodes {other} and {one} have the same video of {camera}"


def _still(recording: Recording) -> Iterator[str]:
    import numpy as np

    moves = np.ptp(recording.states, axis=1).max(axis=1) > MOVING
    for camera, pictures in recording.pictures.items():
        change = np.abs(np.diff(pictures, axis=1)).mean(axis=(1, 2, 3))
        for episode, moved, seen in zip(recording.episodes, moves, change, strict=True):
            if moved and seen < STILL:
                yield f"the arm moves in episode {episode}, and its video of {camera} does not"


def _distances(values: "Floats") -> "Floats":
    """Return the mean distance of each episode to each other, over all instants."""
    import numpy as np

    return np.asarray([np.abs(values - one).mean(axis=tuple(range(1, values.ndim))) for one in values])


def _ranks(values: "Floats") -> "Floats":
    return values.argsort().argsort().astype(float)
