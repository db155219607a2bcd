"""Every error has a number of its own, an exit status, and survives a trip to another process."""

import pickle

import pytest

from zk0.core import errors
from zk0.core.errors import ExitStatus, RequestError, Zk0Error


def every_kind(kind: type[Zk0Error] = Zk0Error) -> list[type[Zk0Error]]:
    below = [found for direct in kind.__subclasses__() for found in [direct, *every_kind(direct)]]
    return [found for found in below if found.__module__ == errors.__name__]


def test_no_two_errors_share_a_number():
    codes = [kind.code for kind in every_kind()]

    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("kind", every_kind())
def test_a_number_begins_with_the_exit_status(kind):
    assert kind.code.startswith(f"ZK{kind.exit_status:d}")


@pytest.mark.parametrize("kind", every_kind())
def test_the_tree_in_the_docstring_is_true(kind):
    [line] = [line for line in errors.__doc__.splitlines() if f" {kind.__name__} " in f"{line} "]

    named = kind.code if not kind.code.endswith("00") else f"exit {kind.exit_status:d}"
    assert named in line


def test_an_error_keeps_message_and_remedy_through_pickle():
    error = RequestError("the data set is old", remedy="convert it")

    copy = pickle.loads(pickle.dumps(error))

    assert (type(copy), copy.message, copy.remedy) == (RequestError, "the data set is old", "convert it")
    assert str(copy) == "the data set is old"


def test_an_exit_status_is_what_the_process_returns():
    assert [int(status) for status in ExitStatus] == [0, 1, 2, 3, 4, 5, 130]
