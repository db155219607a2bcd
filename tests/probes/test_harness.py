"""What runs in the target's interpreter needs Python 3.9, NumPy and the standard library."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import zk0.probes.harness
from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding
from zk0.probes.harness.findings import PointFinding, failed

FILES = sorted(Path(zk0.probes.harness.__file__).parent.glob("*.py"))
WITHOUT_TORCH = (
    "import sys; sys.modules['torch'] = None; import zk0.probes.harness.aggregation, zk0.probes.harness.contracts"
)


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_a_module_is_read_by_python_3_9_and_imports_nothing_of_zk0(file):
    tree = ast.parse(file.read_text(), feature_version=(3, 9))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    outer = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]

    names = {alias.name.partition(".")[0] for node in imports if isinstance(node, ast.Import) for alias in node.names}
    names |= {
        (node.module or "").partition(".")[0] for node in imports if isinstance(node, ast.ImportFrom) and not node.level
    }
    assert names <= {*sys.stdlib_module_names, "numpy", "torch", "flwr", "tomli"}
    assert "flwr" not in {(getattr(node, "module", "") or "").partition(".")[0] for node in outer}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Match)]
    assert "strict=True" not in re.sub(r'"[^"]*"', "", file.read_text())  # of zip: Python 3.10


def test_ruff_finds_nothing_that_python_3_9_lacks():
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--quiet",
        "--isolated",
        "--select",
        "F,E9",
        "--target-version",
        "py39",
    ]

    done = subprocess.run([*command, *map(str, FILES)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_aggregation_needs_no_torch():
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_each_fault_that_is_named_is_one_that_zk0_knows():
    words = {word for file in FILES for word in re.findall(r'"([a-z]+(?:-[a-z]+)+)"', file.read_text())}
    kinds = ("proximal-", "aggregate-", "exchange-", "parameters-", "frozen-", "setting-", "code-", "client-d")
    others = {"proximal-mu", "aggregate-dict"}

    assert {word for word in words if word.startswith(kinds)} - others <= set(Fault)


def test_a_finding_is_read_back_as_zk0_s_own():
    found = failed("wrong", "code-raises", "a cause", "a remedy", {"number": float("nan"), "place": "here"})

    read = Finding.model_validate(found.as_json())

    assert isinstance(found, PointFinding)
    assert read.evidence == (Evidence(name="number", value="nan"), Evidence(name="place", value="here"))
    assert (read.verdict, read.fault) == ("fail", Fault.code_raises)
