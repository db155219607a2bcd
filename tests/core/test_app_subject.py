"""Whose app zk0's own evidence is about."""

from pathlib import Path

import pytest

from zk0.actions import (  # noqa: F401
    app,
    benchmark,
    data,
    deployment,
    diagnosis,
    environment,
    evaluation,
    exchange,
    federation,
    service,
    site,
    tuning,
)
from zk0.core.app_subject import ABOUT_ZK0, APP, complaint, declares_own, is_about_zk0, require_app
from zk0.core.errors import AssetMissingError
from zk0.core.project import Project
from zk0.workflow.actions import ACTIONS

# They run or look at the project: its app, its code or its logs.
OTHER = {"app", "diagnosis", "memory", "probe", "repair", "report", "tests"}


def project(root: Path, **components: str) -> Project:
    lines = "".join(f'{kind} = "{target}"\n' for kind, target in components.items())
    (root / "pyproject.toml").write_text(f"[tool.flwr.app.components]\n{lines}")
    return Project(root)


def test_evidence_about_zk0_s_app_is_about_a_project_that_names_both_its_parts(tmp_path):
    assert complaint(project(tmp_path, **APP)) is None
    require_app(project(tmp_path, **APP))


@pytest.mark.parametrize(
    "components",
    [{}, {"serverapp": APP["serverapp"]}, {**APP, "clientapp": "mine.client:app"}],
    ids=["none", "one", "own"],
)
def test_it_is_not_about_a_project_with_another_app(tmp_path, components):
    with pytest.raises(AssetMissingError, match=r"no evidence about this project|names no Flower app"):
        require_app(project(tmp_path, **components))


def test_a_project_declares_an_app_of_its_own_or_none(tmp_path):
    (tmp_path / "pyproject.toml").touch()

    assert not declares_own(Project(tmp_path))
    assert not declares_own(project(tmp_path, **APP))
    assert declares_own(project(tmp_path, **{**APP, "clientapp": "mine.client:app"}))


def test_it_is_not_about_a_folder_called_zk0_with_other_code(tmp_path):
    (tmp_path / "zk0" / "federation").mkdir(parents=True)
    (tmp_path / "zk0" / "federation" / "server_app.py").write_text("app = None\n")

    assert "holds other code" in (complaint(project(tmp_path, **APP)) or "")


def test_every_action_of_zk0_is_about_its_app_or_not():
    own = [name for name in ACTIONS.names() if ACTIONS.get(name).function.__module__.startswith("zk0.")]
    nouns = {name.partition(".")[0] for name in own}

    assert nouns - ABOUT_ZK0 - OTHER == set()
    assert is_about_zk0("federation.run")
    assert not is_about_zk0("tests.run")
