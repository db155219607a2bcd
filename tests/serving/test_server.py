"""LeRobot's server executes what it is sent; guarded, it reads its protocol, on this machine, for one checkpoint."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from lerobot.async_inference.helpers import RemotePolicyConfig, TimedObservation

from zk0.core.errors import InputError
from zk0.serving.server import GuardedPickle, ServerSettings, enter, is_loopback, require_loopback

GUARD = GuardedPickle("/runs/round-002", pickle)


class Exploit:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.system, (f"touch {self.path}",))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "localhost", "127.0.0.1.example.org", ""])
def test_no_other_address_than_this_machine_s_is_taken(host):
    with pytest.raises(InputError, match="executes what it is sent") as caught:
        require_loopback(host)

    assert "host=127.0.0.1" in caught.value.remedy


@pytest.mark.parametrize(
    ("host", "answer"),
    [("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("::ffff:10.0.0.1", False), ("0.0.0.0", False)],
)
def test_sockets_of_both_families_are_told_apart(host, answer):
    assert is_loopback(host) is answer


def test_the_program_itself_refuses_to_be_exposed(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "zk0.serving.server", "0.0.0.0", "8080", str(tmp_path), "10", "0", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode != 0
    assert "can't listen on 0.0.0.0" in done.stderr


def test_lerobot_s_messages_pass():
    image = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    observation = TimedObservation(
        timestamp=1.0, timestep=3, observation={"a.pos": 1.5, "wrist": image, "task": "x"}, must_go=True
    )
    policy = RemotePolicyConfig(
        "smolvla", "/runs/round-002", {"observation.state": {"dtype": "float32", "shape": (6,), "names": ["a"]}}, 10
    )

    came = GUARD.loads(pickle.dumps(observation))

    assert (came.timestep, came.must_go, came.observation["a.pos"]) == (3, True, 1.5)
    np.testing.assert_array_equal(came.observation["wrist"], image)
    assert GUARD.loads(pickle.dumps(policy)) == policy


def test_code_in_a_message_is_not_run(tmp_path):
    exploit = Exploit(tmp_path / "exploited")

    with pytest.raises(InputError, match=r"posix\.system"):
        GUARD.loads(pickle.dumps(exploit))

    assert not (tmp_path / "exploited").exists()


def test_another_policy_than_the_one_served_is_refused():
    with pytest.raises(InputError, match="serves /runs/round-002, not evil/policy"):
        GUARD.loads(pickle.dumps(RemotePolicyConfig("smolvla", "evil/policy", {}, 10)))


def test_the_server_works_beside_a_link_to_the_checkpoint_s_backbone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checkpoint = tmp_path / "round-002"
    (checkpoint / "backbone").mkdir(parents=True)
    (checkpoint / "backbone" / "tokenizer.json").write_text("{}")

    for _ in range(2):  # a resumed run enters it again
        enter(tmp_path / "server", checkpoint)

    assert Path.cwd() == tmp_path / "server"
    assert Path("backbone/tokenizer.json").is_file()
    assert [path.name for path in checkpoint.iterdir()] == ["backbone"]


def test_the_arguments_of_the_program_are_its_settings(tmp_path):
    found = ServerSettings.parse("127.0.0.1", "8080", str(tmp_path), "10", "7")

    assert (found.port, found.checkpoint, found.rate, found.seed) == (8080, tmp_path, 10, 7)
