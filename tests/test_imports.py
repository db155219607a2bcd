"""What lists, plans, judges and remembers imports nothing heavy: LeRobot's SmolVLA alone costs about 13 s."""

import subprocess
import sys

PROGRAM = """
import pkgutil, sys, warnings
from importlib import import_module

warnings.simplefilter("ignore")
import zk0

LIGHT = ("zk0.cli", "zk0.workflow", "zk0.memory", "zk0.checklists", "zk0.ledger", "zk0.diagnostics", "zk0.actions")
for name in LIGHT:
    package = import_module(name)
    for _, module, _ in pkgutil.walk_packages(package.__path__, name + "."):
        import_module(module)
HEAVY = ("torch", "lerobot", "flwr", "mujoco", "transformers", "scipy")
print([name for name in HEAVY if name in sys.modules])
"""


def test_the_light_packages_import_no_heavy_one():
    command = [sys.executable, "-c", PROGRAM]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == "[]\n"


def test_the_mcp_server_starts_without_the_engine():
    program = "import sys, zk0.cli.mcp, zk0.agents.server; print('zk0.workflow' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == "False\n"
