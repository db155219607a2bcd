"""A target is found, or what is wrong with it is said with what helps."""

import sys

import pytest

from zk0.core.errors import DependencyMissingError, ProbeError
from zk0.probes.harness.targets import find_target


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
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
    with pytest.raises(ProbeError, match=said) as raised:
        find_target(text, project)

    assert remedy in raised.value.remedy


def test_a_package_that_is_missing_is_named(project):
    with pytest.raises(DependencyMissingError, match="imports a_package_that_is_not_there") as raised:
        find_target("needs.py:x", project)

    assert raised.value.remedy == "pip install a_package_that_is_not_there"
