"""A project brings its own actions and checks, and is told what is wrong with them."""

import sys

import pytest

from zk0.core.errors import ConfigurationError, DependencyMissingError
from zk0.core.project import Project
from zk0.workflow.plugins import ProjectPlugins


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Return the modules of a project, given the one it has."""
    monkeypatch.setattr(sys, "path", [*sys.path])

    def made(text, setting='"own_trial"', file="own_trial.py"):
        (tmp_path / "pyproject.toml").write_text(f"[tool.zk0]\nactions = {setting}\n")
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
        return ProjectPlugins(Project(tmp_path))

    yield made
    for name in ("own_trial", "own_trial_two"):
        sys.modules.pop(name, None)


def test_a_module_may_lie_in_src_and_is_imported_once(own, tmp_path):
    note = "from pathlib import Path\nwith Path(__file__).with_name('told').open('a') as told:\n    told.write('x')\n"
    load = own(note, file="src/own_trial.py")

    load()
    load()

    assert (tmp_path / "src" / "told").read_text() == "x"


def test_several_modules_are_imported(own, tmp_path):
    load = own("", '["own_trial", "own_trial_two"]')
    (tmp_path / "own_trial_two.py").write_text("raise ValueError('second')")

    with pytest.raises(ConfigurationError, match="second"):
        load()


def test_a_module_that_is_not_there_is_told_with_where_it_was_looked_for(own, tmp_path):
    with pytest.raises(ConfigurationError, match=r"no module nowhere\.to_be_found in") as raised:
        own("", '"nowhere.to_be_found"')()

    assert str(tmp_path) in raised.value.message
    assert raised.value.remedy == "write nowhere/to_be_found.py, or correct [tool.zk0] actions in pyproject.toml"


def test_what_a_module_lacks_is_told(own):
    with pytest.raises(DependencyMissingError, match=r"\(own_trial\) need a_package_of_others") as raised:
        own("import a_package_of_others.part\n")()

    assert raised.value.remedy == "pip install a_package_of_others"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1\ny = (\n", r"can't be imported: own_trial\.py:2: '\(' was never closed"),
        ("x = 1\nwrong\n", r"own_trial\.py:2: NameError: name 'wrong' is not defined"),
        (
            "from zk0.core.checks import check\n\n@check('a.b')\ndef f(outputs):\n    yield\n",
            "own_trial.py:3: ValueError: .* no docstring",
        ),
    ],
)
def test_what_is_wrong_with_a_module_is_told_with_its_line_each_time(own, text, told):
    load = own(text)

    for _ in range(2):
        with pytest.raises(ConfigurationError, match=told):
            load()


@pytest.mark.parametrize("setting", ['"not a module"', "3", '["a", 1]'])
def test_a_setting_that_names_no_module_is_refused(own, setting):
    with pytest.raises(ConfigurationError, match=r"\[tool\.zk0\]: .*actions"):
        own("", setting)()
