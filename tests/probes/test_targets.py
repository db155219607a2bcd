"""A target is found, or what is wrong with it is said with what helps."""

import sys

import pytest

from zk0.probes.harness.errors import PackageMissingError, TargetError
from zk0.probes.harness.imports import root_of
from zk0.probes.harness.targets import find_target


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])  # a finder of stand-ins would answer tests that come later
    monkeypatch.setattr(sys, "modules", {**sys.modules})
    package = tmp_path / "src" / "arms"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "losses.py").write_text("class Loss:\n    def term(self, model):\n        return 0\n")
    (package / "client.py").write_text("from .losses import Loss\n\n\ndef train(net):\n    return Loss()\n")
    (tmp_path / "needs.py").write_text("import a_package_that_is_not_there\n")
    (tmp_path / "broken.py").write_text("\n1 / 0\n")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("src/arms/client.py:train", "src/arms/client.py:4"),
        ("arms.client:train", "src/arms/client.py:4"),
        ("arms.client.train", "src/arms/client.py:4"),
        ("arms.losses.Loss.term", "src/arms/losses.py:2"),
        ("src/arms/losses.py:Loss", "src/arms/losses.py:1"),
    ],
)
def test_code_is_found_by_file_or_by_module_and_told_by_line(project, text, at):
    assert find_target(text, project).at == at


@pytest.mark.parametrize(
    ("text", "said", "remedy"),
    [
        ("src/arms/client.py:trian", "client has no 'trian'", "did you mean train?"),
        ("src/arms/nothing.py:train", "no file", "file.py:name"),
        ("nowhere.at.all", "no module 'nowhere'", "package.module:name"),
        ("legs.client:train", "no module 'legs'", "package.module:name"),
        ("broken.py:x", r"ZeroDivisionError: division by zero \(broken.py:2\)", "mend the import"),
    ],
)
def test_what_is_not_there_is_said_with_what_helps(project, text, said, remedy):
    with pytest.raises(TargetError, match=said) as raised:
        find_target(text, project)

    assert remedy in raised.value.remedy


def test_a_package_that_is_missing_is_stood_in_for_until_it_is_called(project):
    (project / "needs.py").write_text(
        "import a_package_that_is_not_there as far\nfrom a_package_that_is_not_there.deep import Base, decorate\n\n\n"
        "class Loader(Base):\n    size = far.SIZE\n\n\n@decorate(3)\ndef kept():\n    return 1\n\n\n"
        "def calls():\n    return far.load()\n"
    )

    assert find_target("needs.py:kept", project).value() == 1
    with pytest.raises(PackageMissingError, match=r"needs a_package_that_is_not_there.load.*not installed") as raised:
        find_target("needs.py:calls", project).value()
    assert raised.value.remedy.startswith("pip install a_package_that_is_not_there")


def test_a_module_of_the_project_is_no_package_to_install(project):
    (project / "app" / "tools").mkdir(parents=True)
    (project / "app" / "tools" / "maths.py").write_text("ONE = 1\n")
    (project / "app" / "clients").mkdir()
    (project / "app" / "clients" / "one.py").write_text(
        "from tools.maths import ONE\n\n\ndef train():\n    return ONE\n"
    )
    (project / "two.py").write_text("from arms.nowhere import x\n")

    assert find_target("app/clients/one.py:train", project).value() == 1
    with pytest.raises(TargetError, match=r"No module named 'arms\.nowhere'") as raised:
        find_target("two.py:x", project)
    assert raised.value.remedy == "mend the import first"


def test_a_module_that_an_installed_package_lost_is_not_a_missing_package(project):
    (project / "old.py").write_text("from json.gone import load\n\n\ndef train():\n    return load()\n")

    with pytest.raises(PackageMissingError, match=r"json.gone.load, which the installed json does not have") as raised:
        find_target("old.py:train", project).value()
    assert "--python" in raised.value.remedy


@pytest.fixture
def unmarked(project):
    """A project that nothing marks, whose packages have no `__init__.py`."""
    (project / "app" / "client").mkdir(parents=True)
    (project / "app" / "client" / "base.py").write_text("from data.load import ONE\n")
    (project / "app" / "client" / "prox.py").write_text(
        "from app.client.base import ONE\n\n\ndef train():\n    return ONE\n"
    )
    (project / "data").mkdir()
    (project / "data" / "load.py").write_text("ONE = 1\n")
    return project


def test_the_folder_above_the_package_that_a_file_imports_from_is_searched(unmarked):
    folder = unmarked / "app" / "client"

    assert find_target(str(folder / "prox.py") + ":train", folder).value() == 1


def test_the_root_of_a_file_that_nothing_marks_is_where_its_imports_start(unmarked):
    assert root_of(unmarked / "app" / "client" / "prox.py") == unmarked
    assert root_of(unmarked / "app" / "client" / "base.py") == unmarked
    assert root_of(unmarked / "data" / "load.py") == unmarked / "data"


def test_what_a_script_defines_before_its_work_fails_is_found(project):
    (project / "script.py").write_text(
        "import json\n\n\ndef train():\n    return 1\n\n\nrows = json.load(open('data.json'))\n\n\n"
        "def test():\n    return rows\n"
    )

    found = find_target("script.py:train", project)

    assert found.value() == 1
    assert found.import_error.startswith("FileNotFoundError")
    assert found.import_error.endswith("(script.py:8)")
    with pytest.raises(TargetError, match="can't be imported: FileNotFoundError"):
        find_target("script.py:test", project)
