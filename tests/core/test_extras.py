"""A package that an extra brings, and is not installed."""

import subprocess
import sys

import pytest

from zk0.core.extras import extra_of, missing_extra


@pytest.mark.parametrize(
    ("module", "extra"),
    [("torch.nn", "federation"), ("so101_nexus", "simulator"), ("ray", None), ("optuna", "tuning"), ("os", None)],
)
def test_the_extra_that_brings_a_module_is_named(module, extra):
    assert extra_of(module) == extra


def test_only_a_missing_package_of_an_extra_is_told_as_one():
    told = missing_extra(ModuleNotFoundError("No module named 'flwr'", name="flwr"))

    assert told is not None
    assert told.remedy == "pip install 'zk0[federation]'"
    assert missing_extra(ModuleNotFoundError("No module named 'mine'", name="mine")) is None
    assert missing_extra(ImportError("cannot import name x", name="flwr")) is None


def test_a_command_that_needs_the_federation_says_so_and_ends_with_status_4(tmp_path):
    program = """
import sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("flwr", "torch", "lerobot", "cryptography", "httpx"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from zk0.cli import main
sys.exit(main(["deploy", "status"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 4, done.stderr
    assert "pip install 'zk0[federation]'" in done.stderr
    assert "Traceback" not in done.stderr
