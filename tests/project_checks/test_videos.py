"""Videos beside states: right pairs, and pairs as a hurried or dishonest author makes them."""

import json
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from zk0.project_checks.videos import CHANCE, read_recording, resemblance

EPISODES, LENGTH, FPS, SIDE = 8, 12, 10, 64
CAMERA = "observation.images.top"


def paths() -> np.ndarray:
    """Return where an arm of two joints is, from 0 to 1: each episode goes from one place to another."""
    chance = np.random.default_rng(5)
    begin, end = chance.random((2, EPISODES, 1, 2))
    return begin + (end - begin) * np.linspace(0, 1, LENGTH)[None, :, None]


def picture(place: np.ndarray) -> np.ndarray:
    image = np.full((SIDE, SIDE, 3), 40, np.uint8)
    row, column = (8 + place * (SIDE - 24)).astype(int)
    image[row : row + 12, column : column + 12] = 220
    return image


def data_set(folder: Path, shown: np.ndarray, states: np.ndarray, **changes: dict[str, float]) -> Path:
    """Write a data set of LeRobot's layout, in which the video shows `shown`."""
    rows = []
    for episode in range(len(states)):
        begin = episode * LENGTH / FPS
        video = {"chunk_index": 0, "file_index": 0, "from_timestamp": begin, "to_timestamp": begin + LENGTH / FPS}
        video |= changes.get(f"episode_{episode}", {})
        rows.append(
            {"episode_index": episode, "length": LENGTH, **{f"videos/{CAMERA}/{key}": v for key, v in video.items()}}
        )
    numbers = np.repeat(np.arange(len(states)), LENGTH)
    table = {"episode_index": numbers, "observation.state": states.reshape(-1, 2).tolist()}
    table |= {"timestamp": np.tile(np.arange(LENGTH) / FPS, len(states)), "frame_index": numbers * 0}
    files = {"meta/episodes/chunk-000/file-000": pa.Table.from_pylist(rows), "data/chunk-000/file-000": pa.table(table)}
    for name, content in files.items():
        path = folder / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(content, path)
    (folder / "meta" / "info.json").write_text(json.dumps({"fps": FPS, "features": {CAMERA: {"dtype": "video"}}}))
    video_file = folder / "videos" / CAMERA / "chunk-000" / "file-000.mp4"
    video_file.parent.mkdir(parents=True)
    with av.open(str(video_file), "w") as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.width = stream.height = SIDE
        stream.bit_rate = 20_000_000
        for place in shown.reshape(-1, 2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(place), format="rgb24")))
        container.mux(stream.encode())
    return folder


@pytest.fixture
def ask(small, receipt, tmp_path):
    """Give a function that judges a data set whose videos show these places."""

    def judge(shown: np.ndarray, **changes: dict[str, float]) -> dict[str, str]:
        states = paths()[: len(shown)]
        folder = data_set(tmp_path / "set", shown, states, **changes)
        receipt(small, uses="data.prepare", outputs={"data": f"a={folder}", "unseen": ""})
        return {str(finding.verdict): finding.message for finding in small.ask("videos.match")}

    return judge


def test_videos_of_their_own_episodes_pass(ask):
    assert set(ask(paths())) == {"pass"}


def test_videos_of_other_episodes_are_named(ask):
    told = ask(np.roll(paths(), 3, axis=0))

    assert "videos do not resemble each other as their states do" in told["warn"]


def test_one_video_for_two_episodes_fails(ask):
    shown = paths()
    shown[5] = shown[2]

    assert ask(shown)["fail"] == f"episodes 2 and 5 have the same video of {CAMERA}"


def test_a_part_of_a_video_that_two_episodes_share_fails(ask):
    told = ask(paths(), episode_5={"from_timestamp": 2.4, "to_timestamp": 3.6})

    assert told["fail"].startswith(f"episodes 2 and 5 of {CAMERA} share a part of a video")


def test_a_video_that_stands_still_while_the_arm_moves_fails(ask):
    shown = paths()
    shown[4] = shown[4][:1]

    assert ask(shown)["fail"] == f"the arm moves in episode 4, and its video of {CAMERA} does not"


def test_a_video_of_another_length_fails(ask):
    told = ask(paths(), episode_7={"to_timestamp": 9.1})

    assert told["fail"].startswith(f"episode 7 of {CAMERA} has 0.70 s of video and 1.20 s of states")


def test_a_video_that_ends_early_fails(ask):
    shown = paths()[:EPISODES]
    told = ask(shown, episode_7={"from_timestamp": 9.0, "to_timestamp": 10.2})

    assert told["fail"].startswith(f"episode 7 of {CAMERA} has 6 frames in its video and 12 states")


def test_of_few_episodes_resemblance_is_not_compared(ask):
    told = ask(paths()[:3])

    assert set(told) == {"pass", "not-applicable"}
    assert told["not-applicable"] == "resemblance is not compared: it needs 8 episodes"


def test_recordings_of_the_simulator_pass_and_wrong_pairs_of_them_are_found(recordings):
    """Two tasks of three episodes in one: the pairs of one task with the videos of the other do not fit."""
    cameras = ["observation.images.wrist", "observation.images.overhead"]
    one, other = (read_recording(folder, 10.0, cameras) for folder in recordings.values())
    both = replace(
        one,
        episodes=tuple(range(6)),
        states=np.concatenate([one.states, other.states]),
        pictures={key: np.concatenate([one.pictures[key], other.pictures[key]]) for key in cameras},
    )
    wrong = replace(both, pictures={key: pictures[[0, 3, 1, 4, 2, 5]] for key, pictures in both.pictures.items()})

    assert (one.problems, other.problems) == ((), ())
    assert resemblance(both)[1] <= CHANCE < resemblance(wrong)[1]
