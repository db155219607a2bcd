"""Exceptions as chains: what was raised first, its whole message, and the user's own frame."""

import pytest

from zk0.ledger.log_events import IncidentKind

CHAIN = """Traceback (most recent call last):
  File "/app/data.py", line 7, in frames
    return self.index[name]
KeyError: 'episode_7'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/app/train.py", line 31, in train
    frames()
  File "/usr/lib/python3.12/site-packages/torch/nn/modules/module.py", line 9, in f
    g()
RuntimeError: no frames
"""
RAY = """ray.exceptions.RayTaskError(ValueError): ray::ClientAppActor.run() (pid=1, ip=10.0.0.1)
  File "/app/client.py", line 12, in client_fn
    return C()
ValueError: batch is empty

The above exception was the direct cause of the following exception:

ray::ClientAppActor.run() (pid=1, ip=10.0.0.1)
  File "/usr/lib/python3.12/site-packages/flwr/x.py", line 3, in run
flwr.ClientAppException: the app failed
"""
GRPC = """Traceback (most recent call last):
  File "a.py", line 1, in <module>
grpc._channel._MultiThreadedRendezvous: <_MultiThreadedRendezvous of RPC that terminated with:
\tstatus = StatusCode.RESOURCE_EXHAUSTED
\tdetails = "Sent message larger than max"
>
"""
LATER = """Traceback (most recent call last):
  File "/usr/lib/python3.12/site-packages/flwr/client.py", line 1, in f
Exception:

NumPyClient.fit did not return a tuple with 3 elements.
The returned values should have this type:

    Tuple[NDArrays, int, Dict[str, Scalar]]
"""
IPYTHON = """KeyError                                  Traceback (most recent call last)
Cell In[3], line 2
----> 2 d["x"]

KeyError: 'x'
"""
CUT = """  File "/app/train.py", line 31, in train
    step()
ZeroDivisionError: division by zero
"""


@pytest.mark.parametrize(
    ("text", "types", "message", "frame"),
    [
        (CHAIN, ["KeyError", "RuntimeError"], "'episode_7'", "/app/data.py:7 in frames"),
        (RAY, ["ValueError", "flwr.ClientAppException"], "batch is empty", "/app/client.py:12 in client_fn"),
        (GRPC, ["grpc._channel._MultiThreadedRendezvous"], "StatusCode.RESOURCE_EXHAUSTED", "a.py:1 in <module>"),
        (LATER, ["Exception"], "NumPyClient.fit did not return a tuple", None),
        (IPYTHON, ["KeyError"], "'x'", "Cell In[3]:2"),
        (CUT, ["ZeroDivisionError"], "division by zero", "/app/train.py:31 in train"),
    ],
    ids=["chain", "ray", "grpc", "later-message", "ipython", "cut-off"],
)
def test_a_traceback_is_one_incident_with_its_chain(import_text, text, types, message, frame):
    found = import_text(text + "Epoch 1 loss: 0.4\n")

    [incident] = found.ledger.incidents
    assert [one.type for one in incident.exceptions][-len(types) :] == types
    root = incident.exceptions[-len(types)]
    assert message in root.message
    assert root.frame == frame
    assert found.ledger.trainings[0].policy_loss == [0.4]


def test_that_work_went_on_behind_an_exception_is_counted(import_text):
    step = "Epoch {} loss: 0.4\n"

    found = import_text(step.format(1) + CHAIN + "Retrying in 3 s\n" + step.format(2) + step.format(3))

    assert [(one.kind.value, one.progress_after) for one in found.ledger.incidents] == [
        ("traceback", 2),
        ("retried", 2),
    ]


def test_a_message_does_not_swallow_what_the_shell_says(import_text):
    found = import_text(CUT + "Killed\n")

    assert [one.kind.value for one in found.ledger.incidents] == ["traceback", "killed"]


def test_what_a_destructor_raises_ended_nothing(import_text):
    """MuJoCo's renderer, which has no EGL any more when Python frees it."""
    frames = 'Traceback (most recent call last):\n  File "a.py", line 3, in {}\n    act()\n'
    ignored = "Exception ignored in: <function Renderer.__del__ at 0x77a388e192d0>\n"
    closing = f"{ignored}{frames.format('__del__')}EGLError: EGLError(\n\terr = EGL_NOT_INITIALIZED,\n)\n"

    def raised(text: str) -> list[str]:
        return [error.type for one in import_text(text).ledger.incidents for error in one.exceptions]

    assert raised(f"{frames.format('main')}KeyError: 'observation.images.top'\n{closing}{closing}") == ["KeyError"]
    assert raised(f"Epoch 1, loss: 0.4\n{closing}") == []
    assert raised(f"{ignored}{frames.format('_shutdown')}KeyboardInterrupt\n") == ["KeyboardInterrupt"]


def test_a_traceback_whose_lines_all_have_a_time_is_read(import_text):
    first, *others = CHAIN.split("\n\n", maxsplit=1)[0].splitlines()
    lines = ["INFO:root:round 1", f"ERROR:root:{first}", *others, "INFO:root:round 1 completed"]

    found = import_text("".join(f"2025-04-17 00:04:41 {line}\n" for line in lines))

    [incident] = found.ledger.incidents
    [raised] = incident.exceptions
    assert incident.kind is IncidentKind.traceback
    assert (raised.type, raised.message, raised.frame) == ("KeyError", "'episode_7'", "/app/data.py:7 in frames")


@pytest.mark.parametrize(
    "file", ["pandas/_libs/hashtable_class_helper.pxi", "C:\\Program Files\\Python313\\Lib\\encodings\\cp1252.py"]
)
def test_what_is_installed_is_no_code_of_the_user_s(import_text, file):
    frames = f'  File "train.py", line 3, in main\n  File "{file}", line 9, in f\n'
    text = f"Traceback (most recent call last):\n{frames}KeyError: 8\n"

    assert import_text(text).ledger.incidents[0].exceptions[0].frame == "train.py:3 in main"


def test_a_banner_behind_an_exception_is_no_part_of_its_message(import_text):
    text = 'Traceback (most recent call last):\n  File "a.py", line 3, in main\nRuntimeError: no\n=== Training ===\n'

    [incident] = import_text(text).ledger.incidents

    assert incident.exceptions[0].message == "no"
