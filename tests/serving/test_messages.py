"""A message is read before it is unpickled: what LeRobot's client sends passes, everything else is refused unread."""

import os
import pickle
import pickletools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lerobot.async_inference.helpers import RemotePolicyConfig, TimedObservation

from zk0.core.errors import InputError
from zk0.serving.messages import require_protocol

IMAGE = np.arange(96 * 96 * 3, dtype=np.uint32).astype(np.uint8).reshape(96, 96, 3)
FEATURES = {"observation.state": {"dtype": "float32", "shape": (6,), "names": ["shoulder_pan.pos"]}}


class Call:
    """Is a call when it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def by_hand(*parts):
    """Return a pickle of protocol 4 as nobody's pickler writes it."""
    return b"\x80\x04" + b"".join(parts) + b"."


def text(value):
    return b"\x8c" + bytes([len(value)]) + value.encode()


MODULE, NAME = text("lerobot.async_inference.helpers"), text("TimedObservation")
GLOBAL, MEMOIZE, POP, DUP, CALL = b"\x93", b"\x94", b"0", b"2", b")R"


@pytest.mark.parametrize("protocol", [4, 5])
@pytest.mark.parametrize(
    "message",
    [
        TimedObservation(1.5, 3, {"shoulder_pan.pos": 1.5, "wrist": IMAGE, "overhead": IMAGE, "task": "Lift."}, True),
        TimedObservation(timestamp=1e9, timestep=70000, observation={"a.pos": -0.0, "wrist": IMAGE[:2, :2]}),
        RemotePolicyConfig("smolvla", "/runs/round-002", FEATURES, 50, "cuda:0", {"a": "b"}),
    ],
)
def test_what_lerobot_s_client_sends_passes(message, protocol):
    require_protocol(pickle.dumps(message, protocol))


@given(st.dictionaries(st.text(), st.floats() | st.integers() | st.text() | st.none() | st.booleans()))
def test_any_numbers_and_texts_pass(values):
    require_protocol(pickle.dumps(TimedObservation(0.0, 0, values)))


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "message",
    [
        Call(os.system, "true"),
        Call(eval, "1"),
        TimedObservation(1.0, 0, {"x": Call(os.system, "true")}),
        np.array([Call(os.system, "true")], dtype=object),
        [print],
        {Call(getattr, TimedObservation, "__init__")},
    ],
    ids=["system", "eval", "inside a message", "inside an array", "a function", "getattr"],
)
def test_any_other_function_is_refused(message, protocol):
    with pytest.raises(InputError, match="no part of LeRobot's protocol"):
        require_protocol(pickle.dumps(message, protocol))


@pytest.mark.parametrize(
    "data",
    [
        by_hand(text("os"), text("system"), MODULE, NAME, POP, POP, GLOBAL, CALL),
        by_hand(text("os"), text("system"), MODULE, NAME, b"1", GLOBAL),
        by_hand(b"cos\nsystem\n", CALL),
        by_hand(text("os"), MEMOIZE, text("system"), MEMOIZE, MODULE, NAME, b"h\x00", b"h\x01", GLOBAL, CALL),
        by_hand(MODULE, NAME, GLOBAL, text("os"), text("system"), GLOBAL),
        by_hand(MODULE, b"N", NAME, b"N", GLOBAL),
        by_hand(GLOBAL),
        by_hand(MODULE, NAME, b"q\x00", GLOBAL),
        by_hand(b"(ios\nsystem\n"),
        by_hand(b"\x82\x01"),
        by_hand(text("x"), b"Q"),
        by_hand(b"h\x05"),
        b"",
        b"no pickle at all",
        b"\x80\x04\x8c",
    ],
    ids=range(15),
)
def test_a_pickle_written_to_deceive_the_reader_is_refused(data):
    with pytest.raises(InputError):
        require_protocol(data)


def test_the_names_that_are_read_are_those_that_are_used():
    """Two classes named from the memo are the same two that the unpickler would look up."""
    data = pickle.dumps([TimedObservation(0.0, 0, {}), TimedObservation(1.0, 1, {})])
    opcodes = [opcode.name for opcode, _, _ in pickletools.genops(data)]

    assert opcodes.count("STACK_GLOBAL") == 1
    require_protocol(data)
