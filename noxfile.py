"""Sessions: tests, lint, types and bench, and one per workflow. All share one environment.

`nox -s train` installs everything once and runs `zk0 run train`. Arguments after `--` are passed on:
`nox -s train -- -i rounds=2`. `nox -t workflow` runs all workflows; `nox --json -l -t workflow` lists them
for a CI matrix.
"""

import hashlib
import logging
import os
from pathlib import Path

import nox

nox.needs_version = ">=2025.10.14"  # the first version with `requires`
nox.options.sessions = ["lint", "types", "tests"]

ROOT = Path(__file__).parent
NOX_LOG = logging.getLogger("nox")
MADE_FROM = ("pyproject.toml", "constraints.txt")
PYTHON = "3.12"
ENVIRONMENT = f"environment-{PYTHON}"  # the name that `requires` wants; the folder has no version
# Hard links save copying 6 GB; uv copies where it can't link. With compiled bytecode LeRobot imports in half the time.
UV = {"UV_LINK_MODE": "hardlink", "UV_COMPILE_BYTECODE": "1"}


@nox.session(python=PYTHON, venv_backend="uv", reuse_venv=True, default=False)
def environment(session: nox.Session) -> None:
    """Install zk0 with its development tools; skipped while pyproject.toml and constraints.txt are unchanged."""
    digest = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in MADE_FROM)).hexdigest()
    stamp = Path(session.virtualenv.location) / "zk0-installed"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
        session.log("The environment is up to date.")
        return
    stamp.unlink(missing_ok=True)
    session.install("-c", "constraints.txt", "--group", "dev", "-e", ".[simulator,simulation,tuning,mcp]", env=UV)
    stamp.write_text(digest, encoding="utf-8")


@nox.session(python=PYTHON, venv_backend="uv", reuse_venv=True, default=False)
def engines(session: nox.Session) -> None:
    """Install doit and Snakemake, which the engine benchmark compares with, in an environment of their own."""
    if not session.posargs or "engine" in session.posargs:
        session.install("--group", "bench", env=UV)


def run(session: nox.Session, program: str, *arguments: str, beside: tuple[str, ...] = ()) -> None:
    """Run a program of the shared environment; `beside` names environments whose programs are on the path too."""
    folders = [ROOT / ".nox" / name / "bin" for name in ("environment", *beside)]
    # Flower starts its processes by name, so the environment's programs come first on the path.
    path = os.pathsep.join([*map(str, folders), os.environ["PATH"]])
    session.run(
        str(folders[0] / program), *arguments, external=True, env={"PATH": path, "PYTHONDONTWRITEBYTECODE": None}
    )


@nox.session(venv_backend="none", requires=[ENVIRONMENT])
def tests(session: nox.Session) -> None:
    """Run the tests, and fail below the coverage of pyproject.toml; arguments after `--` go to pytest instead."""
    # By file, so that fixtures of a file are created once, and in the order of tests/conftest.py. Two workers, since a
    # federation or a simulator fills a core.
    everything = ["--cov", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "--durations", "60"]
    run(session, "pytest", *(session.posargs or everything))


@nox.session(venv_backend="none", requires=[ENVIRONMENT])
def lint(session: nox.Session) -> None:
    """Check style, format, layers, workflow files and the files for coding agents."""
    run(session, "ruff", "check")
    run(session, "ruff", "format", "--check")
    run(session, "lint-imports")
    run(session, "zk0", "workflows", "lint")
    run(session, "zk0", "agents", "check")


@nox.session(venv_backend="none", requires=[ENVIRONMENT])
def types(session: nox.Session) -> None:
    """Check types with mypy in strict mode."""
    run(session, "mypy")


@nox.session(venv_backend="none", requires=[ENVIRONMENT, f"engines-{PYTHON}"], default=False)
def bench(session: nox.Session) -> None:
    """Measure speed against the targets; arguments name benchmarks."""
    run(session, "python", "-m", "benchmarks", *session.posargs, beside=("engines",))


def add_workflow(file: Path) -> None:
    """Add a session that runs one workflow; a file that can't be one is reported and replaces no session."""
    name = file.stem
    if file.suffix != ".yaml" or name in OWN_SESSIONS:
        reason = f"there is a session {name} already" if name in OWN_SESSIONS else "its name does not end with .yaml"
        NOX_LOG.error(f"workflows/{file.name} is not a session: {reason}. Rename it.")
        return

    @nox.session(name=name, venv_backend="none", requires=[ENVIRONMENT], default=False, tags=["workflow"])
    def workflow(session: nox.Session) -> None:
        run(session, "zk0", "run", name, *session.posargs)

    workflow.__doc__ = f"Run the workflow {name}; arguments after `--` go to `zk0 run`."


OWN_SESSIONS = frozenset(nox.registry.get())
for workflow_file in sorted((ROOT / "workflows").glob("*.y*ml")):
    add_workflow(workflow_file)
