"""The wheel in an empty environment, on a project of somebody else: what a user of `pip install zk0` gets."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import git
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "flwr", "lerobot", "numpy", "mujoco", "scipy", "transformers", "mcp")
MOST_MEGABYTES = 150
MOST_SECONDS = 20  # of installing it, downloads included
LOG = "round,client,step,loss\n1,a,0,2.0\n1,a,1,1.5\n1,a,2,nan\n1,b,0,2.0\n1,b,1,1.6\n1,b,2,1.3\n"

type Zk0 = Callable[..., subprocess.CompletedProcess[str]]


def uv(*arguments: str | Path) -> None:
    # The developers' program, and an interpreter that is here: nothing but packages is downloaded.
    program = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    assert program, "the group dev brings uv: nox[uv]"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> tuple[Path, float]:
    """Return an environment with the wheel and nothing else, and the seconds that the installation took."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    [wheel] = folder.glob("*.whl")
    environment = folder / "environment"
    began = time.monotonic()
    uv("venv", "--quiet", "--python", sys.executable, environment)
    uv("pip", "install", "--quiet", "--python", environment, "-c", ROOT / "constraints.txt", wheel)
    return environment, time.monotonic() - began


@pytest.fixture
def foreign(tmp_path, levers) -> Path:
    """Return a small Flower project, committed, with the log of a run."""
    root = levers(tmp_path / "foreign")
    (root / "train.csv").write_text(LOG)
    with git.Repo.init(root, initial_branch="main") as repository:
        with repository.config_writer() as config:
            config.set_value("user", "name", "Tester").set_value("user", "email", "tester@example.org")
        repository.git.add("--all")
        repository.git.commit("--message", "As it was")
    return root


@pytest.fixture
def zk0(installed, foreign, tmp_path) -> Zk0:
    """Return a function that runs the installed program in the project, with nothing of these tests' environment."""
    environment, _ = installed
    clean = {
        "PATH": os.pathsep.join([str(environment / "bin"), "/usr/bin", "/bin"]),
        "HOME": str(tmp_path),
        "NO_COLOR": "1",
        "TERM": "dumb",
    }

    def run(*arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        command = [str(environment / "bin" / "zk0"), *arguments]
        done = subprocess.run(
            command,
            cwd=foreign,
            env=clean,
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        said = done.stdout + done.stderr
        assert "Traceback" not in said
        assert "ZK500" not in said
        assert done.returncode == status, f"{arguments}: {done.returncode}\n{said}"
        return done

    return run


def test_the_core_is_small_and_light(installed):
    environment, seconds = installed
    [packages] = environment.glob("lib/python3*/site-packages")
    names = {path.name.partition("-")[0].lower() for path in packages.iterdir()}
    megabytes = sum(path.lstat().st_size for path in environment.rglob("*") if path.is_file()) / 1e6

    assert names.isdisjoint(HEAVY)
    assert "zk0" in names
    assert megabytes <= MOST_MEGABYTES
    assert seconds <= MOST_SECONDS


def test_it_is_brought_to_a_foreign_project_used_and_taken_away(zk0, foreign):
    def files():
        return {path: path.read_bytes() for path in foreign.rglob("*") if path.is_file() and ".git" not in path.parts}

    before = files()
    assert "levers.server:app" in zk0("init", "--dry-run").stdout
    assert files() == before

    zk0("init")
    assert "pip install 'zk0[federation]'" in zk0("doctor").stdout
    listed = zk0("workflows", "list").stdout
    assert {"train", "fedprox-debug", "project"} <= {line.split()[0] for line in listed.splitlines()}
    zk0("workflows", "lint")
    assert "loss.finite" in zk0("diagnose", "train.csv", status=1).stdout
    assert " of 53 ticked" in zk0("checklist", "verify", "general", status=1).stdout
    zk0("memory", "verify")
    assert "LeverStrategy" in zk0("prime").stdout
    zk0("agents", "sync", "--for", "all")
    zk0("agents", "check", "--for", "all")
    assert zk0("next").stdout.startswith("Nothing waits")

    assert "left" not in zk0("uninit", "--apply").stdout
    assert files() == before
    assert not (foreign / ".zk0").exists()


def test_a_fact_is_kept_with_its_evidence(zk0):
    zk0("init")
    zk0("memory", "add", "fact", "Client a diverges", "--body", "See its third step.", "--source", "file:train.csv:1-7")

    assert "3 fresh" in zk0("memory", "verify").stdout
    assert "Client a diverges" in zk0("prime").stdout


@pytest.mark.parametrize(
    ("extra", "arguments"),
    [
        ("mcp", ("mcp",)),
        ("mcp", ("mcp", "--http", "8123")),
        ("federation", ("deploy", "request", "site-a")),
        ("federation", ("deploy", "status")),
        ("federation", ("deploy", "up")),
    ],
)
def test_what_needs_an_extra_says_which(zk0, extra, arguments):
    said = zk0(*arguments, status=4).stderr

    assert said.splitlines()[-1].strip() == f"pip install 'zk0[{extra}]'"


def test_a_probe_says_what_the_project_s_interpreter_lacks(zk0):
    assert "uv pip install --python" in zk0("probe", "aggregation", "levers/strategy.py:LeverStrategy", status=4).stderr


def test_a_step_that_needs_an_extra_says_which(zk0, foreign):
    (foreign / "workflows").mkdir(exist_ok=True)
    (foreign / "workflows" / "model.yaml").write_text(
        "name: model\ntitle: Build\npurpose: To try.\nsteps:\n"
        "  - {id: model, title: Build it, uses: policy.build, with: {preset: tiny}}\n"
    )

    assert "→ pip install 'zk0[federation]'" in zk0("run", "model", status=4).stdout
