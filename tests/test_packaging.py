"""What a user who installs the wheel gets."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import zk0

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [path] = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_carries_workflows_checklists_and_templates(wheel):
    names = set(wheel.namelist())

    for kind in ("workflows", "checklists"):
        for path in (ROOT / kind).rglob("*"):
            if path.is_file():
                assert f"zk0/_bundled/{path.relative_to(ROOT).as_posix()}" in names
    for path in (ROOT / "zk0").rglob("*.j2"):
        assert path.relative_to(ROOT).as_posix() in names
    assert "zk0/py.typed" in names


def test_the_wheel_carries_nothing_of_the_project_around_it(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}

    assert tops == {"zk0", next(top for top in tops if top.endswith(".dist-info"))}


def test_the_package_and_its_metadata_have_one_version():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert pyproject["project"]["version"] == zk0.__version__


def test_the_constraints_name_no_registry():
    text = (ROOT / "constraints.txt").read_text()

    assert "://" not in text
    assert "--" not in text
