"""A name imports the module of its noun and no other; a wrong name is answered with the nearest."""

import sys

import pytest

from zk0.core.errors import DependencyMissingError, UnknownNameError
from zk0.core.registry import Registry

GROUP = "zk0.trials"


@pytest.fixture
def registry(tmp_path, monkeypatch):
    info = tmp_path / "trials-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: trials\nVersion: 0\n")
    (info / "entry_points.txt").write_text(
        f"[{GROUP}]\ngood = trials_good\nother = trials_other\nbroken = trials_broken\n"
    )
    for name, text in {
        "good": "TRIALS.add('good.first', 1)\nTRIALS.add('good.second', 2)\n",
        "other": "TRIALS.add('other.one', 3)\n",
        "broken": "import a_package_that_is_not_there\n",
    }.items():
        (tmp_path / f"trials_{name}.py").write_text(f"from trials_home import TRIALS\n{text}")
    (tmp_path / "trials_home.py").write_text(
        f"from zk0.core.registry import Registry\nTRIALS = Registry('trial', {GROUP!r})\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import trials_home

    yield trials_home.TRIALS
    for module in [name for name in sys.modules if name.startswith("trials_")]:
        del sys.modules[module]


def test_a_name_imports_the_module_of_its_noun_alone(registry):
    assert registry.get("good.second") == 2
    assert "trials_good" in sys.modules
    assert "trials_other" not in sys.modules


def test_a_module_that_can_t_be_imported_says_what_is_missing(registry):
    with pytest.raises(DependencyMissingError, match="a_package_that_is_not_there") as raised:
        registry.get("broken.one")

    assert raised.value.remedy == "pip install trials"


def test_an_unknown_name_is_answered_with_near_ones(registry, tmp_path):
    (tmp_path / "trials_broken.py").write_text("")

    with pytest.raises(UnknownNameError, match=r"unknown trial: good\.frist") as raised:
        registry.get("good.frist")

    assert raised.value.remedy == "did you mean good.first?"


def test_all_names_are_listed_in_order(registry, tmp_path):
    (tmp_path / "trials_broken.py").write_text("")

    assert list(registry.names()) == ["good.first", "good.second", "other.one"]


def test_a_second_item_of_a_name_is_refused():
    registry: Registry[int] = Registry("trial", "zk0.no-such-group")
    registry.add("a.b", 1)

    with pytest.raises(ValueError, match="registered twice"):
        registry.add("a.b", 2)


def test_it_tells_which_distributions_bring_its_names(registry):
    assert registry.versions() == {"trials": "0"}
