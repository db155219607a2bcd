"""Write frames as a LeRobot v3.0 data set with h264 video, atomically and quietly."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zk0.core.errors import DependencyMissingError
from zk0.simulator.cameras import CAMERAS
from zk0.simulator.tasks import Task
from zk0.simulator.units import FEATURE_NAMES

# Measured with libx264 165: encoding the same frames twice gave other bytes in 2 of 100 videos, and in none of 1,920
# without macroblock trees, which look ahead farther than the two frames between LeRobot's key frames anyway. One
# thread, because bytes depend on the number of threads and its default on the machine.
REPRODUCIBLE = {"mbtree": 0}
ENCODER_THREADS = 1
QUEUE_PER_STEP = 10  # frames of room for each of a task's steps: a full queue drops frames with no more than a warning


@contextmanager
def new_dataset(task: Task, root: Path, image_size: int) -> Iterator[Any]:
    """Yield a `LeRobotDataset` to add frames and episodes to, and finalize it at the end.

    After an error or an interrupt `root` is removed.

    Raises:
        DependencyMissingError: LeRobot is not installed.
    """
    try:
        from lerobot.configs.video import RGBEncoderConfig
        from lerobot.datasets.lerobot_dataset import LeRobotDataset
    except ModuleNotFoundError as error:
        raise DependencyMissingError(
            f"recording needs {error.name}, which is not installed", remedy="pip install 'zk0[simulator]'"
        ) from error
    with _quiet():
        dataset = LeRobotDataset.create(
            f"zk0/{task.name}",
            fps=task.rate,
            features=features(image_size),
            root=root,
            robot_type="so101_follower",
            rgb_encoder=RGBEncoderConfig(vcodec="h264", extra_options=REPRODUCIBLE),
            video_backend="pyav",  # asking for torchcodec prints two pages of warnings where FFmpeg is not installed
            streaming_encoding=True,
            encoder_queue_maxsize=QUEUE_PER_STEP * task.max_steps,
            encoder_threads=ENCODER_THREADS,
        )
        try:
            yield dataset
            dataset.finalize()
        except BaseException:
            try:
                dataset.clear_episode_buffer()  # stops the encoders' threads
                dataset.finalize()
            finally:
                shutil.rmtree(root)
            raise


def features(image_size: int) -> dict[str, dict[str, Any]]:
    """Return LeRobot's description of a frame: state and action (6,), one square video per camera."""
    joints = {"dtype": "float32", "shape": (len(FEATURE_NAMES),), "names": list(FEATURE_NAMES)}
    video = {"dtype": "video", "shape": (image_size, image_size, 3), "names": ["height", "width", "channels"]}
    cameras = {f"observation.images.{camera}": dict(video) for camera in CAMERAS}
    return {"observation.state": dict(joints), "action": dict(joints), **cameras}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep x264's statistics of each video and the progress bar of each episode off stderr."""
    import av
    import datasets

    had_bars = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    av.logging.set_libav_level(av.logging.ERROR)
    try:
        yield
    finally:
        av.logging.set_libav_level(av.logging.INFO)  # FFmpeg's own default; PyAV cannot read the level
        if had_bars:
            datasets.enable_progress_bars()
