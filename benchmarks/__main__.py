"""Run benchmarks: `python -m benchmarks [NAME …]`; each prints what it measured, with its unit."""

import sys
from importlib import import_module

NAMES = ("startup", "engine", "proximal", "aggregation", "training", "logs", "memory")


def main() -> int:
    """Run those named, or all."""
    chosen = sys.argv[1:] or NAMES
    if unknown := [name for name in chosen if name not in NAMES]:
        print(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for name in chosen:
        print(f"{name}:")
        for what, value in import_module(f"benchmarks.{name}").measure():
            print(f"  {what:60} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
