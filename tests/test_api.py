"""The public API: every name resolves, and importing zk0 imports nothing else."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import zk0


@pytest.mark.parametrize("name", zk0.__all__)
def test_a_public_name_is_the_one_that_type_checkers_see(name):
    tree = ast.parse(Path(zk0.__file__).read_text())
    typed = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.startswith("zk0")
        for alias in node.names
    }

    assert getattr(zk0, name) is getattr(import_module(typed[name]), name)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = zk0.nope


def test_importing_zk0_imports_nothing_heavy():
    program = "import sys, zk0; print(*(name for name in sys.modules if name.startswith('zk0.')), *sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    modules = set(done.stdout.split())
    assert not {"pydantic", "torch", "flwr", "numpy", "yaml", "typer", "rich"} & modules
    assert not [name for name in modules if name.startswith("zk0.")]
