"""Messages without their schema."""

import pytest

from zk0.ledger.importers.protobuf import fields, float32, float64


def test_fields_of_each_wire_type():
    message = bytes([0x08, 0x96, 0x01, 0x12, 0x02, 0x68, 0x69, 0x1D, 0, 0, 0x80, 0x3F, 0x21, *bytes(6), 0xF0, 0x3F])

    (one, whole), (two, text), (three, single), (four, double) = fields(message)

    assert (one, whole, two, text, three, four) == (1, 150, 2, b"hi", 3, 4)
    assert (float32(single), float64(double)) == (1.0, 1.0)


@pytest.mark.parametrize("message", [b"\x08", b"\x12\x05ab", b"\x1d\x00", b"\x0b", b"\x0b\x08\x01\x0c", b"\xff" * 12])
def test_what_is_no_message_is_refused(message):
    with pytest.raises(ValueError, match=r"cut off|wire type"):
        list(fields(message))
