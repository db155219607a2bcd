"""The root of a chain is what was raised first, not what carried it here."""

import pytest

from zk0.diagnostics.chains import root_of, shown
from zk0.ledger import Incident, IncidentKind
from zk0.ledger.log_events import RaisedException


def raised(type_: str, message: str = "", relation: str | None = None) -> RaisedException:
    return RaisedException(type=type_, message=message, relation=relation)


def chain(*exceptions: RaisedException, text: str = "a line") -> Incident:
    return Incident(kind=IncidentKind.traceback, round=1, client=None, text=text, exceptions=exceptions)


@pytest.mark.parametrize(
    "wrapper",
    [
        raised("ray.exceptions.RayTaskError(ValueError)", "ray::Actor.run()"),
        raised("RuntimeError", "Caught ValueError in DataLoader worker process 0.", "context"),
        raised("flwr.client.client_app.ClientAppException", "ClientApp raised an exception"),
        raised("torch.distributed.elastic.multiprocessing.errors.ChildFailedError", "train.py FAILED"),
    ],
)
def test_what_carries_an_exception_is_not_the_root(wrapper):
    root = raised("ValueError", "the wrong shape")

    assert root_of(chain(wrapper, root)) == root
    assert root_of(chain(root, wrapper)) == root


def test_of_two_the_first_is_the_root():
    first = raised("KeyError", "'x'", "cause")

    assert root_of(chain(first, raised("ValueError", "no x"))) == first


def test_a_look_up_that_failed_and_was_handled_is_not_the_root():
    looked = raised("FileNotFoundError", "meta/info.json", "context")
    then = raised("huggingface_hub.errors.RepositoryNotFoundError", "401 Client Error")

    assert root_of(chain(looked, then)) == then


def test_a_wrapper_alone_is_what_there_is():
    alone = raised("ray.exceptions.RayTaskError", "ray::Actor.run()")

    assert root_of(chain(alone)) == alone


def test_grpc_s_status_and_details_are_its_message():
    rpc = raised(
        "grpc._channel._InactiveRpcError",
        '<_InactiveRpcError of RPC that terminated with:\n\tstatus = StatusCode.UNAVAILABLE\n\tdetails = "no route"\n>',
    )

    assert root_of(chain(rpc)).message == "StatusCode.UNAVAILABLE: no route"


def test_an_exception_quoted_in_a_message_is_the_root():
    quoting = raised("flwr.ClientAppException", "\nException ValueError occurred. Message: the wrong shape")

    assert shown(root_of(chain(quoting))) == "ValueError: the wrong shape"


@pytest.mark.parametrize(
    ("text", "type_"),
    [("ERROR: fit failed: ValueError: bad", "ValueError"), ("the disk is slow today", "")],
)
def test_without_a_chain_the_line_itself_is_read(text, type_):
    assert root_of(chain(text=text)).type == type_
