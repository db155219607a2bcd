"""Run benchmarks: `python -m benchmarks [NAME …] [--OPTION …]`; each prints what it measured, with its unit.

Options go to the benchmarks that are named; `diagnosis` has some. It (five minutes) and `logs` (one minute, and 1 GB of
room) are run only where they are named.
"""

import sys
from importlib import import_module

NAMES = ("startup", "engine", "proximal", "aggregation", "training")
LONG = ("diagnosis", "logs")


def main() -> int:
    """Run those named, or all that are short."""
    options = [argument for argument in sys.argv[1:] if argument.startswith("--")]
    chosen = [argument for argument in sys.argv[1:] if argument not in options] or NAMES
    if unknown := [name for name in chosen if name not in (*NAMES, *LONG)]:
        print(f"there is no benchmark {', '.join(unknown)}; there are {', '.join((*NAMES, *LONG))}", file=sys.stderr)
        return 2
    if options and chosen != ["diagnosis"]:
        print("options are those of diagnosis: --seeds=tune|report --quick --policy=smolvla", file=sys.stderr)
        return 2
    for name in chosen:
        print(f"{name}:")
        for what, value in import_module(f"benchmarks.{name}").measure(*options):
            print(f"  {what:60} {value}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
