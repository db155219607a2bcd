"""Whatever stands before each line, the log is read as it is without: 21 wrappers around 7 logs."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from .conftest import LOGS

START = datetime(2025, 11, 28, 10, tzinfo=UTC)
TRACEBACK = """Step 1: loss=0.5
Step 2: loss=0.4
Traceback (most recent call last):
  File "/app/train.py", line 31, in train
    policy.load_state_dict(state)
RuntimeError: Error(s) in loading state_dict for Policy:
\tsize mismatch for head.weight: copying a param with shape torch.Size([7, 4]) from checkpoint
Training was restarted from the last checkpoint
"""
TRAINER = "".join(
    f"{{'loss': {1 / (1 + step):.4f}, 'grad_norm': 1.2, 'learning_rate': 1e-05, 'epoch': {step / 10}}}\n"
    for step in range(12)
)
PRINTS = "".join(
    f"Epoch [{epoch}/6] train loss: {1 / epoch:.3f}, val loss: {1.1 / epoch:.3f}\n" for epoch in range(1, 7)
)
BLANKS = "".join(
    f"--------------Round {number}--------------\ntest_accuracy{number / 8:20.4f}\ntest_loss{2 / number:24.4f}\n"
    for number in range(1, 7)
)
INNER = {
    "flower": (LOGS / "A12-worse-than-baseline.log").read_text(),
    "message-api": (LOGS / "flower-message-api.log").read_text(),
    "lerobot": (LOGS / "lerobot.log").read_text(),
    "trainer": TRAINER,
    "prints": PRINTS,
    "blanks": BLANKS,
    "traceback": TRACEBACK,
}


def at(second: int, form: str) -> str:
    return (START + timedelta(seconds=second // 20)).strftime(form)


WRAPPERS: dict[str, Callable[[int, str], str]] = {
    "code": lambda number, line: (
        f"{at(number, '%Y-%m-%d %H:%M:%S,123')} log.py log_once [line:{number % 9}] INFO {line}"
    ),
    "compose": lambda _, line: f"server-1  | {line}",
    "docker-t": lambda number, line: f"{at(number, '%Y-%m-%dT%H:%M:%S.%f')}789Z {line}",
    "kubectl-timestamps": lambda number, line: f"{at(number, '%Y-%m-%dT%H:%M:%SZ')} {line}",
    "kubectl-prefix": lambda _, line: f"[pod/fl-server-7d9f8b6c5-x2k4q/server] {line}",
    "journal-short": lambda number, line: f"{at(number, '%b %d %H:%M:%S')} box python3[4121]: {line}",
    "journal-iso": lambda number, line: f"{at(number, '%Y-%m-%dT%H:%M:%S+0100')} box python3[4121]: {line}",
    "journal-json": lambda number, line: json.dumps(
        {
            "__REALTIME_TIMESTAMP": str(1764324000000000 + number // 20 * 10**6),
            "_PID": "4121",
            "PRIORITY": "6",
            "MESSAGE": line,
        }
    ),
    "syslog": lambda number, line: f"<34>1 {at(number, '%Y-%m-%dT%H:%M:%SZ')} box app 123 - - {line}",
    "github": lambda number, line: f"{at(number, '%Y-%m-%dT%H:%M:%S.%f')}1Z {line}",
    "gitlab": lambda number, line: f"{at(number, '%Y-%m-%dT%H:%M:%S.%fZ')} 00O {line}",
    "srun": lambda _, line: f"0: {line}",
    "torchrun-rank": lambda _, line: f"[rank0]: {line}",
    "torchrun-default": lambda _, line: f"[default0]:{line}",
    "ray": lambda _, line: f"(ServerAppActor pid=4121, ip=10.0.0.1) {line}",
    "loguru": lambda number, line: (
        f"{at(number, '%Y-%m-%d %H:%M:%S')}.123 | INFO     | app.train:fit:{number + 7} - {line}"
    ),
    "structlog": lambda number, line: f"{at(number, '%Y-%m-%dT%H:%M:%S')}Z [info     ] {line}",
    "structlog-json": lambda number, line: json.dumps(
        {"event": line, "level": "info", "timestamp": at(number, "%Y-%m-%dT%H:%M:%SZ")}
    ),
    "asctime": lambda number, line: f"{at(number, '%Y-%m-%d %H:%M:%S')},123 - app - INFO - {line}",
    "docker-json": lambda number, line: json.dumps(
        {"log": line + "\n", "stream": "stderr", "time": at(number, "%Y-%m-%dT%H:%M:%S.%fZ")}
    ),
    "ts": lambda number, line: f"{at(number, '%b %d %H:%M:%S')} {line}",
}


def contents(found) -> list[dict]:
    """Return what was read, without its places and times."""
    kept = [event for event in found.ledger.events if event.event != "log"]
    unlike = {"read_from", "first_at", "last_at", "level", "resources", "reason"}
    return [event.model_dump(mode="json", exclude=unlike) for event in kept]


@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_a_wrapped_log_is_read_as_the_plain_one(import_text, wrapper, inner):
    lines = INNER[inner].splitlines()
    plain = import_text("\n".join(lines) + "\n", "plain.log")
    wrapped = import_text("".join(WRAPPERS[wrapper](*one) + "\n" for one in enumerate(lines)), "wrapped.log")

    assert plain.ledger.events
    assert contents(wrapped) == contents(plain)
