"""A small project of which every sentence of the phases' checklists is true, as far as it needs no training run."""

import subprocess
from importlib.metadata import version
from pathlib import Path

from zk0.core.app_subject import APP
from zk0.core.project import Project

PYPROJECT = f"""
[project]
name = "armlet"
version = "0.2.0"
requires-python = ">=3.12"
license = "MIT"
dependencies = ["pydantic>=2"]

[tool.flwr.app.components]
serverapp = "{APP["serverapp"]}"
clientapp = "{APP["clientapp"]}"

[tool.flwr.app.config]
rounds = 2 # how many federated rounds are trained

[tool.ruff.lint]
select = ["E", "F", "D"]

[tool.ruff.lint.per-file-ignores]
"tests/**" = ["D"]

[tool.ruff.lint.pydocstyle]
convention = "google"

[tool.mypy]
strict = true
packages = ["armlet"]

[tool.pytest.ini_options]
testpaths = ["tests"]

[tool.coverage.run]
branch = true
source = ["armlet"]
"""
JOINTS = '''"""Angles of the arm's joints, in degrees."""

LARGEST = 180.0


class AngleError(ValueError):
    """An angle that no joint can reach."""


def limited(angle: float) -> float:
    """Return an angle that a joint can reach.

    Raises:
        AngleError: the angle is larger than any joint can reach.
    """
    if angle > LARGEST:
        raise AngleError(f"{angle} degrees are more than {LARGEST}")
    return angle
'''
TEST = """import pytest

from armlet.joints import AngleError, limited


def test_an_angle_in_reach_stays():
    assert limited(90.0) == 90.0


def test_an_angle_out_of_reach_is_refused():
    with pytest.raises(AngleError):
        limited(200.0)
"""
WHOLE = "from armlet.joints import limited\n\n\ndef test_the_package_limits():\n    assert limited(1.0)\n"
README = """# armlet

Limits the angles of an arm, in `armlet/joints.py`. [When something fails](docs/trouble.md).

```bash
pip install -e .
zk0 run check
```

```python
from armlet.joints import limited

limited(90.0)
```
"""
TROUBLE = """# Troubleshooting

- An AngleError is raised: the recording has radians; convert its states to degrees first.
- The arm moves and then stops at once: the power supply is too weak; use one with twelve volts.
"""
CI = """
name: CI
on: [push]
jobs:
  tests:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: python -m pip install -e . && true
      - run: python -m pytest
"""
CHECK = """
name: check
title: Run the tests
purpose: Run all tests of the project and measure what they cover.
checklist: implementation
steps:
  - {id: tests, title: Run the tests, uses: tests.run, checks: [tests.passed]}
  - id: coverage
    title: Combine the coverage
    uses: tests.coverage
    with: {folders: ["{{ steps.tests.outputs.coverage }}"]}
    checks: [tests.coverage]
notes: [The tests run in the environment of zk0 itself.]
issues:
  - sign: A test fails only on the robot's own computer.
    remedy: Compare the versions of the packages there with those in constraints.txt.
"""
TASK = """
objective: Limit the angles of all joints to what they can reach.
scope: Only the package armlet; the firmware of the motors stays as it is.
critical: [The gripper must never close faster than its motor allows.]
criteria: [At most 2 degrees of overshoot in 100 movements.]
constraints: [No package besides pydantic may be added.]
dependencies: [The datasheet of the motors has the limits of each joint.]
risks: [A wrong limit breaks the gripper's plastic gears.]
recovery: [Return to the previous tag and recalibrate the arm.]
validation: [Compare the limits with the datasheet by hand.]
"""
LICENCE = "MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining a copy. " + 8 * (
    "The software is provided as is, without warranty of any kind. "
)
SETTINGS = '''"""Settings that a user may give."""

from pydantic import BaseModel


class Settings(BaseModel):
    """What a user may set."""

    speed: float = 1.0
'''
SETTINGS_TEST = "from armlet.settings import Settings\n\n\ndef test_speed():\n    assert Settings().speed == 1.0\n"
FILES = {
    ".gitignore": ".zk0/\n__pycache__/\n.coverage*\n.*_cache/\n",
    "pyproject.toml": PYPROJECT,
    "LICENSE": LICENCE,
    "constraints.txt": f"pydantic=={version('pydantic')}\n",
    "environment.yml": "name: armlet\ndependencies:\n  - python=3.12\n",
    "armlet/__init__.py": '"""Limits for the joints of an arm."""\n\n__version__ = "0.2.0"\n',
    "armlet/joints.py": JOINTS,
    "armlet/settings.py": SETTINGS,
    "tests/test_joints.py": TEST,
    "tests/test_settings.py": SETTINGS_TEST,
    "tests/e2e/test_whole.py": WHOLE,
    ".github/workflows/ci.yml": CI,
    "README.md": README,
    "CHANGELOG.md": "# Changes\n\n## 0.2.0\n\n- The angles of all joints are limited.\n",
    "docs/trouble.md": TROUBLE,
    "docs/task.yaml": TASK,
    "memory-bank/architecture.md": "# Architecture\n\n`armlet` limits the angles of each joint before a motor moves.\n",
    "workflows/check.yaml": CHECK,
}


def git(root: Path, *arguments: str) -> str:
    """Run git in a project, as a person whose name no configuration changes."""
    identity = ("-c", "user.name=A person", "-c", "user.email=person@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout


def make_true_project(root: Path) -> Project:
    """Write the project into a folder, with one tagged version, a commit since, and a remote on another machine."""
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(root, "init", "-q", "-b", "main")
    git(root, "remote", "add", "origin", "https://git.example.org/armlet.git")
    for message in ("Begin", "Limit the angles"):
        git(root, "add", "-A")
        git(root, "commit", "-q", "--allow-empty", "-m", message)
        if message == "Begin":
            git(root, "tag", "v0.1.0")
    return Project(root)
