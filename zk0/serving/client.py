"""Drive the simulated arm with LeRobot's own robot client, through a policy server.

    python -m zk0.serving.client drive.json

A program of its own: LeRobot's client makes a folder `logs/` where it is imported, and takes over the process's
logging. It writes `drive-results.json` and `exchanges.npz` beside the request.
"""

import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

RESULTS, EXCHANGES = "drive-results.json", "exchanges.npz"
PATIENCE = 60.0  # seconds without a new chunk, beside those of executing one; the base policy takes 4 s on a CPU
POLL = 0.1  # seconds between two looks whether an episode is over
KEPT = 20  # exchanges of each task that are kept to compare; 55 kB each


@dataclass(frozen=True)
class DriveRequest:
    """What to drive: tasks and episodes through a server; `rate` is in control steps per second."""

    address: str
    checkpoint: str
    tasks: tuple[str, ...]
    episodes: int
    seed: int
    rate: int
    chunk: int
    threshold: float
    device: str = "cpu"

    @classmethod
    def read(cls, path: Path) -> "DriveRequest":
        """Read it from the file that `serving.drive` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class DrivenEpisode:
    """One episode: how it ended, and the seconds from each observation to its actions."""

    task: str
    success: bool
    steps: int
    finite: bool
    over: bool  # false: the client waited for actions in vain
    latencies: list[float]


class Exchanges:
    """Observations that were sent, with the actions that came back for them."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.latencies: list[float] = []
        self.task = ""
        self.last = time.monotonic()  # when a chunk came, or the episode began
        self._sent: dict[int, tuple[float, dict[str, Any]]] = {}

    def begin(self, task: str) -> None:
        """Begin an episode of a task."""
        self.task, self.latencies, self._sent, self.last = task, [], {}, time.monotonic()

    def send(self, observation: Any) -> None:
        """Note an observation; of those with one number, the first is the one that is answered."""
        self._sent.setdefault(observation.get_timestep(), (time.perf_counter(), observation.get_observation()))

    def receive(self, actions: list[Any]) -> None:
        """Note the chunk that answers an observation."""
        began = self._sent.pop(actions[0].get_timestep(), None) if actions else None
        if began is None:
            return
        self.latencies.append(time.perf_counter() - began[0])
        self.last = time.monotonic()
        if sum(row["task"] == self.task for row in self.rows) < KEPT:
            import numpy as np

            chunk = np.stack([one.get_action().numpy() for one in actions])
            self.rows.append({"task": self.task, "observation": began[1], "chunk": chunk})

    def save(self, path: Path) -> None:
        """Write them as arrays: `state` (n, 6), one array of images per camera, `chunk` (n, horizon, 6), `sentence`."""
        import numpy as np

        from zk0.simulator.cameras import CAMERAS
        from zk0.simulator.units import FEATURE_NAMES

        raw = [row["observation"] for row in self.rows]
        arrays: dict[str, Any] = {
            "state": np.array([[one[name] for name in FEATURE_NAMES] for one in raw], dtype=np.float32),
            "chunk": np.array([row["chunk"] for row in self.rows], dtype=np.float32),
            "sentence": np.array([one["task"] for one in raw]),
            **{camera: np.array([one[camera] for one in raw], dtype=np.uint8) for camera in CAMERAS},
        }
        np.savez(path, **arrays)


def recording_client(exchanges: Exchanges) -> Any:
    """Return LeRobot's client class, which notes what it sends and receives."""
    from lerobot.async_inference.robot_client import RobotClient

    class RecordingClient(RobotClient):  # type: ignore[misc]  # LeRobot has no types
        """LeRobot's robot client, with its exchanges noted."""

        def send_observation(self, obs: Any) -> bool:
            exchanges.send(obs)
            return bool(super().send_observation(obs))

        def _aggregate_action_queues(self, incoming_actions: Any, aggregate_fn: Any = None) -> None:
            exchanges.receive(incoming_actions)
            super()._aggregate_action_queues(incoming_actions, aggregate_fn)

    return RecordingClient


def drive_episode(request: DriveRequest, simulation: Any, seed: int, client_class: Any, exchanges: Exchanges) -> Any:
    """Run one episode in LeRobot's own two loops, and return the arm as it is after it.

    Raises:
        ConnectionError: the server refuses the policy, or does not answer.
    """
    from lerobot.async_inference.configs import RobotClientConfig

    from zk0.serving.config_arm import SimulatedSO101Config

    arm = SimulatedSO101Config(simulation=simulation, seed=seed, calibration_dir=Path("calibration"))
    client = client_class(
        RobotClientConfig(
            robot=arm,
            policy_type="smolvla",
            pretrained_name_or_path=request.checkpoint,
            policy_device=request.device,
            server_address=request.address,
            actions_per_chunk=request.chunk,
            task=simulation.task.sentence,
            fps=request.rate,
            chunk_size_threshold=request.threshold,
            aggregate_fn_name="latest_only",  # an average of two chunks would be neither
        )
    )
    exchanges.begin(simulation.task.name)
    if not client.start():
        raise ConnectionError(f"the policy server at {request.address} does not answer, or refuses the policy")
    patience = PATIENCE + request.chunk / request.rate
    receiver = threading.Thread(target=client.receive_actions, daemon=True)
    watch = threading.Thread(target=_stop_when_over, args=(client, arm.over, exchanges, patience), daemon=True)
    receiver.start()
    watch.start()
    client.control_loop(task=simulation.task.sentence)  # in this thread, which has the cameras' contexts
    receiver.join()
    client.stop()
    return client.robot


def _stop_when_over(client: Any, over: threading.Event, exchanges: Exchanges, patience: float) -> None:
    """Stop LeRobot's loops when the episode is over, or when no chunk has come for `patience` seconds."""
    while not over.wait(POLL) and time.monotonic() - exchanges.last < patience:
        pass
    client.shutdown_event.set()


def drive(request: DriveRequest, folder: Path, say: Callable[[str], None]) -> None:
    """Drive all episodes and write what happened."""
    from zk0.simulator.environment import Simulation
    from zk0.simulator.tasks import episode_seed, task

    exchanges, episodes = Exchanges(), []
    client_class = recording_client(exchanges)
    for name in request.tasks:
        with Simulation(task(name)) as simulation:
            for index in range(request.episodes):
                seed = episode_seed(name, request.seed, index, "rollout")
                arm = drive_episode(request, simulation, seed, client_class, exchanges)
                over = arm.config.over.is_set()
                episodes.append(
                    DrivenEpisode(name, simulation.success, arm.taken, arm.is_finite, over, exchanges.latencies)
                )
                say(f"{name} {index + 1}: {'success' if simulation.success else 'no success'} in {arm.taken} steps")
                if not over:
                    raise ConnectionError(f"no actions came in {name}, after {arm.taken} steps")
    exchanges.save(folder / EXCHANGES)
    content = [asdict(one) for one in episodes]
    (folder / RESULTS).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    request_file = Path(sys.argv[1]).resolve()
    drive(DriveRequest.read(request_file), request_file.parent, lambda note: print(note, flush=True))  # noqa: T201
