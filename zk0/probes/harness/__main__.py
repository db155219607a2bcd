"""The program of the probing process: `python …/harness KIND TARGET ANSWER SECONDS [strict]`, run as a directory.

So run, it is no part of a package and its folder is the first of `sys.path`. Both would change what the target imports:
the folder leaves the path before anything is imported, and the harness becomes a package called `zk0_harness`.
"""

import sys

NAME = "zk0_harness"

if __name__ == "__main__":
    folder = sys.path.pop(0)
    import importlib.util

    spec = importlib.util.spec_from_file_location(NAME, f"{folder}/__init__.py", submodule_search_locations=[folder])
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = package
    spec.loader.exec_module(package)
    importlib.import_module(f"{NAME}.program").main(sys.argv[1:])
