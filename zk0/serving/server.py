"""LeRobot's policy server, guarded: on loopback only, for one checkpoint, and reading messages before it unpickles.

    python -m zk0.serving.server HOST PORT CHECKPOINT RATE SEED FOLDER

LeRobot's server (`lerobot.async_inference.policy_server`) reads what clients send with `pickle.loads`, which executes
whatever a sender puts in it, has neither TLS nor a password, and loads any policy that a client names. All its
inference and its protocol are used as they are; around them, this program refuses to listen beyond loopback, lets only
messages of the protocol be unpickled, and serves one checkpoint. The noise of a chunk is drawn from the observation, so
that its actions can be compared with local inference.
"""

import ipaddress
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zk0.core.errors import InputError
from zk0.core.ports import LOOPBACK
from zk0.serving.messages import require_protocol

OWN_ADDRESSES = (LOOPBACK, "::1")
OBSERVATION_SECONDS = 0.5  # how long a request for actions waits for an observation; a client asks again
BACKBONE = "backbone"  # as in `zk0.training.policy`, which imports LeRobot
POSITION = ".pos"  # how the joints of a raw observation end


def is_loopback(host: str) -> bool:
    """Return whether this is an address of this machine alone; a name is none, since it may mean any address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)  # ::ffff:127.0.0.1, as a socket for both families shows it
    return (mapped or address).is_loopback


def require_loopback(host: str) -> str:
    """Return the host if it is this machine's own address.

    Raises:
        InputError: it is another address, or a name.
    """
    if host not in OWN_ADDRESSES:
        raise InputError(
            f"the policy server can't listen on {host}: it executes what it is sent, without a password",
            remedy=f"give host={LOOPBACK}, and reach it from another machine through ssh -L PORT:{LOOPBACK}:PORT",
        )
    return host


@dataclass(frozen=True)
class GuardedPickle:
    """Stands for the module `pickle` in LeRobot's server: `loads` takes its messages only, for one checkpoint."""

    checkpoint: str
    original: Any

    def dumps(self, answer: object) -> bytes:
        """Return the bytes of an answer."""
        return bytes(self.original.dumps(answer))

    def loads(self, data: bytes) -> Any:
        """Return the message.

        Raises:
            InputError: it holds something else, or names another policy than the one that is served.
        """
        require_protocol(data)
        message = self.original.loads(data)
        named = getattr(message, "pretrained_name_or_path", self.checkpoint)
        if named != self.checkpoint:
            raise InputError(f"this server serves {self.checkpoint}, not {named}", remedy="name the checkpoint served")
        return message


@dataclass(frozen=True)
class ServerSettings:
    """Where the server listens, what it serves, how fast the arm is (actions per second), and the seed of its noise."""

    host: str
    port: int
    checkpoint: Path
    rate: int
    seed: int

    @classmethod
    def parse(cls, host: str, port: str, checkpoint: str, rate: str, seed: str) -> "ServerSettings":
        """Return the settings that the program's arguments give."""
        return cls(require_loopback(host), int(port), Path(checkpoint).resolve(), int(rate), int(seed))


def enter(folder: Path, checkpoint: Path) -> None:
    """Make a folder the working directory, in which the checkpoint's `backbone` is found: it is named relatively.

    LeRobot's server writes its logs there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    link = Path(BACKBONE)
    link.unlink(missing_ok=True)
    if (checkpoint / BACKBONE).is_dir():
        link.symlink_to(checkpoint / BACKBONE)


def serve(settings: ServerSettings) -> None:
    """Serve until the process is ended."""
    from lerobot.async_inference import policy_server
    from lerobot.async_inference.configs import PolicyServerConfig

    policy_server.pickle = GuardedPickle(str(settings.checkpoint), policy_server.pickle)
    policy_server.PolicyServer = seeded_server(policy_server.PolicyServer, settings.seed)
    policy_server.serve(  # the server's own main program
        PolicyServerConfig(
            host=settings.host,
            port=settings.port,
            fps=settings.rate,
            inference_latency=0.0,  # answer at once: by default it sleeps to give every chunk the same latency
            obs_queue_timeout=OBSERVATION_SECONDS,
        )
    )


def seeded_server(base: Any, seed: int) -> Any:
    """Return LeRobot's server class with noise that depends on the observation alone."""
    import numpy as np

    from zk0.serving.checkpoint_policy import noise_key
    from zk0.training.seeds import seeded

    class SeededPolicyServer(base):  # type: ignore[misc]  # LeRobot has no types
        """LeRobot's policy server; the same observation gives the same chunk."""

        def _predict_action_chunk(self, observation_t: Any) -> Any:
            raw = observation_t.get_observation()
            state = np.array([value for name, value in raw.items() if name.endswith(POSITION)], dtype=np.float32)
            images = {name: value for name, value in raw.items() if isinstance(value, np.ndarray)}
            with seeded(seed, "serving", noise_key(state, images)):
                return super()._predict_action_chunk(observation_t)

    return SeededPolicyServer


if __name__ == "__main__":
    *arguments, folder = sys.argv[1:]
    given = ServerSettings.parse(*arguments)
    enter(Path(folder), given.checkpoint)
    serve(given)
