"""Run benchmarks: `python -m benchmarks [NAME …] [--save FILE] [--OPTION …]`; each prints what it measured, with units.

What is saved can be a baseline: `zk0 checklist verify post-implementation` compares `.zk0/reports/benchmarks.json` with
`benchmarks/baseline.json`. Other options go to the benchmark that is named; `diagnosis` has some. It (five minutes),
`tuning` (eight minutes) and `logs` (one minute, and 1 GB of room) are run only where they are named.
"""

import argparse
import json
import os
import platform
import sys
from importlib import import_module
from pathlib import Path

NAMES = ("startup", "checklist", "engine", "memory", "proximal", "aggregation", "training")
LONG = ("diagnosis", "logs", "tuning")


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
    results = {}
    for name in given.names or NAMES:
        print(f"{name}:")
        for what, value in import_module(f"benchmarks.{name}").measure(*options):
            print(f"  {what:60} {value}", flush=True)
            results[f"{name}: {what}"] = value
    if given.save:
        machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
        given.save.parent.mkdir(parents=True, exist_ok=True)
        given.save.write_text(json.dumps({"machine": machine, "results": results}, indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
