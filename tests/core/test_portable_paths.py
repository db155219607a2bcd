"""Records hold paths from the project's root and no user name, and paths come back where they are values."""

import getpass
from pathlib import Path

import pytest

from zk0.core.portable_paths import to_local, to_portable, without_interpreters
from zk0.core.receipts import Failure
from zk0.core.verdicts import Verdict, failed

ROOT = Path("/srv/arms")


@pytest.fixture(autouse=True)
def _ada(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setattr(getpass, "getuser", lambda: "ada")


@pytest.mark.parametrize(
    ("text", "portable"),
    [
        ("/srv/arms", "."),
        ("/srv/arms/data/a b.csv", "./data/a b.csv"),
        ("left=/srv/arms/left;right=/srv/arms/right", "left=./left;right=./right"),
        ("/srv/arms2/data", "/srv/arms2/data"),
        ("/mnt/srv/arms/data", "/mnt/srv/arms/data"),
        ("/home/ada/data", "~/data"),
        ("/home/adam/data", "/home/adam/data"),
        ("/scratch/ada/run", "/scratch/$USER/run"),
        ("sim:touch", "sim:touch"),
        ("./data", "./data"),
    ],
)
def test_a_path_has_no_machine_and_no_user_and_comes_back(text: str, portable: str) -> None:
    assert to_portable(text, ROOT) == portable
    assert to_local(portable, ROOT) == (text if text != "./data" else "/srv/arms/data")


def test_messages_keys_and_models_are_changed_too() -> None:
    finding = failed("see /srv/arms/a.py, line 3", at="/home/ada/b.py")
    failure = Failure(code="ZK101", message="'/srv/arms/a.py' is gone")

    assert to_portable({"/srv/arms/a.py": [0.5, True, None, finding, failure]}, ROOT) == {
        "./a.py": [
            0.5,
            True,
            None,
            failed("see ./a.py, line 3", at="~/b.py"),
            Failure(code="ZK101", message="'./a.py' is gone"),
        ]
    }
    assert to_portable(finding, ROOT).verdict is Verdict.failed
    assert to_portable(({"cwd": Path("/srv/arms")},), ROOT) == ({"cwd": Path("/srv/arms")},)


def test_a_user_without_a_name_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)

    assert to_portable("/srv/arms/x", ROOT) == "./x"


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("not installed in /opt/conda/envs/arm/bin/python, which", "not installed in …/arm/bin/python, which"),
        (
            "pip --python /a/.venv/bin/python3.12 a",
            "pip --python …/.venv/bin/python3.12 a",
        ),
        (".venv/bin/python stays", ".venv/bin/python stays"),
    ],
)
def test_a_python_elsewhere_is_named_without_its_folder(text: str, short: str) -> None:
    assert without_interpreters({"title": text}) == {"title": short}
