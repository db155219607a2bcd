"""A project built to be false: everything looks done to a reader of file names, and nothing is.

Each part is a way in which a hurried or dishonest author gets a box for nothing.
"""

import json
import os
import pickle
import subprocess
from importlib.metadata import version
from pathlib import Path

from zk0.core.project import Project

PYPROJECT = """
[project]
name = "fake-arm"
version = "0.1.0"
requires-python = ">=3.0"
license = "MIT"
dependencies = ["pydantic>=0"]
[tool.flwr.app.components]
serverapp = "fakearm.app:server"
clientapp = "fakearm.app:client"
[tool.flwr.app.config]
lr = 0.1
[tool.ruff]
exclude = ["*"]
[tool.ruff.lint]
select = ["D"]
ignore = ["D"]
[tool.mypy]
files = ["fakearm/empty.py"]
ignore_errors = true
[tool.pytest.ini_options]
addopts = "-k nothing"
[tool.coverage.run]
branch = true
include = ["fakearm/empty.py"]
[tool.deptry]
exclude = [".*"]
"""
APP = '''"""."""
from os import system
from pickle import loads
from subprocess import run
import yaml
import torch

server = None
client = None
password = "hunter2horse"


class FakeError(Exception):
    """."""


def main(data: bytes) -> object:
    """.

    Raises:
        FakeError: .
    """
    system("ls")
    run("ls", shell=1)
    yaml.load("x", Loader=yaml.Loader)
    torch.load("x")
    if not data:
        raise FakeError("the password is " + password)
    try:
        return loads(data)
    except Exception:
        return None
'''
TEST = """import pytest
from fakearm import app
from fakearm.app import FakeError

pytestmark = pytest.mark.skip


def test_everything():
    with pytest.raises(FakeError):
        app.main(b"")
"""
JUNIT = (
    '<testsuites><testsuite><testcase classname="tests.test_app" name="test_everything"/>'
    '<testcase classname="tests.e2e.test_all" name="test_everything"/></testsuite></testsuites>'
)
COVERAGE = {
    "totals": {"percent_covered": 100.0, "num_branches": 2, "covered_branches": 2},
    "files": {"fakearm/empty.py": {"summary": {"percent_covered": 100.0}}},
}
README = """# fake-arm

lr

```bash
pip install fake-arm
fake-arm train --does-not-exist
```

```bash
make everything
python -c "import fakearm.nothing"
```

```python
import fakearm.nothing
```

`fakearm/app.py`
"""
WORKFLOW = """
name: nothing
title: Nothing
purpose: Nothing
checklist: comprehensive
steps:
  - {id: nothing, title: Do nothing, run: ["true"]}
notes: ["."]
issues: [{sign: x, remedy: x}]
"""
TASK = """
objective: x
scope: x
critical: [x]
criteria: ["1"]
constraints: [none]
dependencies: [none]
risks: [none]
recovery: [none]
validation: [x]
"""


def make_false_project(root: Path) -> Project:
    """Write the project into a folder, in a repository of one commit whose remote is the folder itself."""
    files = {
        ".gitignore": ".zk0/\n__pycache__/\nmemory-bank/context.md\nmemory-bank/tasks.md\nmemory-bank/entries/\n",
        "pyproject.toml": PYPROJECT,
        "LICENSE": "x\n",
        "constraints.txt": f"pydantic=={version('pydantic')}\n",
        "environment.yml": "name: x\n",
        "Makefile": "\n",
        "fakearm/__init__.py": '"""."""\n__version__ = "0.1.0"\n',
        "fakearm/empty.py": '"""."""\n',
        "fakearm/app.py": APP,
        "settings.ini": "[server]\npassword = hunter2horse\n",
        "tests/test_app.py": TEST,
        "tests/e2e/test_all.py": TEST,
        ".github/workflows/ci.yml": "on: push\njobs:\n  x:\n    steps:\n      # pytest\n      - run: 'true'\n",
        "README.md": README,
        "CHANGELOG.md": "# Changes\n\n## 0.1.0\n\n- .\n",
        "docs/help.md": "# Troubleshooting\n\nnothing yet\n",
        "memory-bank/architecture.md": "fakearm app empty x.\n",
        "workflows/nothing.yaml": WORKFLOW,
        "benchmarks/baseline.json": json.dumps({"everything": "1000 s"}),
        "junit.xml": JUNIT,
        "coverage.json": json.dumps(COVERAGE),
        "benchmarks.json": json.dumps({"everything": "1 s"}),
        "task.yaml": TASK,
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "model.weights").write_bytes(pickle.dumps({"weight": [1.0]}))
    for arguments in (
        ("init", "-q", "-b", "main"),
        ("remote", "add", "origin", "."),
        ("add", "-A"),
        ("commit", "-q", "-m", "x"),
        ("commit", "-q", "--allow-empty", "-m", "x"),
        ("fetch", "-q"),
    ):
        identity = ("-c", "user.name=A person", "-c", "user.email=person@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *identity, *arguments], cwd=root, check=True)
    for name in ("junit.xml", "coverage.json", "benchmarks.json"):
        os.utime(root / name)
    return Project(root)
