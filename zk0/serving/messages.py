"""What LeRobot's client may send, decided before it is unpickled: a pickle is a program, and this one is read first.

A pickle names the functions and classes that it uses by its opcode STACK_GLOBAL, which takes module and name from the
top of the unpickler's stack. Here the opcodes are read and not executed (`pickletools.genops`). Only those that
Python's own pickler writes for messages are taken; none of them removes or swaps the two texts before a STACK_GLOBAL,
so the two texts pushed last are the ones that it takes.
"""

import pickletools
from collections.abc import Iterator

from zk0.core.errors import InputError

PROTOCOL = {  # all that LeRobot's client sends: two messages, and arrays of numbers
    ("lerobot.async_inference.helpers", "TimedObservation"),
    ("lerobot.async_inference.helpers", "RemotePolicyConfig"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.numeric", "_frombuffer"),
}
TEXTS = {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"}
RECALLS = {"BINGET", "LONG_BINGET"}
NUMBERS = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "NONE", "NEWTRUE", "NEWFALSE"}
BYTES = {"SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"}
CONTAINERS = {
    *("EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "MARK", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    *("SETITEM", "SETITEMS", "APPEND", "APPENDS"),
}
OBJECTS = {"STACK_GLOBAL", "REDUCE", "NEWOBJ", "BUILD"}
FRAMES = {"PROTO", "FRAME", "MEMOIZE", "STOP"}
OPCODES = TEXTS | RECALLS | NUMBERS | BYTES | CONTAINERS | OBJECTS | FRAMES


def require_protocol(data: bytes) -> None:
    """Refuse a message that holds anything but what LeRobot's client sends.

    Raises:
        InputError: it names another function or class, or is not written as Python's pickler writes it.
    """
    try:
        for module, name in _named(data):
            if (module, name) not in PROTOCOL:
                raise _refused(f"{module}.{name}")
    except (ValueError, IndexError) as error:  # what genops raises for bytes that are no pickle
        raise _refused(str(error)) from error


def _named(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield module and name of each function and class that a pickle uses."""
    memo: list[str | None] = []  # what was memorized, where it is a text
    pushed: list[str | None] = []  # what the last opcodes pushed, where it is a text
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name not in OPCODES:
            raise _refused(f"the opcode {opcode.name}")
        if opcode.name == "MEMOIZE":
            memo.append(pushed[-1] if pushed else None)
        elif opcode.name in TEXTS:
            pushed.append(str(argument))
        elif opcode.name in RECALLS:
            pushed.append(memo[int(str(argument))])
        elif opcode.name == "STACK_GLOBAL":
            module, name = ([None, None, *pushed])[-2:]
            if module is None or name is None:
                raise _refused("a name that is not written out")
            yield module, name
            pushed = [None]
        elif opcode.name != "FRAME":
            pushed.append(None)


def _refused(what: str) -> InputError:
    return InputError(
        f"the message holds {what}, which is no part of LeRobot's protocol; it was not read",
        remedy="connect LeRobot's own robot client, of the version that is installed here",
    )
