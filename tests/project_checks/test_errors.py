import pytest

TREE = """
class OwnError(Exception):
    def __init__(self, message, *, remedy=None): ...
class NarrowError(OwnError): ...
"""


@pytest.mark.parametrize(
    ("handler", "verdict"),
    [
        ("except:\n    raise", "fail"),
        ("except Exception:\n    pass", "fail"),
        ("except (ValueError, Exception):\n    ...", "fail"),
        ("except (\n    ValueError,\n    BaseException,\n):\n    'nothing'", "fail"),
        ("except builtins.Exception:\n    pass  # noqa: BLE001", "fail"),
        ("except ValueError:\n    pass", "pass"),
        ("except Exception as error:\n    print(error)", "pass"),
    ],
)
def test_an_error_is_swallowed_when_all_are_caught_and_nothing_is_done(small, handler, verdict):
    small.write({"small/a.py": f"import builtins\n\ntry:\n    f()\n{handler}\n"})

    assert small.verdicts("errors.swallowed") == {verdict}


def test_errors_that_can_have_a_remedy_have_one(small):
    small.write({"small/a.py": f"{TREE}\ndef f():\n    raise NarrowError('no')\n"})
    [finding] = small.ask("errors.remedies")
    assert (finding.verdict, finding.message.rpartition(" ")[2]) == ("warn", "small/a.py:7")

    small.write({"small/a.py": f"{TREE}\ndef f():\n    raise NarrowError('no', remedy='do')\n"})
    assert small.verdicts("errors.remedies") == {"pass"}


def test_errors_of_a_kind_without_remedies_are_not_asked_for_one(small):
    small.write({"small/a.py": "def f():\n    raise ValueError('no')\n"})

    assert small.verdicts("errors.remedies") == {"not-applicable"}


@pytest.mark.parametrize(
    ("shown", "verdict"),
    [
        ("{token}", "fail"),
        ("{os.environ}", "fail"),
        ("{len(token)}", "pass"),
        ("{token_counts}", "pass"),
        ("{loss_token.shape[1]}", "pass"),
        ("{num_image_token}", "pass"),
        ("{secret.name}", "pass"),
        ("{x}", "pass"),
    ],
)
def test_a_message_that_would_show_a_secret_fails(small, shown, verdict):
    small.write({"small/a.py": f"def f(token):\n    raise ValueError(f'bad {shown}')\n"})

    assert small.verdicts("errors.private") == {verdict}
