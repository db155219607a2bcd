"""The same chain of steps that do nothing, by zk0, doit and Snakemake: whole processes, as a user starts them.

Each program runs a chain of `CHAIN` steps, each after the one before, and a chain of one, in a fresh directory: nothing
was done before, so nothing is skipped. The rounds are interleaved, so that a slow minute of the machine hits all alike.

What a step is differs, and so does what it leaves behind:

zk0        an action in the engine's process, or the program `true`. The journal is written and flushed to the disk
           before and after each step, a receipt is written and flushed, checklist and memory bank are kept up to date
doit       a Python function in doit's process, or the program `true`. One database, written at the end of the run
Snakemake  `shell: "true"` in a shell, or an empty `run:`, for which it starts itself again. An output file is touched
           and the metadata of each job is written. `--cores 1`
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

CHAIN, ROUNDS = 50, 5
SHORT_CHAIN = 3  # for programs that need more than a second per step
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Way:
    """A program that runs a chain of steps: its file, and its command."""

    name: str
    written: Callable[[int], dict[str, str]]
    command: tuple[str, ...]
    chain: int = CHAIN

    @property
    def installed(self) -> bool:
        """Whether its program is installed."""
        return shutil.which(self.command[0]) is not None


def _zk0(step: str, count: int) -> dict[str, str]:
    steps = "".join(f"  - {{id: s{number}, title: A, {step}}}\n" for number in range(count))
    module = (
        "from zk0.workflow.actions import Context, Inputs, Outputs, action\n"
        "@action('nothing.do')\ndef do(inputs: Inputs, context: Context) -> Outputs:\n    '''Do nothing.'''\n"
        "    return Outputs()\n"
    )
    return {
        "pyproject.toml": "[tool.zk0]\nactions = 'nothing'\n",
        "nothing.py": module,
        "workflows/chain.yaml": f"name: chain\ntitle: A\npurpose: B\nsteps:\n{steps}",
    }


def _doit(action: str, count: int) -> dict[str, str]:
    after = "[f's{n - 1}'] if n else []"
    task = f"{{'basename': f's{{n}}', 'actions': [{action}], 'task_dep': {after}}}"
    tasks = f"def task_chain():\n    for n in range({count}):\n        yield {task}\n"
    return {"dodo.py": f"def nothing():\n    pass\n\n{tasks}"}


def _snakemake(body: str, count: int) -> dict[str, str]:
    rules = [f"rule all:\n    input: 's{count - 1}.done'\n"]
    for number in range(count):
        before = f"    input: 's{number - 1}.done'\n" if number else ""
        rules.append(f"rule s{number}:\n{before}    output: touch('s{number}.done')\n    {body}\n")
    return {"Snakefile": "\n".join(rules)}


ZK0 = (sys.executable, "-m", "zk0", "run", "chain", "--quiet")
SNAKEMAKE = ("snakemake", "--cores", "1", "--quiet", "all")
WAYS = (
    Way("zk0, an action", lambda count: _zk0("uses: nothing.do", count), ZK0),
    Way("zk0, a program", lambda count: _zk0("run: ['true']", count), ZK0),
    Way("doit, a Python action", lambda count: _doit("nothing", count), ("doit",)),
    Way("doit, a program", lambda count: _doit("['true']", count), ("doit",)),
    Way("Snakemake, a shell rule", lambda count: _snakemake("shell: 'true'", count), SNAKEMAKE),
    Way("Snakemake, a run rule", lambda count: _snakemake("run: pass", count), SNAKEMAKE, SHORT_CHAIN),
)


def compare() -> Iterator[tuple[str, str]]:
    """Yield each program's time for a chain of one and for each further step, and both compared with zk0's."""
    for way in WAYS:
        if not way.installed:
            yield way.name, f"not installed: {way.command[0]} (uv pip install --group bench)"
    ways = [way for way in WAYS if way.installed]
    for name in ("doit", "snakemake"):
        if any(way.command[0] == name for way in ways):
            yield f"version of {name}", _version(name)
    alone: dict[str, list[Cost]] = {way.name: [] for way in ways}
    chains: dict[str, list[Cost]] = {way.name: [] for way in ways}
    for _ in range(ROUNDS):
        for way in ways:
            alone[way.name].append(_cost(way, 1))
            chains[way.name].append(_cost(way, way.chain))
    own = WAYS[0]
    for way in ways:
        one, own_one = _median(alone[way.name]), _median(alone[own.name])
        more = _further(one, _median(chains[way.name]), way)
        own_more = _further(own_one, _median(chains[own.name]), own)
        yield f"{way.name}: one step", f"{one.wall:.2f} s, {one.cpu:.2f} s of a core{_ratio(one, own_one)}"
        yield (
            f"{way.name}: each further step",
            f"{more.wall * 1000:.1f} ms, {more.cpu * 1000:.1f} ms of a core{_ratio(more, own_more)}",
        )


@dataclass(frozen=True)
class Cost:
    """Wall-clock seconds, and CPU seconds, which say more on a shared machine."""

    wall: float
    cpu: float


def _median(costs: list[Cost]) -> Cost:
    return Cost(statistics.median(cost.wall for cost in costs), statistics.median(cost.cpu for cost in costs))


def _further(one: Cost, chain: Cost, way: Way) -> Cost:
    """Return the cost of each step of a chain after the first."""
    steps = way.chain - 1
    return Cost((chain.wall - one.wall) / steps, (chain.cpu - one.cpu) / steps)


def _ratio(cost: Cost, own: Cost) -> str:
    return "" if cost == own else f" ({cost.wall / own.wall:.2f}, {cost.cpu / own.cpu:.2f} of zk0's)"


def _cost(way: Way, count: int) -> Cost:
    """Return the cost of a chain, as a process with its children."""
    with TemporaryDirectory() as directory:
        for name, text in way.written(count).items():
            path = Path(directory) / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        before, used = time.perf_counter(), _used()
        subprocess.run(way.command, cwd=directory, env=environment, check=True, capture_output=True)  # noqa: S603
        return Cost(time.perf_counter() - before, _used() - used)


def _used() -> float:
    """Return the CPU seconds of this process's finished children."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _version(name: str) -> str:
    done = subprocess.run([name, "--version"], check=True, capture_output=True, text=True)  # noqa: S603
    return done.stdout.strip().splitlines()[0]
