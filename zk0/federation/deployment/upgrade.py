"""Which options of Flower's programs, in this project's files and in zk0 itself, the installed Flower no longer knows.

Flower's deployment moved from three gRPC ports to one HTTPS port; each step removed options, and files that name them
fail at the next start, or are silently ignored.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from zk0.core.process import run_program
from zk0.core.verdicts import Finding, failed, passed, warned
from zk0.federation.deployment.programs import superlink_argv, supernode_argv

PROGRAM = re.compile(r"\b(flower-(?:superlink|supernode|superexec))\b")
OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]+)")
SUFFIXES = (".yaml", ".yml", ".sh", ".service", ".toml", ".env", ".tpl", ".j2")
NAMES = ("Dockerfile", "Makefile", "Procfile")

# Of flwr 1.42, by reading its parsers: what it refuses, and what it accepts and ignores; each with what is used now.
REFUSED = {
    "--serverappio-api-address": "--host and --port",
    "--clientappio-api-address": "--host and --port",
    "--auth-list-public-keys": "--enable-supernode-auth, and register keys by flwr supernode register",
    "--appio-ssl-certfile": "--ssl-certfile",
    "--appio-ssl-keyfile": "--ssl-keyfile",
    "--appio-ssl-ca-certfile": "--ssl-ca-certfile",
}
IGNORED = {
    "--fleet-api-address": "--host and --port",
    "--fleet-api-type": "nothing: there is one interface",
    "--control-api-address": "--host and --port",
    "--plugin-type": "nothing",
    "--allow-runtime-dependency-installation": "nothing: it is on unless --disable-runtime-dependency-installation",
}


def outdated_options(root: Path, files: Iterable[str]) -> Iterator[Finding]:
    """Judge the options in a project's files, and those that zk0 itself gives to Flower's programs."""
    found = [one for name in files if _is_configuration(Path(name)) for one in _in_file(root / name, name)]
    yield from found
    if not found:
        yield passed("no file uses an option that Flower no longer knows")
    path = Path()
    own = {
        "flower-superlink": superlink_argv(host="", port=0, certificates=path, database=path),
        "flower-supernode": supernode_argv(superlink="", authority=path, key=path, port=0, configuration=""),
    }
    for program, argv in own.items():
        missing = sorted(set(OPTION.findall(" ".join(argv))) - known_options(program))
        if missing:
            yield failed(f"{program} does not know {', '.join(missing)}", remedy="install the flwr that zk0 asks for")
        else:
            yield passed(f"{program} knows every option that zk0 gives it")


@cache
def known_options(program: str) -> frozenset[str]:
    """Return the options that the help of an installed program names; it takes 2 s."""
    return frozenset(OPTION.findall(run_program(program, "--help", cwd=Path()).out))


def _in_file(path: Path, name: str) -> Iterator[Finding]:
    text = path.read_text(encoding="utf-8", errors="replace")
    if not PROGRAM.search(text):
        return
    for number, line in enumerate(text.splitlines(), start=1):
        for option in OPTION.findall(line):
            place = f"{name}:{number}"
            if option in REFUSED:
                yield failed(f"Flower refuses {option}", at=place, remedy=f"use {REFUSED[option]}")
            elif option in IGNORED:
                yield warned(f"Flower ignores {option}", at=place, remedy=f"use {IGNORED[option]}")


def _is_configuration(path: Path) -> bool:
    return path.suffix in SUFFIXES or path.name.startswith(NAMES)
