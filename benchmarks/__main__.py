"""Run benchmarks: `python -m benchmarks [NAME …] [--save FILE] [--OPTION …]`; each prints what it measured, with units.

What is saved can be a baseline: `zk0 checklist verify post-implementation` compares `.zk0/reports/benchmarks.json` with
`benchmarks/baseline.json`. Other options go to the benchmark that is named; `diagnosis` has some. It (five minutes),
`tuning` (eight minutes), `probes` (two minutes) and `logs` (one minute, and 1 GB of room) are run only where they are
named.
"""

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from benchmarks import Measured

NAMES = (
    "startup",
    "checklist",
    "engine",
    "memory",
    "digests",
    "aggregation",
    "proximal",
    "first_round",
    "local_training",
    "reply_size",
    "end_to_end",
    "training",
)
LONG = ("diagnosis", "logs", "probes", "tuning")


def main() -> int:
    """Run the named benchmarks, or all short ones."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join((*NAMES, *LONG)))
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the results there, as JSON")
    given, options = parser.parse_known_args()
    if unknown := [name for name in given.names if name not in (*NAMES, *LONG)]:
        print(f"unknown benchmark: {', '.join(unknown)}; choose from {', '.join((*NAMES, *LONG))}", file=sys.stderr)
        return 2
    if options and given.names != ["diagnosis"]:
        print("options are those of diagnosis: --seeds=tune|report --quick --policy=smolvla", file=sys.stderr)
        return 2
    results, measured = {}, []
    for name in given.names or NAMES:
        print(f"{name}:")
        for found in import_module(f"benchmarks.{name}").measure(*options):
            what, value = (found.what, str(found)) if isinstance(found, Measured) else found
            print(f"  {what:60} {value}", flush=True)
            results[f"{name}: {what}"] = value
            if isinstance(found, Measured):
                measured.append(found)
    print_table(measured)
    if given.save:
        load = os.getloadavg()[0]
        machine = {
            "cores": os.cpu_count(),
            "load": load,
            "machine": platform.machine(),
            "python": platform.python_version(),
        }
        given.save.parent.mkdir(parents=True, exist_ok=True)
        given.save.write_text(
            json.dumps(
                {
                    "machine": machine,
                    "results": results,
                    "goals": [asdict(one) | {"verdict": one.verdict} for one in measured],
                },
                indent=2,
                ensure_ascii=False,
            )
            + "\n"
        )
    return 0


def print_table(measured: list[Measured]) -> None:
    """Print what has a goal: measured, goal, verdict."""
    if not measured:
        return
    print(f"\n{'':66} {'measured':>16}  {'goal':>16}  verdict")
    for one in measured:
        print(f"{one.what:66} {f'{one.value:.3g} {one.unit}':>16}  {one.wanted:>16}  {one.verdict}")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    sys.exit(main())
