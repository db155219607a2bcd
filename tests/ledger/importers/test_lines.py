"""Errors by their words, wherever they stand."""

import time

import pytest

from zk0.ledger import IncidentKind


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("ray.exceptions.RayActorError: The actor died unexpectedly", IncidentKind.actor_died),
        ("[2025-10-09 01:02:03,456 E 12 34] Failed to connect to GCS at 10.0.0.1:6379", IncidentKind.actor_died),
        ("ValueError: Unsupported video backend: opencv", IncidentKind.unsupported_backend),
        (
            "RuntimeError: Attempted to access the data pointer on an invalid python storage.",
            IncidentKind.storage_invalid,
        ),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'flower-superlink'", IncidentKind.program_missing),
        ("ERROR :     ClientApp raised an exception", IncidentKind.client_failed),
        ("WARNING: Loss is NaN, skipping the batch", IncidentKind.not_finite),
    ],
)
def test_an_error_is_reported(import_text, line, kind):
    found = import_text(line + "\n")

    assert [one.kind for one in found.ledger.incidents] == [kind]


def test_exceptions_that_follow_each_other_are_one_incident(import_text):
    found = import_text(
        "Traceback (most recent call last):\n  File 'a'\nKeyError: 'x'\n\n"
        "During handling of the above exception, another exception occurred:\n\n"
        "Traceback (most recent call last):\n  File 'b'\nTypeError: cannot unpack non-iterable NoneType object\n"
    )

    [incident] = found.ledger.incidents
    assert incident.kind is IncidentKind.nothing_returned
    assert [(one.type, one.relation) for one in incident.exceptions] == [("KeyError", "context"), ("TypeError", None)]


def test_tracebacks_of_two_processes_may_be_interleaved(import_text):
    found = import_text(
        "(A pid=1) Traceback (most recent call last):\n(A pid=2) Traceback (most recent call last):\n"
        "(A pid=1)   File 'a'\n(A pid=2)   File 'b'\n(A pid=2) KeyError: 'two'\n(A pid=1) KeyError: 'one'\n"
    )

    assert sorted(one.text for one in found.ledger.incidents) == ["KeyError: 'one'", "KeyError: 'two'"]


def test_drawings_and_small_talk_are_noise(import_text):
    bar = " 42%|####     | 42/100 [00:01<00:02, 30.0it/s]"

    found = import_text(f"----------\n{bar}\n  warnings.warn(\n\n─── │ ───\nINFO :      [ROUND 1]\n")

    assert (found.understood, found.noise, found.unknown) == (1, 5, 0)


def test_a_long_row_of_dashes_takes_no_time(import_text):
    started = time.process_time()

    import_text(f"|{'-' * 1000}|\n{'- ' * 500}\n")

    assert time.process_time() - started < 10  # it took minutes
